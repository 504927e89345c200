"""Filters that whiten patches: the first layer of speed runs."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from featbench.types import AnyArray, FeatureMatrix, Float64Array, ImageArray

__all__ = ["whitening_filters"]

_AT_ONCE = (
    2**21
)  # numbers of the patches that are held at once, 16 MiB of float64: few beside any network's maps


def whitening_filters(
    images: ImageArray, mean: AnyArray, std: AnyArray, side: int, epsilon: float
) -> FeatureMatrix:
    """Return filters whose responses to patches are uncorrelated and of variance 1, each with its negative.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, c)
    mean, std : ndarray, (c,)
        That pixels are normalised by first.
    side : int
        Of the patches.
    epsilon : float
        Added to the variances, so that directions in which patches do not vary are not blown up.

    Returns
    -------
    ndarray of float32, (2 · c · side², c, side, side)
        By falling variance, then the same times −1. The moments are about 0, not about the mean patch, which the
        normalisation has brought near to 0.

    Notes
    -----
    Patches are looked at in blocks of rows of images: beside the images it takes some 40 MiB, however many there are
    and however large they are.

    References
    ----------
    K. Jordan 2024, arXiv:2404.00498, section 3.1, after D. Page and after tysam-code/hlb-CIFAR10
    """
    c = images.shape[3]
    variances, directions = np.linalg.eigh(_second_moments(images, mean, std, side))
    filters = (directions / np.sqrt(variances.clip(0) + epsilon)).T[::-1]
    # An eigenvector's sign is the library's choice: the largest number is positive.
    filters = filters * np.sign(filters[np.arange(len(filters)), np.abs(filters).argmax(axis=1)])[:, None]
    both = np.concatenate([filters, -filters]).reshape(-1, c, side, side)
    return np.ascontiguousarray(both, dtype=np.float32)


def _second_moments(images: ImageArray, mean: AnyArray, std: AnyArray, side: int) -> Float64Array:
    """Return the mean over all patches of the products of their numbers, (c · side², c · side²)."""
    n, h, w, c = images.shape
    rows, columns, d = h - side + 1, w - side + 1, c * side * side
    at_once = max(1, _AT_ONCE // (columns * d))  # rows of patches
    n_images, n_rows = max(1, at_once // rows), min(at_once, rows)
    moments = np.zeros((d, d))
    for first in range(0, n, n_images):
        for top in range(0, rows, n_rows):
            block = images[first : first + n_images, top : top + n_rows + side - 1]
            pixels = (block - np.asarray(mean, np.float64)) / np.asarray(std, np.float64)
            patches = sliding_window_view(pixels, (side, side), axis=(1, 2)).reshape(-1, d)
            moments += patches.T @ patches
    moments /= n * rows * columns
    return moments
