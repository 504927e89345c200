"""The second moment of features: what a quadratic model of a linear classifier's loss is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from featbench.numerics.blas import serial_blas
from featbench.numerics.threads import spread
from featbench.types import AnyArray, Float64Array

__all__ = ["Preconditioner", "covariance"]

_ROWS = 4096
_WIDE = 1024  # columns from which on a block's product is work enough for the threads of BLAS

# Share of each feature's variance that is added to it, so that rounding of the covariance and of its
# factor cannot make the sum indefinite: about √d roundings of float32 at d = 1,000.
_JITTER = 2e-6


def covariance(X: AnyArray, centre: AnyArray, weights: Float64Array | None = None) -> Float64Array:
    """Return the mean of ``(x − centre)(x − centre)ᵀ`` over the rows.

    Parameters
    ----------
    X : ndarray of float32 or float64, (n, d)
    centre : ndarray, (d,)
        Near the mean.
    weights : ndarray of float64, (n,), optional
        What each row counts; their sum is not divided by.

    Returns
    -------
    ndarray of float64, (d, d)
        Products of float32 rows are summed in float32 over 4,096 rows at most, then in float64.
    """
    d = X.shape[1]
    total = np.zeros((d, d))
    starts = range(0, len(X), _ROWS)

    def product(start: int) -> AnyArray:
        rows = X[start : start + _ROWS] - centre.astype(X.dtype)
        if weights is not None:
            rows *= np.sqrt(weights[start : start + _ROWS, None]).astype(X.dtype)
        block: AnyArray = rows.T @ rows
        return block

    if d >= _WIDE:
        for start in starts:
            total += product(start)
        total /= len(X)
        return total
    products = np.empty((len(starts), d, d), dtype=X.dtype)

    def work(first: int, stop: int) -> None:
        for block in range(first, stop):
            products[block] = product(starts[block])

    with serial_blas():
        spread(work, len(starts))
    products.sum(axis=0, dtype=np.float64, out=total)
    total /= len(X)
    return total


class Preconditioner:
    """The inverse of a quadratic model's second derivative, for one class's weights and bias.

    The model is ``curvature · covariance + reg · I`` for the weights and ``curvature`` for the bias of
    centred features. It is kept as a Cholesky factor in `dtype`, scaled to a unit diagonal.

    Parameters
    ----------
    covariance : ndarray of float64, (d, d)
    curvature : float
        Second derivative of the loss with respect to a score.
    reg : float
        Strength of the penalty.
    dtype : dtype
        float32 halves the memory; a preconditioner need not be exact.
    """

    def __init__(self, covariance: Float64Array, curvature: float, reg: float, dtype: Any) -> None:
        model = covariance * curvature
        diagonal = np.diagonal(model) * (1 + _JITTER) + reg
        np.fill_diagonal(model, diagonal)
        self._scale = 1 / np.sqrt(diagonal)
        model *= self._scale
        model *= self._scale[:, None]
        factor, self._lower = cho_factor(model, lower=True, overwrite_a=True, check_finite=False)
        self._factor = factor.astype(dtype)
        self._curvature = curvature

    def __call__(self, gradient: Float64Array) -> Float64Array:
        """Apply the inverse to gradients ``(n_classes, d + 1)``, the bias last."""
        result = np.empty_like(gradient)
        scaled = (gradient[:, :-1] * self._scale).T.astype(self._factor.dtype)
        result[:, :-1] = cho_solve((self._factor, self._lower), scaled, check_finite=False).T * self._scale
        result[:, -1] = gradient[:, -1] / self._curvature
        return result
