"""Filters that whiten patches: the first layer of speed runs."""

from __future__ import annotations

import numpy as np

from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["whitening_filters"]


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

    References
    ----------
    K. Jordan 2024, arXiv:2404.00498, section 3.1, after D. Page and after tysam-code/hlb-CIFAR10
    """
    h, w, c = images.shape[1:]
    pixels = ((images - np.asarray(mean, np.float64)) / np.asarray(std, np.float64)).astype(np.float32)
    shifted = [
        pixels[:, y : h - side + 1 + y, x : w - side + 1 + x] for y in range(side) for x in range(side)
    ]
    patches = np.stack(shifted, axis=-1).reshape(-1, c * side * side)  # channel, row, column
    moments = (patches.T @ patches).astype(np.float64) / len(patches)
    variances, directions = np.linalg.eigh(moments)
    filters = (directions / np.sqrt(variances.clip(0) + epsilon)).T[::-1]
    # An eigenvector's sign is the library's choice: the largest number is positive.
    filters = filters * np.sign(filters[np.arange(len(filters)), np.abs(filters).argmax(axis=1)])[:, None]
    both = np.concatenate([filters, -filters]).reshape(-1, c, side, side)
    return np.ascontiguousarray(both, dtype=np.float32)
