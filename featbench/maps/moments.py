"""Directions in which training rows vary: what PCA and whitening are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

from featbench.types import FeatureMatrix, Float64Array

__all__ = ["Directions", "principal_directions"]

_ROWS = 4096

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
    From the smaller of two matrices, ``(d, d)`` or ``(n, n)``, summed in float64 over blocks of 4,096 rows or
    columns. scikit-learn's `PCA` would take a copy of all rows in float64 for the same digits.
    """
    n, d = X.shape
    mean = X.mean(axis=0, dtype=np.float64)
    if d <= n:
        moments = np.zeros((d, d))
        for start in range(0, n, _ROWS):
            rows = X[start : start + _ROWS] - mean
            moments += rows.T @ rows
    else:
        moments = np.zeros((n, n))
        for start in range(0, d, _ROWS):
            columns = X[:, start : start + _ROWS] - mean[start : start + _ROWS]
            moments += columns @ columns.T
    size = len(moments)
    total = float(np.trace(moments))
    values, vectors = eigh(
        moments, subset_by_index=(size - k, size - 1), overwrite_a=True, check_finite=False
    )
    values, vectors = values[::-1], np.ascontiguousarray(vectors.T[::-1])
    varies = values > _NOTHING * max(values[0], 0)
    if d > n:
        vectors = np.concatenate(
            [vectors @ (X[:, i : i + _ROWS] - mean[i : i + _ROWS]) for i in range(0, d, _ROWS)], axis=1
        )
        vectors[varies] /= np.sqrt(values[varies, None])
    # An eigenvector's sign is chance; scikit-learn settles it in the same way.
    largest = np.abs(vectors).argmax(axis=1)
    vectors *= np.where(vectors[np.arange(k), largest] < 0, -1, 1)[:, None]
    vectors[~varies] = 0
    return Directions(mean, vectors, np.where(varies, values, 0) / max(n - 1, 1), total / max(n - 1, 1))
