"""The duality gap of a linear classifier, in float64: how far a model may be from its optimum, for certain.

Every loss here is a maximum over multipliers q of the margins m of a sample (`featbench.numerics.hinges`)::

    loss = max over q of  Σ_j q_j m_j − φ(q),   constant(q) = the same at scores of 0

so that for whatever multipliers whose derivatives by the scores, a, add up to 0 for every class, no weights
and no bias have an objective below::

    mean of constant(q)  −  conjugate of the penalty, at minus the mean of a xᵀ
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components

from featbench.numerics.biases import best_bias
from featbench.numerics.hinges import Hinge
from featbench.numerics.losses import Loss
from featbench.numerics.optimality import Certificate, scores_of
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Penalty", "Rounded", "balanced", "certify_dual", "lower_bound"]

_ROWS = 1024
_SWEEPS = 200
_BALANCED = 1e-15  # of all flow: rounding of sums
_SCALES = 8


@dataclass(frozen=True)
class Penalty:
    """``reg · (l1_ratio · Σ|W| + (1 − l1_ratio) / 2 · ‖W‖²)``.

    Parameters
    ----------
    reg : float
        Above 0.
    l1_ratio : float
        From 0 to 1.
    """

    reg: float
    l1_ratio: float = 0.0

    @property
    def lasso(self) -> float:
        """What a unit of absolute weight costs."""
        return self.reg * self.l1_ratio

    @property
    def ridge(self) -> float:
        """Twice what a squared weight costs."""
        return self.reg * (1 - self.l1_ratio)

    def value(self, coef: Float64Array) -> float:
        """Return the penalty of weights."""
        return float(self.lasso * np.abs(coef).sum() + self.ridge / 2 * np.vdot(coef, coef))

    def conjugate(self, slopes: Float64Array) -> float:
        """Return the largest value of ``Σ slopes · W − penalty`` over all W; it may be infinite."""
        excess = np.maximum(np.abs(slopes) - self.lasso, 0)
        if self.ridge > 0:
            return float(np.vdot(excess, excess) / (2 * self.ridge))
        return 0.0 if float(excess.max()) <= 1e-15 * self.lasso else float("inf")

    def subgradient(self, slopes: Float64Array, coef: Float64Array) -> Float64Array:
        """Return the shortest of ``slopes + subgradients of the penalty``."""
        smooth = slopes + self.ridge * coef
        shrunk = np.sign(smooth) * np.maximum(np.abs(smooth) - self.lasso, 0)
        result: Float64Array = np.where(coef != 0, smooth + self.lasso * np.sign(coef), shrunk)
        return result


@dataclass(frozen=True)
class Rounded:
    """A loss with kinks as the last round of its search smoothed it.

    Attributes
    ----------
    hinge : Hinge
    multipliers : ndarray, (n_classes, n)
    width : float
    """

    hinge: Hinge
    multipliers: AnyArray
    width: float


def certify_dual(
    X: AnyArray,
    y: Labels,
    loss: Loss,
    penalty: Penalty,
    coef: Float64Array,
    intercept: Float64Array,
    *,
    weights: Float64Array | None = None,
    rounded: Rounded | None = None,
) -> Certificate:
    """Bound from above how much the objective of a model exceeds its minimum, by its duality gap.

    Parameters
    ----------
    X : ndarray of float32 or float64, (n, d)
        The rows that the model was fitted to.
    y : ndarray of int64, (n,)
    loss : Loss
    penalty : Penalty
    coef : ndarray of float64, (n_classes, d)
    intercept : ndarray of float64, (n_classes,)
    weights : ndarray of float64, (n,), optional
        What each row's loss counts.
    rounded : Rounded, optional
        Where to take multipliers from at kinks; the derivatives of the loss without it.

    Returns
    -------
    Certificate
        `gradient_norm` is that of the shortest subgradient that the multipliers give.
    """
    n = len(X)
    counts = np.ones(n) if weights is None else weights
    scores = scores_of(X, coef, intercept)
    objective = float(loss.value_and_gradient(scores, y, weights)[0]) / n + penalty.value(coef)
    q = _balanced_multipliers(scores, y, loss, weights, rounded)
    derivatives = loss.derivatives(q, y) * counts
    slopes = np.zeros_like(coef)
    for start in range(0, n, _ROWS):
        part = slice(start, start + _ROWS)
        slopes += derivatives[:, part] @ X[part].astype(np.float64) / n
    bound = lower_bound(q, y, loss, penalty, slopes, weights)
    gap = max(0.0, objective - max(0.0, bound))  # no loss is negative
    norm = float(np.linalg.norm(penalty.subgradient(slopes, coef)))
    return Certificate(objective, norm, gap / objective if objective > 0 else 0.0)


def lower_bound(
    q: AnyArray, y: Labels, loss: Loss, penalty: Penalty, slopes: Float64Array, weights: Float64Array | None
) -> float:
    """Return what no objective is below, given multipliers whose derivatives add up to 0 for every class.

    Parameters
    ----------
    q : ndarray, (n_classes, n)
        What stands at the true class of a loss of differences of scores is ignored.
    y : ndarray of int64, (n,)
    loss : Loss
    penalty : Penalty
    slopes : ndarray of float64, (n_classes, d)
        Mean over rows of derivatives, counted by weight, times features.
    weights : ndarray of float64, (n,), or None
        What each row's loss counts.

    Returns
    -------
    float
    """
    q = q.astype(np.float64)
    if loss.paired:
        q[y, np.arange(len(y))] = 0
    # Fewer multipliers may be better: without a quadratic penalty only slopes within ±lasso give a bound.
    steepest = float(np.abs(slopes).max())
    least = min(1.0, penalty.lasso / steepest) if steepest > 0 else 1.0
    scales = np.linspace(least, 1, _SCALES) if least < 1 and penalty.lasso > 0 else np.ones(1)
    bounds = []
    for scale in scales:
        constants = loss.constant(scale * q, y)
        mean = np.mean(constants if weights is None else weights * constants)
        bounds.append(float(mean) - penalty.conjugate(scale * slopes))
    return max(bounds)


def _balanced_multipliers(
    scores: Float64Array, y: Labels, loss: Loss, weights: Float64Array | None, rounded: Rounded | None
) -> Float64Array:
    """Return multipliers at the best bias, whose derivatives add up to 0 for every class."""
    if rounded is None:
        curvature = loss.curvature(len(scores))
        mean_loss = _means(scores, lambda s: loss.value_and_gradient(s, y, weights))
        scores = scores + best_bias(len(scores), mean_loss, curvature)[:, None]
        q = np.abs(loss.value_and_gradient(scores, y)[1])
        if loss.paired:
            q[y, np.arange(len(y))] = 0
        return balanced(q, y, loss, weights)
    hinge, before = rounded.hinge, rounded.multipliers[None].astype(np.float64)
    width = np.array([rounded.width])

    def smoothed(s: Float64Array) -> tuple[Any, Float64Array]:
        summed, gradient = hinge.smoothed(s[None], y, before, width, weights)
        return summed[0], gradient[0]

    scores = scores + best_bias(len(scores), _means(scores, smoothed), 0.1 / rounded.width)[:, None]
    return balanced(hinge.step(hinge.margins(scores[None], y), y, before, width)[0], y, loss, weights)


def _means(
    scores: Float64Array, losses: Callable[[Float64Array], tuple[Any, Float64Array]]
) -> Callable[[Float64Array], tuple[float, Float64Array]]:
    """Return mean loss and derivatives as a function of what is added to each class's scores."""

    def at(bias: Float64Array) -> tuple[float, Float64Array]:
        summed, derivatives = losses(scores + bias[:, None])
        return float(summed) / scores.shape[1], derivatives.mean(axis=-1)

    return at


def balanced(q: Float64Array, y: Labels, loss: Loss, weights: Float64Array | None = None) -> Float64Array:
    """Scale multipliers down, so that their derivatives by the scores add up to 0 for every class.

    Parameters
    ----------
    q : ndarray of float64, (n_classes, n)
        At the best bias but for rounding, so that little is scaled.
    y : ndarray of int64, (n,)
    loss : Loss
    weights : ndarray of float64, (n,), optional

    Returns
    -------
    ndarray of float64, (n_classes, n)

    Notes
    -----
    Multipliers between two classes flow from the true to the other; as much must leave each class as
    enters it. Osborne's balancing of the matrix of flows finds such factors, the largest being 1
    (doi:10.1145/321043.321048).
    """
    n_classes = len(q)
    flows = np.zeros((n_classes, n_classes))
    counted = q if weights is None else q * weights
    for true in range(n_classes):
        flows[true] = counted[:, y == true].sum(axis=1)
    if loss.paired:
        return q * _balancing(flows)[y].T
    own, others = np.diagonal(flows), flows.sum(axis=0) - np.diagonal(flows)
    least = np.minimum(own, others)
    factors = np.where(
        np.arange(n_classes)[:, None] == y, _share(least, own)[:, None], _share(least, others)[:, None]
    )
    result: Float64Array = q * factors
    return result


def _share(part: Float64Array, whole: Float64Array) -> Float64Array:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _balancing(flows: Float64Array) -> Float64Array:
    """Return factors from 0 to 1 that make the flows into each class equal to those out of it."""
    flows = flows.copy()
    np.fill_diagonal(flows, 0)
    _, islands = connected_components(flows > 0, directed=True, connection="strong")
    flows[islands[:, None] != islands] = 0  # what leaves such an island never comes back
    potentials = np.ones(len(flows))
    for _ in range(_SWEEPS):
        for i in range(len(flows)):
            leaving, entering = flows[i] @ (1 / potentials), flows[:, i] @ potentials
            if leaving > 0 and entering > 0:
                potentials[i] = np.sqrt(entering / leaving)
        moved = flows * potentials[:, None] / potentials
        if np.abs(moved.sum(axis=0) - moved.sum(axis=1)).max() <= _BALANCED * moved.sum():
            break
    factors: Float64Array = np.where(flows > 0, potentials[:, None] / potentials, 0)
    return factors / factors.max() if factors.any() else factors
