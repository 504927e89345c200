"""A statement, in float64, of how near its optimum a linear classifier with a quadratic penalty is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featbench.numerics.biases import best_bias
from featbench.numerics.losses import Loss
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Certificate", "certify", "scores_of"]

_ROWS = 1024


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
    X: AnyArray,
    y: Labels,
    loss: Loss,
    reg: float,
    coef: Float64Array,
    intercept: Float64Array,
    *,
    weights: Float64Array | None = None,
) -> Certificate:
    """Bound from above how much the objective of a model exceeds its minimum.

    Parameters
    ----------
    X : ndarray of float32 or float64, (n, d)
        The rows that the model was fitted to.
    y : ndarray of int64, (n,)
    loss : Loss
        A smooth one.
    reg : float
    coef : ndarray of float64, (n_classes, d)
    intercept : ndarray of float64, (n_classes,)
    weights : ndarray of float64, (n,), optional
        What each row's loss counts.

    Returns
    -------
    Certificate
    """
    n = len(X)
    scores = scores_of(X, coef, intercept)
    given = float(loss.value_and_gradient(scores, y, weights)[0]) / n
    curvature = loss.curvature(len(coef))
    scores += best_bias(scores, lambda s: loss.value_and_gradient(s, y, weights), curvature)[:, None]
    best, derivatives = loss.value_and_gradient(scores, y, weights)
    gradient = reg * coef
    for start in range(0, n, _ROWS):
        part = slice(start, start + _ROWS)
        gradient += derivatives[:, part] @ X[part].astype(np.float64) / n
    objective = float(given + reg / 2 * np.vdot(coef, coef))
    squared = float(np.vdot(gradient, gradient))
    above = max(0.0, given - float(best) / n) + squared / (2 * reg)
    return Certificate(objective, squared**0.5, min(1.0, above / objective))


def scores_of(X: AnyArray, coef: Float64Array, intercept: Float64Array) -> Float64Array:
    """Return scores ``(n_classes, n)`` in float64, block by block, so that no copy of all rows is made."""
    scores = np.empty((len(coef), len(X)))
    for start in range(0, len(X), _ROWS):
        part = slice(start, start + _ROWS)
        scores[:, part] = coef @ X[part].T.astype(np.float64)
    scores += intercept[:, None]
    return scores
