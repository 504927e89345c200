"""A statement, in float64, of how near its optimum a linear classifier with a quadratic penalty is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featbench.numerics.biases import best_bias
from featbench.numerics.losses import Loss
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Certificate", "certify", "scores_of"]

_ROWS = 1024
_KEPT = 2**25  # scores, 256 MB: more are computed anew each time that they are needed


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
    n, n_classes = len(X), len(coef)
    kept = scores_of(X, coef, intercept) if n * n_classes <= _KEPT else None

    def mean_loss(bias: Float64Array, by_weight: Float64Array | None = None) -> tuple[float, Float64Array]:
        """Return the mean loss and its derivatives by the bias; add those by the weights to `by_weight`."""
        total, by_class = 0.0, np.zeros(n_classes)
        for start in range(0, n, _ROWS):
            part = slice(start, start + _ROWS)
            scores = scores_of(X[part], coef, intercept) if kept is None else kept[:, part]
            counted = None if weights is None else weights[part]
            summed, derivatives = loss.value_and_gradient(scores + bias[:, None], y[part], counted)
            total += float(summed)
            by_class += derivatives.sum(axis=1)
            if by_weight is not None:
                by_weight += derivatives @ X[part].astype(np.float64) / n
        return total / n, by_class / n

    given = mean_loss(np.zeros(n_classes))[0]
    gradient = reg * coef
    bias = best_bias(n_classes, mean_loss, loss.curvature(n_classes))
    best = mean_loss(bias, gradient)[0]
    objective = float(given + reg / 2 * np.vdot(coef, coef))
    squared = float(np.vdot(gradient, gradient))
    above = max(0.0, given - best) + squared / (2 * reg)
    return Certificate(objective, squared**0.5, min(1.0, above / objective))


def scores_of(X: AnyArray, coef: Float64Array, intercept: Float64Array) -> Float64Array:
    """Return scores ``(n_classes, n)`` in float64, block by block, so that no copy of all rows is made."""
    scores = np.empty((len(coef), len(X)))
    for start in range(0, len(X), _ROWS):
        part = slice(start, start + _ROWS)
        scores[:, part] = coef @ X[part].T.astype(np.float64)
    scores += intercept[:, None]
    return scores
