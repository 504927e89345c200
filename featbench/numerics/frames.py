"""What a linear model's search multiplies in place of the features, and the way back to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr

from featbench.types import AnyArray, Float64Array

__all__ = ["Frame", "choose_frame", "rotate", "weighted_mean"]

_ROWS = 4096

# Means farther from 0 than so many standard deviations are taken off the rows once, in a copy; nearer ones
# are taken off by way of the bias, where float32 has the digits to spare.
_FAR = 8.0


@dataclass(frozen=True)
class Frame:
    """The rows that a search multiplies, and the way back to the original ones.

    Attributes
    ----------
    rows : ndarray, (n, r)
    centre : ndarray, (r,)
        Near the mean of `rows`; taken off by way of the bias.
    shift : ndarray, (d,)
        What has been subtracted from the original rows.
    basis : ndarray, (d, r), or None
        ``original = rows @ basis.T + shift``; None stands for the identity.
    """

    rows: AnyArray
    centre: AnyArray
    shift: AnyArray
    basis: AnyArray | None = None

    def original(self, point: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return weights and bias for the original rows."""
        weights, bias = point[:, :-1], point[:, -1]
        bias = bias - weights @ self.centre.astype(np.float64)
        if self.basis is not None:
            weights = weights @ self.basis.T.astype(np.float64)
        return weights.copy(), bias - weights @ self.shift.astype(np.float64)


def choose_frame(X: AnyArray, weights: Float64Array | None = None) -> Frame:
    """Choose what to multiply: the rows, a centred copy of them, or fewer columns that mean the same.

    With more columns than rows, the optimal weights are a combination of the centred rows, so that nothing
    is lost in the coordinates of their span.

    Parameters
    ----------
    X : ndarray of float32 or float64, (n, d)
    weights : ndarray of float64, (n,), optional
        What each row counts in the mean.

    Returns
    -------
    Frame
    """
    n, d = X.shape
    mean = weighted_mean(X, weights).astype(X.dtype)
    if d > n:
        rows, basis = rotate(X - mean)
        return Frame(rows, np.zeros(n, dtype=X.dtype), mean, basis)
    deviation = np.sqrt(_variance(X, mean))
    if np.any(np.abs(mean) > _FAR * deviation):
        return Frame(X - mean, np.zeros_like(mean), mean)
    return Frame(X, mean, np.zeros_like(mean))


def weighted_mean(X: AnyArray, weights: Float64Array | None) -> Float64Array:
    """Return the mean row, each counted by its weight, in float64."""
    if weights is None:
        return X.mean(axis=0, dtype=np.float64)  # type: ignore[no-any-return]
    total = np.zeros(X.shape[1])
    for start in range(0, len(X), _ROWS):
        total += weights[start : start + _ROWS] @ X[start : start + _ROWS].astype(np.float64)
    total /= weights.sum()
    return total


def _variance(X: AnyArray, mean: AnyArray) -> Float64Array:
    total = np.zeros(X.shape[1])
    for start in range(0, len(X), _ROWS):
        rows = X[start : start + _ROWS] - mean
        total += np.einsum("ij,ij->j", rows, rows, dtype=np.float64)
    return total / len(X)


def rotate(X: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Write n rows of more than n columns in n coordinates, without changing any inner product.

    Parameters
    ----------
    X : ndarray of float32 or float64, (n, d), d > n

    Returns
    -------
    rotated : ndarray, (n, n)
    basis : ndarray, (d, n)
        Orthonormal columns; ``X = rotated @ basis.T``. Householder reflections keep it orthonormal even
        where rows depend on one another.
    """
    basis, triangle = qr(X.T, mode="economic", check_finite=False)
    return np.ascontiguousarray(triangle.T), basis
