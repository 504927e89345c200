"""A statement, in float64, of how near its optimum a linear classifier with a quadratic penalty is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featbench.numerics.lbfgs import lbfgs, minimize_together
from featbench.numerics.losses import Loss
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Certificate", "certify"]

_ROWS = 1024
_BIAS_GRADIENT = 1e-10  # of the mean loss: below it, a better bias gains less than rounding does


@dataclass(frozen=True)
class Certificate:
    """How far a model may be from its optimum, at most.

    Attributes
    ----------
    objective : float
        At the model.
    gradient_norm : float
        Of the objective in W, with the bias at its best for the model's W.
    optimality : float
        The objective is above its minimum by at most this share of itself: what a better bias would gain,
        plus ``gradient_norm² / (2 reg)``; never more than 1, because no loss is negative.
    """

    objective: float
    gradient_norm: float
    optimality: float


def certify(
    X: AnyArray, y: Labels, loss: Loss, reg: float, coef: Float64Array, intercept: Float64Array
) -> Certificate:
    """Bound from above how much the objective of a model exceeds its minimum.

    Parameters
    ----------
    X : ndarray of float32 or float64, (n, d)
        The rows that the model was fitted to.
    y : ndarray of int64, (n,)
    loss : Loss
    reg : float
    coef : ndarray of float64, (n_classes, d)
    intercept : ndarray of float64, (n_classes,)

    Returns
    -------
    Certificate
    """
    n = len(X)
    scores = np.empty((len(coef), n))
    for start in range(0, n, _ROWS):
        part = slice(start, start + _ROWS)
        scores[:, part] = coef @ X[part].T.astype(np.float64)
    scores += intercept[:, None]
    given = float(loss.value_and_gradient(scores, y)[0]) / n
    scores += _best_bias(scores, y, loss)[:, None]
    best, derivatives = loss.value_and_gradient(scores, y)
    gradient = reg * coef
    for start in range(0, n, _ROWS):
        part = slice(start, start + _ROWS)
        gradient += derivatives[:, part] @ X[part].astype(np.float64) / n
    objective = float(given + reg / 2 * np.vdot(coef, coef))
    squared = float(np.vdot(gradient, gradient))
    above = max(0.0, given - float(best) / n) + squared / (2 * reg)
    return Certificate(objective, squared**0.5, min(1.0, above / objective))


def _best_bias(scores: Float64Array, y: Labels, loss: Loss) -> Float64Array:
    """Return what to add to each class's scores so that the summed loss is smallest."""
    n_classes, n = scores.shape
    curvature = loss.curvature(n_classes)

    def evaluate(points: Float64Array, numbers: list[int]) -> tuple[Float64Array, Float64Array]:  # noqa: ARG001
        summed, derivatives = loss.value_and_gradient(scores + points[0][:, None], y)
        return np.array([float(summed) / n]), derivatives.sum(axis=-1)[None] / n

    search = lbfgs(
        np.zeros(n_classes),
        lambda gradient: gradient / curvature,
        lambda value, gradient: float(np.max(np.abs(gradient))) <= _BIAS_GRADIENT * value,
        max_iter=100,
        noise=4 * float(np.finfo(np.float64).eps),
    )
    return minimize_together(evaluate, [search])[0].point
