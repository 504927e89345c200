"""Coordinate descent on a quadratic with an absolute penalty: one step of a search for sparse weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cholesky

from featbench.numerics.threads import kernel, spread
from featbench.types import AnyArray, Float64Array

__all__ = ["factor", "shrink_towards"]

_JITTER = 2e-6  # of a unit diagonal, so that rounding in float32 cannot make it indefinite
_ENOUGH = 1e-4  # of the largest gain of a coordinate in the first pass
_PASSES = 20


def factor(covariance: Float64Array) -> Float64Array:
    """Return F, lower triangular, with ``F Fᵀ`` the covariance; the row of a constant column is 0."""
    deviations = np.sqrt(np.diagonal(covariance))
    inverse = np.divide(1, deviations, out=np.zeros_like(deviations), where=deviations > 0)
    correlation = covariance * inverse * inverse[:, None]
    np.fill_diagonal(correlation, 1 + _JITTER)
    lower: Float64Array = cholesky(correlation, lower=True, overwrite_a=True, check_finite=False)
    return np.ascontiguousarray(lower * deviations[:, None])


def shrink_towards(
    F: Float64Array,
    start: Float64Array,
    around: Float64Array,
    slopes: Float64Array,
    *,
    scale: float,
    ridge: float,
    lasso: float,
) -> Float64Array:
    """Minimize, for each row w of weights on its own, a quadratic model plus the penalty.

    The model is ``slopes · (w − around) + scale / 2 · ‖Fᵀ (w − around)‖²``, the penalty
    ``lasso · Σ|w| + ridge / 2 · ‖w‖²``.

    Parameters
    ----------
    F : ndarray of float64, (d, r)
    start, around, slopes : ndarray of float64, (n_classes, d)
    scale, ridge, lasso : float
        Not negative.

    Returns
    -------
    ndarray of float64, (n_classes, d)
        With zeros that are exact.
    """
    weights = start.copy()
    lengths = np.einsum("jr,jr->j", F, F)
    residuals: AnyArray = np.ascontiguousarray((start - around) @ F)

    def work(first: int, stop: int) -> None:
        for c in range(first, stop):
            _descend(F, lengths, weights[c], residuals[c], slopes[c], scale, ridge, lasso, _ENOUGH, _PASSES)

    spread(work, len(weights))
    return weights


@kernel(any_order=True)
def _descend(
    F: Any,
    lengths: Any,
    w: Any,
    residual: Any,
    slopes: Any,
    scale: float,
    ridge: float,
    lasso: float,
    enough: float,
    most: int,
) -> None:
    """Go over the coordinates until none gains much, over those that are not 0 more often than over all."""
    d, r = F.shape
    visited = np.arange(d)
    n = d
    goal = -1.0
    for _ in range(most):
        largest = 0.0
        for i in range(n):
            j = visited[i]
            curvature = scale * lengths[j] + ridge
            if curvature <= 0:
                w[j] = 0.0
                continue
            dot = 0.0
            for k in range(r):
                dot += F[j, k] * residual[k]
            old = w[j]
            pull = scale * lengths[j] * old - slopes[j] - scale * dot
            new = 0.0
            if pull > lasso:
                new = (pull - lasso) / curvature
            elif pull < -lasso:
                new = (pull + lasso) / curvature
            step = new - old
            if step != 0:
                w[j] = new
                for k in range(r):
                    residual[k] += step * F[j, k]
                largest = max(largest, curvature * step * step)
        if goal < 0:
            goal = enough * largest
        if largest <= goal:
            if n == d:
                return
            n = d
            for j in range(d):
                visited[j] = j
        elif n == d:
            n = 0
            for j in range(d):
                if w[j] != 0:
                    visited[n] = j
                    n += 1
