"""The whitening layer against numpy's covariance of patches."""

import tracemalloc

import numpy as np
import pytest

from featbench.networks import whitening
from featbench.networks.whitening import whitening_filters

ROUNDING = 1e-6  # filters are float32
SINGLE = 1e-6  # the moments were sums in float32 over all patches at once
DOUBLE = 1e-13  # of sums in float64 in another order


def patches_of(images, mean, std, side):
    """Every patch of every image, channel, row and column one after another, by plain loops."""
    pixels = (images - mean) / std
    n, h, w, _ = images.shape
    return np.array(
        [
            pixels[i, y : y + side, x : x + side].transpose(2, 0, 1).ravel()
            for i in range(n)
            for y in range(h - side + 1)
            for x in range(w - side + 1)
        ]
    )


def test_responses_to_patches_are_white(rng):
    images = rng.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    images[:, 1:] = images[:, :-1] // 2 + images[:, 1:] // 2  # neighbours are alike
    mean, std = images.mean((0, 1, 2)), images.std((0, 1, 2))
    filters = whitening_filters(images, mean, std, 2, 0.0)
    assert filters.shape == (24, 3, 2, 2)
    assert filters.dtype == np.float32
    np.testing.assert_array_equal(filters[12:], -filters[:12])
    responses = patches_of(images, mean, std, 2) @ filters[:12].reshape(12, -1).T
    np.testing.assert_allclose(responses.T @ responses / len(responses), np.eye(12), atol=ROUNDING)


def test_filters_are_the_eigenvectors_of_the_second_moment(rng):
    images = rng.integers(0, 256, (12, 6, 6, 1), dtype=np.uint8)
    mean, std = np.array([100.0]), np.array([50.0])
    patches = patches_of(images, mean, std, 2)
    variances, directions = np.linalg.eigh(patches.T @ patches / len(patches))
    filters = whitening_filters(images, mean, std, 2, 0.1)[:4].reshape(4, -1)
    for found, variance, direction in zip(filters, variances[::-1], directions.T[::-1], strict=True):
        expected = direction / np.sqrt(variance + 0.1)
        assert min(np.abs(found - expected).max(), np.abs(found + expected).max()) < ROUNDING
        assert found[np.abs(found).argmax()] > 0


def test_patches_that_do_not_vary_are_not_blown_up():
    filters = whitening_filters(np.full((2, 4, 4, 3), 7, np.uint8), np.full(3, 7.0), np.ones(3), 2, 5e-4)
    assert np.isfinite(filters).all()


@pytest.mark.parametrize("at_once", [1, 100, 1000, 5000, 10**6])
def test_moments_by_blocks_are_those_of_all_patches_at_once(rng, monkeypatch, at_once):
    """Blocks of less than a row, of some rows, of some images and of all."""
    images = rng.integers(0, 256, (11, 9, 7, 3), dtype=np.uint8)
    mean, std = images.mean((0, 1, 2)), images.std((0, 1, 2)) + 1
    patches = patches_of(images, mean, std, 2)
    monkeypatch.setattr(whitening, "_AT_ONCE", at_once)
    found = whitening._second_moments(images, mean, std, 2)
    np.testing.assert_allclose(found, patches.T @ patches / len(patches), rtol=DOUBLE, atol=DOUBLE)
    single = patches.astype(np.float32)
    before = (single.T @ single).astype(np.float64) / len(single)
    np.testing.assert_allclose(found, before, atol=SINGLE * np.abs(before).max())


def test_memory_does_not_grow_with_images():
    images = np.zeros((300, 96, 96, 3), np.uint8)
    tracemalloc.start()
    try:
        whitening_filters(images, np.zeros(3), np.ones(3), 2, 5e-4)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * 2**20, "all patches at once take 124 MiB in float32"
