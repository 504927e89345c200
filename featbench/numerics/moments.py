"""The second moment of features: what a quadratic model of a linear classifier's loss is made of."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from featbench.numerics.blas import serial_blas
from featbench.numerics.threads import spread
from featbench.types import AnyArray, Float64Array

__all__ = ["Preconditioner", "covariance"]

_ROWS = 4096
# Products of so many blocks of rows are in memory together: as many as take this, 16 at the least.
_SUMMED_BYTES = 2**26
_LEAST_BLOCKS = 16
_WIDE = 1024  # columns from which on a block's product is work enough for the threads of BLAS
_VAST = (
    8192  # columns from which on a float64 matrix, half a gigabyte, is more than a preconditioner is worth
)

# Share of each feature's variance that is added to it, so that rounding of the covariance and of its
# factor cannot make the sum indefinite: about √d roundings of float32 at d = 1,000. Where that is not enough,
# ten times as much is tried.
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
        Products of float32 rows are summed in float32 over 4,096 rows at most, then in float64; from 8,192 columns
        on, the matrix is of float32 as well.
    """
    d = X.shape[1]
    total = np.zeros((d, d), dtype=X.dtype if d >= _VAST else np.float64)
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
    together = max(_LEAST_BLOCKS, _SUMMED_BYTES // (d * d * X.dtype.itemsize))
    products = np.empty((min(together, len(starts)), d, d), dtype=X.dtype)

    def work(begin: int, first: int, stop: int) -> None:
        for block in range(first, stop):
            products[block] = product(starts[begin + block])

    with serial_blas():
        for begin in range(0, len(starts), together):
            n_blocks = min(together, len(starts) - begin)
            spread(partial(work, begin), n_blocks)
            total += products[:n_blocks].sum(axis=0, dtype=np.float64)
    total /= len(X)
    return total


class Preconditioner:
    """The inverse of a quadratic model's second derivative, for one class's weights and bias.

    The model is ``curvature · covariance + reg · I`` for the weights and ``curvature`` for the bias of
    centred features. It is kept as a Cholesky factor in `dtype`, scaled to a unit diagonal.

    Parameters
    ----------
    covariance : ndarray of float32 or float64, (d, d)
        Left as it is; the factor is computed in its precision.
    curvature : float
        Second derivative of the loss with respect to a score.
    reg : float
        Strength of the penalty.
    dtype : dtype
        float32 halves the memory; a preconditioner need not be exact.
    """

    def __init__(self, covariance: Float64Array, curvature: float, reg: float, dtype: Any) -> None:
        jitter = _JITTER
        while True:
            try:
                self._factor, self._scale = _factor(covariance, curvature, reg, jitter)
                break
            except LinAlgError:
                jitter *= 10
        self._factor = self._factor.astype(dtype, copy=False)
        self._curvature = curvature

    def __call__(self, gradient: Float64Array) -> Float64Array:
        """Apply the inverse to gradients ``(n_classes, d + 1)``, the bias last."""
        result = np.empty_like(gradient)
        scaled = (gradient[:, :-1] * self._scale).T.astype(self._factor.dtype)
        result[:, :-1] = cho_solve((self._factor, True), scaled, check_finite=False).T * self._scale
        result[:, -1] = gradient[:, -1] / self._curvature
        return result


def _factor(
    covariance: AnyArray, curvature: float, reg: float, jitter: float
) -> tuple[AnyArray, Float64Array]:
    """Return the lower Cholesky factor of the model with a unit diagonal, and the scale that made it so."""
    model = covariance * curvature
    diagonal = np.diagonal(model).astype(np.float64) * (1 + jitter) + reg
    np.fill_diagonal(model, diagonal)
    scale = 1 / np.sqrt(diagonal)
    model *= scale.astype(model.dtype)
    model *= scale.astype(model.dtype)[:, None]
    # The transpose is the same matrix in the order of LAPACK, which then needs no copy.
    factor, _ = cho_factor(model.T, lower=True, overwrite_a=True, check_finite=False)
    return factor, scale
