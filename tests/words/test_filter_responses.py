"""Responses at patches' centres against a convolution and against the extractor's own points."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import convolve
from skimage.data import astronaut

from featbench.errors import InputError
from featbench.extractors import FilterBank
from featbench.extractors.filters import filter_bank
from featbench.extractors.raw import to_grey
from featbench.words import Dense, FilterResponses
from featbench.words.places import Places

# float32 transforms of values about 1, and sums of 2,401 products.
SINGLE = 1e-5


@pytest.fixture(scope="module")
def photographs():
    whole = astronaut()
    return np.stack([whole[r : r + 60, c : c + 71] for r, c in ((60, 180), (300, 150), (0, 0))])


@pytest.mark.parametrize(("bank", "length"), [("mr8", 8), ("lm", 48), ("schmid", 13)])
@pytest.mark.parametrize("colour", [False, True])
def test_rows_are_the_extractors_at_the_middle_pixel(photographs, bank, length, colour):
    images = photographs if colour else to_grey(photographs)
    before = images.copy()
    places = Dense(stride=4, sizes=[5, 8]).places(images, 0)
    found = FilterResponses(bank=bank).describe(images, places)
    local = FilterBank(bank=bank, stride=1).describe(images).values.reshape(3, 60, 71, length)
    expected = []
    for planes in local:
        for grid in places.grids:
            middle = (grid.size - 1) // 2  # of eight pixels the fourth: the one before the middle
            expected.append(planes[grid.tops[:, None] + middle, grid.lefts + middle].reshape(-1, length))
    np.testing.assert_array_equal(found, np.concatenate(expected))
    np.testing.assert_array_equal(images, before)
    assert FilterResponses(bank=bank).length(3) == length


def test_responses_are_convolutions(photographs):
    grey = to_grey(photographs)[:1]
    plane = (grey[0] - grey[0].mean()) / 255
    places = Places(
        np.float32([[0, 0], [31.2, 40.9], [59, 12]]), *np.ones((2, 3), np.float32), np.array([0, 3])
    )
    descriptor = FilterResponses(bank="schmid", scale=0.5, normalize=False, contrast=False)
    found = descriptor.describe(grey, places)
    filters = filter_bank("schmid", 0.5).filters
    expected = np.stack(
        [convolve(plane, each, mode="reflect")[[0, 31, 59], [0, 41, 12]] for each in filters], axis=1
    )
    np.testing.assert_allclose(found, expected, atol=SINGLE)


def test_sides_and_angles_are_not_read_and_images_do_not_mix(photographs, rng):
    positions = rng.uniform(0, 59, (9, 2)).astype(np.float32)
    offsets = np.array([0, 5, 5, 9])
    sides, angles = rng.uniform(1, 90, (2, 9)).astype(np.float32)
    places = Places(positions, sides, angles, offsets)
    found = FilterResponses().describe(photographs, places)
    upright = Places(positions, np.ones_like(sides), np.zeros_like(angles), offsets)
    np.testing.assert_array_equal(FilterResponses().describe(photographs, upright), found)
    for i in range(3):
        alone = FilterResponses().describe(photographs[i : i + 1], places.of_images(i, i + 1))
        np.testing.assert_array_equal(found[offsets[i] : offsets[i + 1]], alone)


def test_a_middle_outside_is_the_nearest_pixel(photographs):
    offsets, rest = np.array([0, 2]), np.ones((2, 2), np.float32)
    outside = Places(np.float32([[-4, 90], [70, 3]]), *rest, offsets)
    inside = Places(np.float32([[0, 70], [59, 3]]), *rest, offsets)
    a, b = (FilterResponses().describe(photographs[:1], p) for p in (outside, inside))
    np.testing.assert_array_equal(a, b)


def test_flat_images_have_zeros():
    flat = np.full((1, 30, 30, 3), 99, np.uint8)
    assert not FilterResponses().describe(flat, Dense(stride=9, sizes=3).places(flat, 0)).any()


def test_images_smaller_than_half_a_filter_are_refused():
    images = np.zeros((1, 24, 40), np.uint8)
    message = (
        r"FilterResponses: images must be at least 25 × 25 pixels for scale=1; got 24 × 40\. "
        r"Enlarge the images, or take a smaller scale \(0\.5 at the least\)\."
    )
    with pytest.raises(InputError, match=message):
        FilterResponses().describe(images, Dense(sizes=5).places(images, 0))
    assert FilterResponses(scale=0.9).describe(images, Dense(sizes=5).places(images, 0)).shape == (20 * 36, 8)
