"""First-order updates: what a step makes of a gradient, and how the learning rate falls over the epochs.

With the gradient g, the learning rate α and, where a rule remembers something, its memory from step to step:

==========  ===========================================================================================
rule        step
==========  ===========================================================================================
`sgd`       x ← x − α g
`momentum`  v ← μ v − α g;  x ← x + v
`nesterov`  v′ ← μ v − α g;  x ← x − μ v + (1 + μ) v′;  v ← v′
`adagrad`   c ← c + g²;  x ← x − α g / (√c + ε)
`rmsprop`   c ← ρ c + (1 − ρ) g²;  x ← x − α g / (√c + ε)
`adam`      m ← β₁ m + (1 − β₁) g;  c ← β₂ c + (1 − β₂) g²;  x ← x − α m̂ / (√ĉ + ε)
==========  ===========================================================================================

with m̂ = m / (1 − β₁ᵗ) and ĉ = c / (1 − β₂ᵗ) at step t, from 1.

References
----------
Stanford CS231n course notes, Neural networks part 3: learning and evaluation,
https://cs231n.github.io/neural-networks-3/
B. T. Polyak, Some methods of speeding up the convergence of iteration methods, USSR Computational Mathematics
and Mathematical Physics 4 (1964), 1-17. doi:10.1016/0041-5553(64)90137-5
Y. Nesterov, A method of solving a convex programming problem with convergence rate O(1/k²), Soviet Mathematics
Doklady 27 (1983), 372-376.
J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods for online learning and stochastic optimization,
Journal of Machine Learning Research 12 (2011), 2121-2159.
T. Tieleman, G. Hinton, Lecture 6.5: RMSProp, Neural networks for machine learning, Coursera 2012.
D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015. arXiv:1412.6980
I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017. arXiv:1608.03983
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from featbench.numerics.namespace import namespace
from featbench.types import Float64Array

__all__ = [
    "RULES",
    "Memory",
    "adagrad",
    "adam",
    "decayed",
    "momentum",
    "nesterov",
    "rmsprop",
    "sgd",
]

Memory: TypeAlias = dict[str, Any]
"""What a rule remembers: arrays shaped like the point, and `steps` so far; plain, so that it can be saved."""

_EPSILON = 1e-8


def sgd(point: Float64Array, gradient: Float64Array, rate: float, memory: Memory) -> None:  # noqa: ARG001
    """Step against the gradient, in place.

    Parameters
    ----------
    point, gradient : ndarray of float64, one shape
        Or of float32, or tensors: steps are in the arrays' own library and precision.
    rate : float
        Learning rate.
    memory : dict
        Empty at first; the rules below keep theirs in it.
    """
    point -= rate * gradient


def momentum(
    point: Float64Array, gradient: Float64Array, rate: float, memory: Memory, *, mu: float = 0.9
) -> None:
    """Step with a velocity that keeps the share `mu` of itself; parameters as of `sgd`."""
    velocity = memory.setdefault("velocity", namespace(point).zeros_like(point))
    velocity *= mu
    velocity -= rate * gradient
    point += velocity


def nesterov(
    point: Float64Array, gradient: Float64Array, rate: float, memory: Memory, *, mu: float = 0.9
) -> None:
    """Step as `momentum`, the gradient being that of the place where the velocity leads."""
    velocity = memory.setdefault("velocity", namespace(point).zeros_like(point))
    point -= mu * velocity
    velocity *= mu
    velocity -= rate * gradient
    point += (1 + mu) * velocity


def adagrad(point: Float64Array, gradient: Float64Array, rate: float, memory: Memory) -> None:
    """Divide each coordinate's step by the root of its summed squared gradients; parameters as of `sgd`."""
    squares = memory.setdefault("squares", namespace(point).zeros_like(point))
    squares += gradient**2
    point -= rate * gradient / (namespace(point).sqrt(squares) + _EPSILON)


def rmsprop(
    point: Float64Array, gradient: Float64Array, rate: float, memory: Memory, *, keep: float = 0.99
) -> None:
    """Step as `adagrad`, but the sum leaks: each step keeps the share `keep` of it."""
    squares = memory.setdefault("squares", namespace(point).zeros_like(point))
    squares *= keep
    squares += (1 - keep) * gradient**2
    point -= rate * gradient / (namespace(point).sqrt(squares) + _EPSILON)


def adam(
    point: Float64Array,
    gradient: Float64Array,
    rate: float,
    memory: Memory,
    *,
    keep_mean: float = 0.9,
    keep_squares: float = 0.999,
) -> None:
    """Step by leaking means of the gradient and of its square, both freed of their start at 0."""
    mean = memory.setdefault("mean", namespace(point).zeros_like(point))
    squares = memory.setdefault("squares", namespace(point).zeros_like(point))
    memory["steps"] = steps = memory.get("steps", 0) + 1
    mean *= keep_mean
    mean += (1 - keep_mean) * gradient
    squares *= keep_squares
    squares += (1 - keep_squares) * gradient**2
    root = namespace(point).sqrt(squares / (1 - keep_squares**steps)) + _EPSILON
    point -= rate / (1 - keep_mean**steps) * mean / root


RULES: dict[str, Callable[..., None]] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adam": adam,
}
"""The rules by name; each changes the point and the memory in place."""


def decayed(
    rate: float,
    decay: Literal["none", "step", "exponential", "cosine"],
    epoch: float,
    *,
    epochs: int,
    factor: float,
    every: float,
) -> float:
    """Return the learning rate at some time of the training.

    Parameters
    ----------
    rate : float
        Learning rate at the start.
    decay : {"none", "step", "exponential", "cosine"}
        Constant; times `factor` after each `every` epochs; the same smoothly, that is e^(−k epoch) with
        k = −log(factor) / every; along half a cosine to 0 at the end.
    epoch : float
        Epochs gone by, with fractions.
    epochs : int
        All epochs of the training.
    factor : float
        In (0, 1].
    every : float
        Epochs, above 0.

    Returns
    -------
    float
    """
    if decay == "step":
        return rate * factor ** math.floor(epoch / every)
    if decay == "exponential":
        return float(rate * factor ** (epoch / every))
    if decay == "cosine":
        return rate * (1 + math.cos(math.pi * min(1.0, epoch / epochs))) / 2
    return rate
