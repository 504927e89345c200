"""Patches against exact means of areas, bilinear samples by scipy, and turned images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from featbench.numerics.area import area_resize
from featbench.words.cutting import cut
from featbench.words.places import Places

# Bytes rounded from sums in another order: one that lies on a half may become its other neighbour.
ROUNDED_ALIKE = 1


def places(positions, sides, angles=0.0, offsets=None):
    positions = np.asarray(positions, np.float32)
    m = len(positions)
    sides, angles = (np.broadcast_to(np.asarray(v, np.float32), m).copy() for v in (sides, angles))
    offsets = np.array([0, m] if offsets is None else offsets, np.int64)
    return Places(positions=positions, sizes=sides, angles=angles, offsets=offsets)


def whole(tops_lefts, side):
    return places(np.asarray(tops_lefts) + (side - 1) / 2, side)


def picture(rng, shape):
    """Smooth with noise: errors of place show, and so do errors of single pixels."""
    smooth = np.add.outer(np.arange(shape[0]) * 5, np.arange(shape[1]) * 3) % 200
    smooth = smooth if len(shape) == 2 else np.stack([smooth, 200 - smooth, smooth // 2], axis=-1)
    return (smooth + rng.integers(0, 56, shape)).astype(np.uint8)


def box_mean(image, row, col, side, size):
    """Each new pixel as the mean over a square, one at a time; beyond the border the nearest pixel."""
    margin = 60
    padded = np.pad(image.astype(float), [(margin, margin)] * 2 + [(0, 0)] * (image.ndim - 2), mode="edge")
    edges = np.arange(padded.shape[0]) - margin, np.arange(padded.shape[1]) - margin
    step, patch = side / size, np.empty((size, size, *image.shape[2:]))
    width = max(step, 1)
    for y, x in np.ndindex(size, size):
        shares = []
        for k, centre, first in ((y, row, edges[0]), (x, col, edges[1])):
            middle = centre + 0.5 - side / 2 + (k + 0.5) * step
            covered = np.minimum(first + 1, middle + width / 2) - np.maximum(first, middle - width / 2)
            shares.append(np.maximum(covered, 0) / width)
        patch[y, x] = np.tensordot(np.outer(*shares), padded, axes=((0, 1), (0, 1)))
    return patch


def samples(image, rows, cols):
    planes = image[..., None] if image.ndim == 2 else image
    found = [
        map_coordinates(planes[..., c].astype(float), [rows, cols], order=1, mode="nearest")
        for c in range(planes.shape[-1])
    ]
    return np.stack(found, axis=-1).reshape(*rows.shape, *image.shape[2:])


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3)])
@pytest.mark.parametrize("side", [8, 9, 16, 29])
def test_patches_at_whole_pixels_are_reduced_by_exact_means(rng, shape, side):
    image = rng.integers(0, 256, shape).astype(np.uint8)
    corners = rng.integers(0, 40 - side + 1, (20, 2))
    crops = np.stack([image[r : r + side, c : c + side] for r, c in corners])
    np.testing.assert_array_equal(cut(image[None], whole(corners, side), 8), area_resize(crops, 8, 8))


@pytest.mark.parametrize("levels", [(0, 1), (254, 255)])
def test_halves_are_rounded_up(levels):
    image = np.array([levels, levels], np.uint8)
    assert cut(image[None], whole([[0, 0]], 2), 1).item() == levels[1]


def test_patches_of_their_own_size_are_themselves(rng):
    image = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    corners = [[0, 0], [14, 24], [3, 7]]
    expected = np.stack([image[r : r + 6, c : c + 6] for r, c in corners])
    np.testing.assert_array_equal(cut(image[None], whole(corners, 6), 6), expected)


@pytest.mark.parametrize("shape", [(24, 31), (24, 31, 3)])
@pytest.mark.parametrize("side", [4.0, 7.3, 13.0, 21.7, 50.0])
def test_fractions_and_borders(rng, shape, side):
    image = picture(rng, shape)
    centres = [[11.5, 15.0], [0.0, 0.0], [23.2, 30.9], [5.25, 28.125], [-3.0, 12.0]]
    found = cut(image[None], places(centres, side), 9)
    for patch, (row, col) in zip(found, np.float32(centres).tolist(), strict=True):
        expected = box_mean(image, row, col, float(np.float32(side)), 9)
        assert np.abs(patch - np.floor(expected + 0.5)).max() <= ROUNDED_ALIKE
        assert np.abs(patch - expected).max() < 0.5 + 1e-4


@pytest.mark.parametrize("shape", [(24, 31), (24, 31, 3)])
@pytest.mark.parametrize(("side", "points"), [(5.0, 1), (9.0, 1), (9.5, 2), (20.0, 3)])
@pytest.mark.parametrize("angle", [10.0, 90.0, 217.3, 359.0, -45.0])
def test_turned_patches_are_bilinear_samples(rng, shape, side, points, angle):
    image, size = picture(rng, shape), 9
    centres = [[11.5, 15.0], [2.0, 28.3], [22.75, 1.0]]
    found = cut(image[None], places(centres, side, angle), size)
    away = ((np.arange(size * points) + 0.5) / (size * points) - 0.5) * side
    v, u = np.meshgrid(away, away, indexing="ij")
    a = np.deg2rad(np.float64(np.float32(angle)))
    for patch, (row, col) in zip(found, np.float32(centres).tolist(), strict=True):
        fine = samples(image, row + u * np.sin(a) + v * np.cos(a), col + u * np.cos(a) - v * np.sin(a))
        expected = fine.reshape(size, points, size, points, *shape[2:]).mean(axis=(1, 3))
        assert np.abs(patch - expected).max() < 0.5 + 1e-4


@pytest.mark.parametrize("side", [5.0, 9.0])
def test_a_small_turn_changes_little_from_upright(rng, side):
    """Enlarging, both are the same interpolation: no step where an angle passes 0."""
    image = picture(rng, (24, 31, 3))
    upright, turned = (cut(image[None], places([[11.3, 15.6]], side, a), 9) for a in (0.0, 1e-4))
    assert np.abs(upright.astype(int) - turned).max() <= ROUNDED_ALIKE


def test_a_quarter_turn_is_a_turned_image(rng):
    image = picture(rng, (21, 21, 3))
    upright = cut(image[None], places([[8.0, 11.0]], 12.0), 12)[0]
    for quarter in range(1, 4):
        # np.rot90 turns anticlockwise: clockwise takes row r, column c to row c, column 20 − r.
        row, col, turned = 8.0, 11.0, np.rot90(image, -quarter)
        for _ in range(quarter):
            row, col = col, 20 - row
        found = cut(turned[None], places([[row, col]], 12.0, 90.0 * quarter), 12)[0]
        np.testing.assert_array_equal(found, upright)


def test_a_full_turn_is_none(rng):
    image = picture(rng, (30, 30))
    a, b = (cut(image[None], places([[14.2, 15.1]], 17.0, angle), 8) for angle in (0.0, 360.0))
    np.testing.assert_array_equal(a, b)


def test_each_image_has_its_own_patches(rng):
    images = rng.integers(0, 256, (3, 20, 22, 3)).astype(np.uint8)
    before = images.copy()
    images.flags.writeable = False
    centres, angles = rng.uniform(0, 20, (7, 2)), np.array([0, 30, 0, 0, 77, 0, 5])
    sides = rng.uniform(2, 30, 7)
    together = cut(images, places(centres, sides, angles, [0, 4, 4, 7]), 5)
    for i, own in ((0, slice(0, 4)), (2, slice(4, 7))):
        alone = cut(images[i : i + 1], places(centres[own], sides[own], angles[own]), 5)
        np.testing.assert_array_equal(together[own], alone)
    np.testing.assert_array_equal(images, before)
    strided = cut(np.repeat(images, 2, axis=2)[:, :, ::2], places(centres, sides, angles, [0, 4, 4, 7]), 5)
    np.testing.assert_array_equal(strided, together)


@pytest.mark.parametrize("shape", [(2, 9, 9), (2, 9, 9, 3), (0, 9, 9, 3)])
def test_no_patches(shape):
    nothing = places(np.empty((0, 2)), 1.0, 0.0, [0] * (shape[0] + 1))
    assert cut(np.zeros(shape, np.uint8), nothing, 4).shape == (0, 4, 4, *shape[3:])
