"""Patches against slices of the images, and resized ones against means over areas."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from featbench.errors import InputError
from featbench.numerics.area import area_resize
from featbench.words import Dense, Patch
from featbench.words.places import Places

ROUNDED = 0.5 + 1e-4  # to whole levels, of float32 positions


@pytest.fixture(params=[(), (3,)], ids=["grey", "colour"])
def images(request, rng):
    return rng.integers(0, 256, (3, 17, 20, *request.param), dtype=np.uint8)


def at(corners, sides, n):
    """Patches of n images at the same corners."""
    corners, sides = np.asarray(corners, dtype=float), np.asarray(sides, dtype=float)
    return Places(
        positions=np.tile(corners + (sides[:, None] - 1) / 2, (n, 1)).astype(np.float32),
        sizes=np.tile(sides, n).astype(np.float32),
        angles=np.zeros(n * len(sides), np.float32),
        offsets=np.arange(n + 1) * len(sides),
    )


def test_a_patch_of_a_grid_is_a_slice_of_the_image(images):
    places = Dense(stride=3, sizes=5).places(images, 0)
    rows = Patch(size=5).describe(images, places)
    (grid,) = places.grids
    expected = [
        image[top : top + 5, left : left + 5].ravel()
        for image in images
        for top in grid.tops
        for left in grid.lefts
    ]
    np.testing.assert_array_equal(rows, expected)
    assert rows.dtype == np.float32
    assert rows.flags.c_contiguous
    assert rows.shape[1] == Patch(size=5).length(images.shape[3] if images.ndim == 4 else 1)


def test_without_a_grid_whole_pixels_are_copied_as_well(images):
    corners, n = [[0, 0], [3, 4], [12, 15]], len(images)
    rows = Patch(size=5).describe(images, at(corners, [5, 5, 5], n))
    expected = [image[r : r + 5, c : c + 5].ravel() for image in images for r, c in corners]
    np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize(("side", "size"), [(12, 4), (7, 5)])
def test_larger_ones_are_means_over_areas(images, side, size):
    rows = Patch(size=size).describe(images, at([[2, 5]], [side], len(images)))
    cut = np.ascontiguousarray(images[:, 2 : 2 + side, 5 : 5 + side])
    means = area_resize(cut, size, size).reshape(len(images), -1)
    assert np.abs(rows - means).max() <= 1  # a half may be rounded to its other neighbour
    if side == 12:
        expected = [
            cv2.resize(patch.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) for patch in cut
        ]
        np.testing.assert_allclose(rows, np.reshape(expected, rows.shape), atol=ROUNDED)


def test_sizes_of_a_grid_may_differ(images):
    places = Dense(stride=6, sizes=[4, 8]).places(images, 0)
    rows = Patch(size=4).describe(images, places)
    loose = Places(places.positions, places.sizes, places.angles, places.offsets)
    np.testing.assert_array_equal(rows, Patch(size=4).describe(images, loose))
    first = places.sizes == 4
    small = Patch(size=4).describe(images, Dense(stride=6, sizes=4).places(images, 0))
    np.testing.assert_array_equal(rows[first], small)


def test_half_pixels_by_hand():
    """A patch of 2 × 2 whose corner lies half a pixel in: each new pixel covers a quarter of four old ones."""
    image = np.arange(9, dtype=np.uint8).reshape(1, 3, 3)
    rows = Patch(size=2).describe(image, at([[0.5, 0.5]], [2], 1))
    assert rows.tolist() == [[2, 3, 5, 6]]


def test_beyond_its_edges_an_image_goes_on_as_it_ends():
    image = np.array([[[10, 20], [30, 40]]], dtype=np.uint8)
    rows = Patch(size=4).describe(image, at([[-1, -1]], [4], 1))
    assert rows.reshape(4, 4).tolist() == [
        [10, 10, 20, 20],
        [10, 10, 20, 20],
        [30, 30, 40, 40],
        [30, 30, 40, 40],
    ]


def test_any_place_against_fractions(rng):
    """The same mean in rational numbers, pixel by pixel."""
    image = rng.integers(0, 256, (1, 9, 9), dtype=np.uint8)
    centre, side, size = (3.75, 4.625), 5.5, 3
    places = Places(
        np.array([centre], np.float32),
        np.array([side], np.float32),
        np.zeros(1, np.float32),
        np.array([0, 1]),
    )
    found = Patch(size=size).describe(image, places).reshape(size, size)

    def shares(axis, new):
        step = Fraction(side) / size
        start = Fraction(centre[axis]) + Fraction(1, 2) - Fraction(side) / 2 + new * step
        return [max(0, min(start + step, old + 1) - max(start, old)) / step for old in range(9)]

    expected = [
        [
            float(
                sum(
                    a * b * int(image[0, r, c])
                    for r, a in enumerate(shares(0, y))
                    for c, b in enumerate(shares(1, x))
                )
            )
            for x in range(size)
        ]
        for y in range(size)
    ]
    np.testing.assert_allclose(found, expected, atol=ROUNDED)


def test_turned_patches_are_upright_afterwards(images):
    upright = at([[3, 4]], [5], len(images))
    angles = np.full(len(images), 90, np.float32)
    turned = Places(upright.positions, upright.sizes, angles, upright.offsets)
    rows = Patch(size=5).describe(images, turned)
    expected = np.rot90(images[:, 3:8, 4:9], axes=(1, 2))
    np.testing.assert_array_equal(rows, expected.reshape(len(images), -1))


def test_images_without_patches(images):
    rows = Patch(size=4).describe(images, at(np.zeros((0, 2)), np.zeros(0), len(images)))
    assert rows.shape == (0, Patch(size=4).length(3 if images.ndim == 4 else 1))
    nothing = Patch(size=4).describe(images[:0], Dense(sizes=4).places(images[:0], 0))
    assert nothing.shape == rows.shape


def test_without_a_size_it_says_so():
    with pytest.raises(InputError, match="Patch: size must be a number here"):
        Patch().length(3)
