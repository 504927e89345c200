"""Random patches: inside, evenly spread, and each image's own."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.errors import InputError
from featbench.words import RandomCrops


def fields(places):
    return (places.positions, places.sizes, places.angles, places.offsets)


@pytest.mark.parametrize("shape", [(4, 20, 31), (4, 20, 31, 3)])
def test_patches_lie_at_whole_pixels_inside(rng, shape):
    images = rng.integers(0, 256, shape).astype(np.uint8)
    places = RandomCrops(count=300, sizes=[5, 8, 20]).places(images, 0)
    assert places.offsets.tolist() == [0, 300, 600, 900, 1200]
    assert places.grids is None
    assert not places.angles.any()
    assert {a.dtype.name for a in fields(places)[:3]} == {"float32"}
    first = places.positions - (places.sizes[:, None] - 1) / 2
    np.testing.assert_array_equal(first, np.rint(first))
    assert first.min() == 0
    np.testing.assert_array_equal((first + places.sizes[:, None]).max(axis=0), [20, 31])
    assert set(places.sizes) == {5, 8, 20}


def test_places_and_sizes_are_equally_likely():
    image = np.zeros((1, 9, 10), np.uint8)
    places = RandomCrops(count=30_000, sizes=[4, 6]).places(image, 3)
    large = places.sizes == 6
    assert abs(large.mean() - 0.5) < 0.015  # five deviations
    corners = (places.positions - 2.5)[large].astype(int)
    counts = np.bincount(corners[:, 0] * 5 + corners[:, 1], minlength=20)
    assert len(counts) == 4 * 5
    expected = large.sum() / 20
    assert ((counts - expected) ** 2 / expected).sum() < 55  # chi-squared of 19 degrees: 1 in 40,000


def test_what_is_drawn_is_an_images_own(rng):
    images = rng.integers(0, 256, (3, 20, 20, 3)).astype(np.uint8)
    before = images.copy()
    images.flags.writeable = False
    crops = RandomCrops(count=10, sizes=[4, 7])
    together = crops.places(images, 5)
    for i in range(3):
        alone = crops.places(images[i : i + 1], 5)
        for a, b in zip(fields(together.of_images(i, i + 1)), fields(alone), strict=True):
            np.testing.assert_array_equal(a, b)
    reversed_ = crops.places(images[::-1], np.int64(5))
    np.testing.assert_array_equal(reversed_.positions[:10], together.positions[20:])
    np.testing.assert_array_equal(images, before)


def test_seeds_pixels_and_shapes_draw_differently(rng):
    image = rng.integers(0, 256, (1, 20, 20)).astype(np.uint8)
    other = image.copy()
    other[0, 19, 19] ^= 1
    crops, zeros = RandomCrops(count=8, sizes=4), np.zeros((1, 16, 25), np.uint8)
    drawn = [
        crops.places(image, 0),
        crops.places(image, 1),
        crops.places(other, 0),
        crops.places(zeros, 0),
        crops.places(zeros.reshape(1, 25, 16), 0),
    ]
    assert len({places.positions.tobytes() for places in drawn}) == 5


def test_equal_images_have_equal_patches():
    places = RandomCrops(count=8, sizes=4).places(np.zeros((2, 20, 20), np.uint8), 0)
    np.testing.assert_array_equal(places.positions[:8], places.positions[8:])


def test_an_image_of_a_patch_has_that_patch():
    places = RandomCrops(count=2, sizes=6).places(np.zeros((1, 6, 6), np.uint8), 0)
    np.testing.assert_array_equal(places.positions, [[2.5, 2.5]] * 2)


def test_too_small_images_and_no_sizes_are_refused():
    with pytest.raises(
        InputError,
        match=r"RandomCrops: images must be at least 9 × 9 pixels, the size of a patch; got 8 × 20",
    ):
        RandomCrops(sizes=[4, 9]).check_shape((8, 20, 3))
    with pytest.raises(InputError, match="RandomCrops: images must be at least 9"):
        RandomCrops(sizes=[4, 9]).places(np.zeros((1, 8, 20), np.uint8), 0)
    with pytest.raises(InputError, match="RandomCrops: sizes must be one number or more"):
        RandomCrops(sizes=[]).check_shape((8, 8))
