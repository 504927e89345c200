"""The objective of one linear classifier on a few rows, with its gradient."""

from __future__ import annotations

import numpy as np

from featbench.numerics.losses import LossAndGradient
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["penalized_loss"]


def penalized_loss(
    point: Float64Array, X: AnyArray, y: Labels, loss: LossAndGradient, reg: float
) -> tuple[float, Float64Array]:
    """Return the mean loss of the rows plus ``reg / 2 · ‖W‖²``, and its gradient.

    Parameters
    ----------
    point : ndarray of float64, (n_classes, d + 1)
        Weights W and, in the last column, the bias, which is not penalized.
    X : ndarray of float32 or float64, (n, d)
        Products run in this precision.
    y : ndarray of int64, (n,)
        Class numbers.
    loss : callable
        ``(scores, y) -> (sum, gradient)``, as in `featbench.numerics.losses`.
    reg : float

    Returns
    -------
    cost : float
    gradient : ndarray of float64, like `point`
    """
    weights = point[:, :-1]
    scores = weights.astype(X.dtype) @ X.T + point[:, -1:].astype(X.dtype)
    summed, derivatives = loss(scores, y)
    gradient = np.empty_like(point)
    gradient[:, :-1] = derivatives @ X
    gradient[:, -1] = derivatives.sum(axis=1)
    gradient /= len(X)
    gradient[:, :-1] += reg * weights
    return float(summed) / len(X) + reg / 2 * float(np.vdot(weights, weights)), gradient
