"""The whitening layer against numpy's covariance of patches."""

import numpy as np

from featbench.networks.whitening import whitening_filters

ROUNDING = 1e-3  # the moments are of float32 products of some ten thousand patches


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
