"""Losses of linear classifiers as functions of the scores, for one model or many at once.

Scores have the shape ``(..., n_classes, n)``: models first, samples last, so that a reduction over classes
runs along contiguous samples. Every loss returns its sum over the samples, a float64 for each model, and
its gradient with respect to the scores. The functions speak the array API and never write to their input.

================================  ==============================================================
loss of one sample, true class y  formula
================================  ==============================================================
`softmax`                         log Σ_j exp s_j − s_y, in nats
`weston_watkins`                  Σ_{j≠y} h(1 + s_j − s_y)
`one_vs_rest`                     h(1 − s_y) + Σ_{j≠y} h(1 + s_j)
================================  ==============================================================

with the plain hinge h(m) = max(0, m) or the squared one, max(0, m)².

References
----------
J. Weston, C. Watkins, Support vector machines for multi-class pattern recognition, ESANN 1999.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from array_api_compat import array_namespace

__all__ = ["HINGES", "SOFTMAX", "Loss", "one_vs_rest", "softmax", "weston_watkins"]

LossAndGradient: TypeAlias = Callable[[Any, Any], tuple[Any, Any]]


def softmax(scores: Any, y: Any) -> tuple[Any, Any]:
    """Cross-entropy of the softmax of the scores.

    Parameters
    ----------
    scores : array, (..., n_classes, n)
    y : array of int64, (n,)
        Class of each sample.

    Returns
    -------
    loss : array of float64, (...)
        In nats, summed over the samples.
    gradient : array, like `scores`
    """
    xp = array_namespace(scores)
    samples = xp.arange(scores.shape[-1])
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
    return xp.sum(losses, axis=-1, dtype=xp.float64), gradient


def weston_watkins(scores: Any, y: Any, *, squared: bool) -> tuple[Any, Any]:
    """Hinge of the margin between the true class and every other, summed over the others.

    Parameters
    ----------
    scores : array, (..., n_classes, n)
    y : array of int64, (n,)
        Class of each sample.
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
    samples = xp.arange(scores.shape[-1])
    margins = scores - scores[..., y, samples][..., None, :]
    margins += 1
    margins[..., y, samples] = 0
    loss, gradient = _hinge(xp, margins, squared)
    gradient[..., y, samples] = -xp.sum(gradient, axis=-2)
    return loss, gradient


def one_vs_rest(scores: Any, y: Any, *, squared: bool) -> tuple[Any, Any]:
    """Hinge of each class against all others, summed over the classes.

    Parameters
    ----------
    scores : array, (..., n_classes, n)
    y : array of int64, (n,)
        Class of each sample.
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
    samples = xp.arange(scores.shape[-1])
    margins = scores + 1
    margins[..., y, samples] = 1 - scores[..., y, samples]
    loss, gradient = _hinge(xp, margins, squared)
    gradient[..., y, samples] *= -1
    return loss, gradient


def _hinge(xp: Any, margins: Any, squared: bool) -> tuple[Any, Any]:
    """Return the summed hinge of margins and its derivative with respect to them."""
    excess = xp.maximum(margins, xp.zeros_like(margins[..., :1, :1]))
    losses = excess * excess if squared else excess
    loss = xp.sum(xp.sum(losses, axis=-2), axis=-1, dtype=xp.float64)
    return loss, 2 * excess if squared else xp.astype(excess > 0, excess.dtype)


@dataclass(frozen=True)
class Loss:
    """A smooth loss with what a solver wants to know beside its value.

    Attributes
    ----------
    value_and_gradient : callable
        ``(scores, y) -> (loss, gradient)``.
    curvature : callable
        ``n_classes -> float``: mean second derivative with respect to one score of one sample, where all
        scores are 0 and the classes are equally many.
    """

    value_and_gradient: LossAndGradient
    curvature: Callable[[int], float]


SOFTMAX = Loss(softmax, lambda n_classes: (n_classes - 1) / n_classes**2)
HINGES = {
    "weston_watkins": Loss(
        partial(weston_watkins, squared=True), lambda n_classes: 4 * (n_classes - 1) / n_classes
    ),
    "one_vs_rest": Loss(partial(one_vs_rest, squared=True), lambda _: 2.0),
}
"""The squared hinges, by name."""
