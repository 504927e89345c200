"""Directions in which training rows vary: what PCA and whitening are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

from featbench.numerics.blas import serial_blas
from featbench.numerics.threads import spread
from featbench.types import FeatureMatrix, Float64Array

__all__ = ["Directions", "principal_directions"]

# Rows, and columns, whose moments are summed at once: some megabytes in float64, enough for BLAS.
_ROWS = 4096
_COLUMNS = 512

# A variance below this share of the largest is rounding of the moments: float64's 2 ** -52 times the
# lengths of the rows and columns that are summed, some thousands.
_NOTHING = 1e-12


class Directions(NamedTuple):
    """Orthogonal directions with their variances, the largest first.

    Attributes
    ----------
    mean : ndarray of float64, (d,)
    vectors : ndarray of float64, (k, d)
        Of length 1, signed so that the largest number of each is positive; zeros where rows do not vary.
    variances : ndarray of float64, (k,)
        Of rows along each direction, with n − 1 in the denominator; 0 where they do not vary.
    total : float
        The sum of the columns' variances.
    """

    mean: Float64Array
    vectors: Float64Array
    variances: Float64Array
    total: float


def principal_directions(X: FeatureMatrix, k: int) -> Directions:
    """Find the k directions of largest variance.

    Parameters
    ----------
    X : ndarray of float32, (n, d)
    k : int
        At most min(n, d).

    Returns
    -------
    Directions

    Notes
    -----
    Of ``(d, d)`` and ``(n, n)`` the smaller matrix is summed, in float64, over blocks. scikit-learn's `PCA` would
    take a copy of all rows in float64 for the same digits. BLAS keeps to one thread and blocks are spread over all, so
    that the result does not depend on their number.
    """
    n, d = X.shape
    mean = X.mean(axis=0, dtype=np.float64)
    with serial_blas():
        if d <= n:
            moments = _products(lambda rows, columns: X[rows, columns] - mean[columns], n, d)
        else:
            moments = _products(lambda columns, rows: (X[rows, columns] - mean[columns]).T, d, n)
        total, size = float(np.trace(moments)), len(moments)
        chosen = (size - k, size - 1)
        values, vectors = eigh(moments, subset_by_index=chosen, overwrite_a=True, check_finite=False)
        values, vectors = values[::-1], np.ascontiguousarray(vectors.T[::-1])
        if d > n:
            starts = range(0, d, _ROWS)
            blocks = [vectors @ (X[:, i : i + _ROWS] - mean[i : i + _ROWS]) for i in starts]
            vectors = np.concatenate(blocks, axis=1)
    varies = values > _NOTHING * max(values[0], 0)
    if d > n:
        vectors[varies] /= np.sqrt(values[varies, None])
    # An eigenvector's sign is chance; scikit-learn settles it in the same way.
    largest = np.abs(vectors).argmax(axis=1)
    vectors *= np.where(vectors[np.arange(k), largest] < 0, -1, 1)[:, None]
    vectors[~varies] = 0
    return Directions(mean, vectors, np.where(varies, values, 0) / max(n - 1, 1), total / max(n - 1, 1))


def _products(read: Callable[[slice, slice], Float64Array], length: int, size: int) -> Float64Array:
    """Return ``AᵀA`` for the matrix A ``(length, size)`` whose parts `read` returns."""
    products = np.empty((size, size))
    tiles = [slice(i, min(i + _COLUMNS, size)) for i in range(0, size, _COLUMNS)]
    pairs = [(a, b) for i, a in enumerate(tiles) for b in tiles[i:]]

    def work(start: int, stop: int) -> None:
        for a, b in pairs[start:stop]:
            total = np.zeros((a.stop - a.start, b.stop - b.start))
            for first in range(0, length, _ROWS):
                part = slice(first, first + _ROWS)
                left = read(part, a)
                total += left.T @ (left if a is b else read(part, b))
            products[a, b] = total
            products[b, a] = total.T

    spread(work, len(pairs))
    return products
