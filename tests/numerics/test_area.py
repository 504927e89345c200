"""The mean of the area that a new pixel covers, to the last unit: against fractions, matrices and OpenCV."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featbench.numerics.area import area_resize

# OpenCV's area interpolation sums in float32 and rounds halves to even.
OPENCV_ROUNDING = 1


def test_two_by_two_means_by_hand():
    image = np.array([[[0, 1, 10, 20], [2, 3, 30, 41]]], dtype=np.uint8)
    # 6 / 4 = 1.5 is rounded up, 101 / 4 = 25.25 down.
    np.testing.assert_array_equal(area_resize(image, 1, 2), [[[2, 25]]])


def mean_of_area(image, height, width):
    """The definition in fractions: every pixel by its share of the area."""
    old_height, old_width = image.shape
    result = np.zeros((height, width), dtype=int)
    for y, x in np.ndindex(height, width):
        total = Fraction(0)
        for i, j in np.ndindex(image.shape):
            down = min(Fraction(y + 1, height), Fraction(i + 1, old_height))
            down -= max(Fraction(y, height), Fraction(i, old_height))
            across = min(Fraction(x + 1, width), Fraction(j + 1, old_width))
            across -= max(Fraction(x, width), Fraction(j, old_width))
            if down > 0 and across > 0:
                total += int(image[i, j]) * down * across
        result[y, x] = int(total * height * width + Fraction(1, 2))
    return result


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), *[st.integers(1, 7)] * 4)
def test_resizing_is_the_exact_mean(seed, old_height, old_width, height, width):
    image = np.random.default_rng(seed).integers(0, 256, (old_height, old_width)).astype(np.uint8)
    np.testing.assert_array_equal(
        area_resize(image[None], height, width)[0], mean_of_area(image, height, width)
    )


@pytest.mark.parametrize(("height", "width"), [(16, 16), (7, 11), (31, 30)])
def test_shrinking_agrees_with_opencv(rng, height, width):
    image = rng.integers(0, 256, (48, 33, 3)).astype(np.uint8)
    theirs = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    difference = area_resize(image[None], height, width)[0].astype(int) - theirs
    assert np.abs(difference).max() <= OPENCV_ROUNDING


def test_enlarging_repeats_pixels(rng):
    images = rng.integers(0, 256, (2, 3, 4, 3)).astype(np.uint8)
    np.testing.assert_array_equal(area_resize(images, 6, 8), images.repeat(2, axis=1).repeat(2, axis=2))


def overlap(old, new):
    """In units of 1 / `new` old pixels, what part of each old pixel lies in each new one."""
    starts, ends = np.arange(new)[:, None] * old, (np.arange(new)[:, None] + 1) * old
    lower, upper = np.arange(old) * new, (np.arange(old) + 1) * new
    return np.maximum(np.minimum(ends, upper) - np.maximum(starts, lower), 0)


def by_matrices(image, height, width):
    """The definition as two products of whole numbers, quick enough for large images."""
    area = image.shape[0] * image.shape[1]
    down, across = overlap(image.shape[0], height), overlap(image.shape[1], width)
    # Whole numbers below 2⁵³ all along, so that float64 makes no error in any order.
    sums = np.einsum("yi,ijc->yjc", down.astype(float), image.astype(float), optimize=True)
    sums = np.einsum("xj,yjc->yxc", across.astype(float), sums, optimize=True)
    return np.floor_divide(2 * sums + area, 2 * area).astype(np.uint8)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), *[st.integers(1, 70)] * 4, st.sampled_from([1, 3, 4]), st.booleans())
def test_any_sizes_and_channels(seed, old_height, old_width, height, width, channels, extremes):
    image = np.random.default_rng(seed).integers(0, 256, (old_height, old_width, channels)).astype(np.uint8)
    if extremes:
        image = np.where(image > 127, np.uint8(255), np.uint8(0))
    wanted = by_matrices(image, height, width)
    np.testing.assert_array_equal(area_resize(image[None], height, width)[0], wanted)
    if channels == 4:
        out = np.full((1, height, width, 3), 99, np.uint8)
        assert area_resize(image[None], height, width, out=out) is out
        np.testing.assert_array_equal(out[0], wanted[..., :3])


# 255 times an area in lowest terms: below and above 2³², where sums begin to take 64 bits.
@pytest.mark.parametrize(("height", "width"), [(3989, 4219), (4003, 4219), (4999, 8009)])
def test_sums_beyond_32_bits(rng, height, width):
    image = np.full((height, width, 1), 255, np.uint8)
    image[rng.integers(0, height, 99), rng.integers(0, width, 99)] = 0
    np.testing.assert_array_equal(area_resize(image[None], 5, 7)[0], by_matrices(image, 5, 7))


def test_a_mean_of_a_half_is_rounded_up():
    # 127.5, and one level of one pixel less: the nearest that a mean of so many pixels comes to a half.
    for side in (2, 64, 1024):
        image = np.zeros((side, side), np.uint8)
        image[: side // 2] = 255
        assert area_resize(image[None], 1, 1).item() == 128
        image[0, 0] = 254
        assert area_resize(image[None], 1, 1).item() == 127


def test_images_stay_as_they_are_and_each_by_itself(rng, monkeypatch):
    whole = rng.integers(0, 256, (2, 600, 900, 3)).astype(np.uint8)
    images = whole[:, ::-1, 100:-100]
    images.flags.writeable = False
    before = images.copy()
    one = area_resize(images, 50, 60)
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", "2")
    np.testing.assert_array_equal(area_resize(images, 50, 60), one)
    np.testing.assert_array_equal(area_resize(images[1:], 50, 60), one[1:])
    np.testing.assert_array_equal(images, before)
    assert area_resize(images[:0], 50, 60).shape == (0, 50, 60, 3)
