"""Losses of linear classifiers as functions of the scores, for one model or many at once.

Scores have the shape ``(..., n_classes, n)``: models first, samples last, so that a reduction over classes
runs along contiguous samples. Every loss returns its sum over the samples, a float64 for each model, and
its gradient with respect to the scores, each sample counted by its weight where weights are given. The
functions speak the array API and never write to their input.

================================  ==============================================================
loss of one sample, true class y  formula
================================  ==============================================================
`softmax`                         log Σ_j exp s_j − s_y, in nats
`weston_watkins`                  Σ_{j≠y} h(1 + s_j − s_y)
`crammer_singer`                  max_{j≠y} h(1 + s_j − s_y)
`one_vs_rest`                     h(1 − s_y) + Σ_{j≠y} h(1 + s_j)
================================  ==============================================================

with the plain hinge h(m) = max(0, m) or the squared one, max(0, m)².

References
----------
J. Weston, C. Watkins, Support vector machines for multi-class pattern recognition, ESANN 1999.
K. Crammer, Y. Singer, On the algorithmic implementation of multiclass kernel-based vector machines, Journal
of Machine Learning Research 2 (2001), 265-292.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace, device

from featbench.numerics.softmax_rows import softmax_rows

__all__ = ["HINGES", "SOFTMAX", "Loss", "crammer_singer", "one_vs_rest", "softmax", "weston_watkins"]

LossAndGradient: TypeAlias = Callable[..., tuple[Any, Any]]


def softmax(scores: Any, y: Any, weights: Any = None) -> tuple[Any, Any]:
    """Cross-entropy of the softmax of the scores.

    Parameters
    ----------
    scores : array, (..., n_classes, n)
    y : array of int64, (n,)
        Class of each sample.
    weights : array, (n,), optional
        What each sample counts.

    Returns
    -------
    loss : array of float64, (...)
        In nats, summed over the samples.
    gradient : array, like `scores`
    """
    if weights is None and isinstance(scores, np.ndarray) and scores.dtype == np.float32:
        return softmax_rows(scores, y)
    xp = array_namespace(scores)
    samples = xp.arange(scores.shape[-1], device=device(scores))
    shifted = scores - xp.max(scores, axis=-2, keepdims=True)  # the largest exponential is 1
    true = shifted[..., y, samples]
    gradient = xp.exp(shifted)
    likelihood = gradient[..., y, samples]
    gradient[..., y, samples] = 0
    rest = xp.sum(gradient, axis=-2)
    # Where the true class leads, 1 + rest would round away what a confident model still has to lose.
    losses = xp.where(true == 0, xp.log1p(rest), xp.log(rest + likelihood) - true)
    gradient /= (rest + likelihood)[..., None, :]
    gradient[..., y, samples] = -xp.sum(gradient, axis=-2)
    return _counted(xp, losses, gradient, weights)


def weston_watkins(scores: Any, y: Any, weights: Any = None, *, squared: bool) -> tuple[Any, Any]:
    """Hinge of the margin between the true class and every other, summed over the others.

    Parameters
    ----------
    scores : array, (..., n_classes, n)
    y : array of int64, (n,)
        Class of each sample.
    weights : array, (n,), optional
        What each sample counts.
    squared : bool
        Whether each hinge is squared.

    Returns
    -------
    loss : array of float64, (...)
        Summed over the samples.
    gradient : array, like `scores`
        A subgradient, 0 at the kink of the plain hinge.
    """
    xp = array_namespace(scores)
    samples = xp.arange(scores.shape[-1], device=device(scores))
    margins = scores - scores[..., y, samples][..., None, :]
    margins += 1
    margins[..., y, samples] = 0
    losses, gradient = _hinge(xp, margins, squared)
    gradient[..., y, samples] = -xp.sum(gradient, axis=-2)
    return _counted(xp, losses, gradient, weights)


def crammer_singer(scores: Any, y: Any, weights: Any = None, *, squared: bool) -> tuple[Any, Any]:
    """Hinge of the margin between the true class and the highest of the others.

    Parameters
    ----------
    scores : array, (..., n_classes, n)
    y : array of int64, (n,)
        Class of each sample.
    weights : array, (n,), optional
        What each sample counts.
    squared : bool
        Whether the hinge is squared.

    Returns
    -------
    loss : array of float64, (...)
        Summed over the samples.
    gradient : array, like `scores`
        A subgradient: of equally high classes the first counts, and none at the kink of the plain hinge.
    """
    xp = array_namespace(scores)
    samples = xp.arange(scores.shape[-1], device=device(scores))
    rivals = scores - scores[..., y, samples][..., None, :]
    rivals[..., y, samples] = -xp.inf
    highest = xp.argmax(rivals, axis=-2)
    margins = xp.max(rivals, axis=-2)[..., None, :] + 1
    losses, slope = _hinge(xp, margins, squared)
    classes = xp.arange(scores.shape[-2], device=device(scores))[:, None]
    gradient = xp.where(classes == highest[..., None, :], slope, xp.zeros_like(slope))
    gradient[..., y, samples] = -slope[..., 0, :]
    return _counted(xp, losses, gradient, weights)


def one_vs_rest(scores: Any, y: Any, weights: Any = None, *, squared: bool) -> tuple[Any, Any]:
    """Hinge of each class against all others, summed over the classes.

    Parameters
    ----------
    scores : array, (..., n_classes, n)
    y : array of int64, (n,)
        Class of each sample.
    weights : array, (n,), optional
        What each sample counts.
    squared : bool
        Whether each hinge is squared.

    Returns
    -------
    loss : array of float64, (...)
        Summed over the samples.
    gradient : array, like `scores`
        A subgradient, 0 at the kink of the plain hinge.
    """
    xp = array_namespace(scores)
    samples = xp.arange(scores.shape[-1], device=device(scores))
    margins = scores + 1
    margins[..., y, samples] = 1 - scores[..., y, samples]
    losses, gradient = _hinge(xp, margins, squared)
    gradient[..., y, samples] *= -1
    return _counted(xp, losses, gradient, weights)


def _hinge(xp: Any, margins: Any, squared: bool) -> tuple[Any, Any]:
    """Return each sample's hinges of its margins, summed, and their derivatives."""
    excess = xp.maximum(margins, xp.zeros_like(margins[..., :1, :1]))
    losses = xp.sum(excess * excess if squared else excess, axis=-2)
    return losses, 2 * excess if squared else xp.astype(excess > 0, excess.dtype)


def _counted(xp: Any, losses: Any, gradient: Any, weights: Any) -> tuple[Any, Any]:
    """Sum the samples' losses, each counted by its weight."""
    if weights is not None:
        losses = losses * weights
        gradient *= xp.astype(weights, gradient.dtype)
    return xp.sum(losses, axis=-1, dtype=xp.float64), gradient


@dataclass(frozen=True)
class Loss:
    """A loss with what a solver wants to know beside its value.

    Attributes
    ----------
    value_and_gradient : callable
        ``(scores, y, weights=None) -> (loss, gradient)``.
    curvature : callable
        ``n_classes -> float``: mean second derivative with respect to one score of one sample, where all
        scores are 0 and the classes are equally many.
    constant : callable
        ``(multipliers, y) -> (n,)``: for multipliers q as in `featbench.numerics.duality`, minus the
        conjugate of the loss of each sample.
    paired : bool
        Whether the loss depends on differences of scores alone.
    curved : bool
        Whether it has a second derivative everywhere; those of squared hinges jump.
    """

    value_and_gradient: LossAndGradient
    curvature: Callable[[int], float]
    constant: Callable[[Any, Any], Any]
    paired: bool = True
    curved: bool = False

    def derivatives(self, multipliers: Any, y: Any) -> Any:
        """Return what the multipliers of margins, of either sign, are by scores, ``(..., n_classes, n)``."""
        xp = array_namespace(multipliers)
        samples = xp.arange(multipliers.shape[-1])
        derivatives = xp.asarray(multipliers, copy=True)
        true = xp.sum(multipliers, axis=-2) if self.paired else multipliers[..., y, samples]
        derivatives[..., y, samples] = -true
        return derivatives


def _entropy(multipliers: Any, y: Any) -> Any:  # noqa: ARG001 - multipliers of the true class are 0
    xp = array_namespace(multipliers)
    rest = xp.clip(1 - xp.sum(multipliers, axis=-2, keepdims=True), 0, 1)
    likelihoods = xp.concat([multipliers, rest], axis=-2)
    logs = xp.log(xp.where(likelihoods > 0, likelihoods, xp.ones_like(likelihoods)))
    return -xp.sum(likelihoods * logs, axis=-2)


def _squares(multipliers: Any, y: Any) -> Any:  # noqa: ARG001 - a sum over all classes
    xp = array_namespace(multipliers)
    return xp.sum(multipliers - multipliers * multipliers / 4, axis=-2)


SOFTMAX = Loss(softmax, lambda n_classes: (n_classes - 1) / n_classes**2, _entropy, curved=True)
HINGES = {
    "weston_watkins": Loss(
        partial(weston_watkins, squared=True), lambda n_classes: 4 * (n_classes - 1) / n_classes, _squares
    ),
    "one_vs_rest": Loss(partial(one_vs_rest, squared=True), lambda _: 2.0, _squares, paired=False),
}
"""The squared hinges that are smooth, by name."""
