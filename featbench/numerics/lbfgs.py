"""L-BFGS as a search that asks for values and gradients, so that many searches can share each evaluation.

A search is a generator: it yields a point, is sent the value and the gradient there, and returns what it
found. `minimize_together` steps many of them in lockstep and evaluates all their points as one batch, which
for linear models turns many skinny matrix products into a wide one.

References
----------
J. Nocedal, Updating quasi-Newton matrices with limited storage, Mathematics of Computation 35 (1980),
773-782. doi:10.1090/S0025-5718-1980-0572855-7
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from featbench.types import AnyArray, Float64Array

__all__ = ["Found", "Search", "lbfgs", "minimize_together"]

_HISTORY = 10
_SUFFICIENT_DECREASE = 1e-4
_MOST_HALVINGS = 30


class _Pair:
    """A step, the change of the gradient along it, and that change preconditioned."""

    def __init__(self, step: Float64Array, change: Float64Array, preconditioned: Float64Array) -> None:
        self.step, self.change, self.preconditioned = step, change, preconditioned
        self.product = float(np.vdot(step, change))
        self.norm = float(np.vdot(change, preconditioned))


@dataclass
class Found:
    """Where a search ended.

    Attributes
    ----------
    point, gradient : ndarray of float64
    value : float
    expected : float
        What the quadratic model of the search still expects to gain: half the gradient times the inverse
        second derivative times the gradient, the largest of the last three iterations. An estimate.
    n_iter : int
    curve : list of float
        Value at the start and after each iteration.
    pairs : sequence
        The last steps and what they changed; a search of nearly the same function begins with them.
    """

    point: Float64Array
    value: float
    gradient: Float64Array
    expected: float = float("inf")
    n_iter: int = 0
    curve: list[float] = field(default_factory=list)
    pairs: Sequence[_Pair] = ()


Search: TypeAlias = Generator[Float64Array, tuple[float, Float64Array], Found]


def lbfgs(
    start: Float64Array,
    precondition: Callable[[Float64Array], Float64Array],
    done: Callable[[float, Float64Array], bool],
    *,
    max_iter: int,
    noise: float,
    least_gain: float = 0.0,
    known: Sequence[_Pair] = (),
) -> Search:
    """Search for the minimum of a smooth convex function.

    Parameters
    ----------
    start : ndarray of float64, any shape
    precondition : callable
        Linear, symmetric, positive: an approximate inverse of the second derivative. Called once an
        iteration, with a gradient.
    done : callable
        ``(value, gradient) -> bool``, whether the point is good enough.
    max_iter : int
        Most iterations, that is accepted steps.
    noise : float
        Relative rounding error of values; a step that raises the value by no more is not refused.
    least_gain : float, optional
        Share of the value; the search ends when it expects to gain no more.
    known : sequence, optional
        `Found.pairs` of a search of nearly the same function, with the same preconditioner. The second
        derivative is then known from the start, and what a step is expected to gain holds at once.

    Yields
    ------
    ndarray of float64
        A point; wants its value and gradient sent.

    Returns
    -------
    Found
        Where one of the tests was passed, the iterations were used up, or rounding left no step that
        decreases the value.
    """
    value, gradient = yield start
    found = Found(start, value, gradient, curve=[value])
    natural = precondition(gradient)
    pairs: deque[_Pair] = deque(known, maxlen=_HISTORY)
    gains: deque[float] = deque(maxlen=1 if known else 3)
    while True:
        direction = _direction(found.gradient, natural, pairs)
        slope = float(np.vdot(found.gradient, direction))
        gains.append(-slope / 2)
        found.expected, found.pairs = max(gains), pairs
        if done(found.value, found.gradient) or found.n_iter == max_iter or not slope < 0:
            return found
        if len(gains) == gains.maxlen and found.expected <= least_gain * abs(found.value):
            return found
        size = 1.0
        for _ in range(_MOST_HALVINGS):
            point = found.point + size * direction
            value, gradient = yield point
            allowed = found.value + _SUFFICIENT_DECREASE * size * slope + noise * abs(found.value)
            if value <= allowed:
                break
            size *= _shrinkage(size * slope, value - found.value)
        else:
            return found
        previous, natural = natural, precondition(gradient)
        change = gradient - found.gradient
        pair = _Pair(size * direction, change, natural - previous)
        if pair.product > 0 and pair.norm > 0:  # always so for a convex function, but for rounding
            pairs.append(pair)
        found.point, found.value, found.gradient = point, value, gradient
        found.n_iter += 1
        found.curve.append(value)


def _direction(gradient: Float64Array, natural: Float64Array, pairs: Sequence[_Pair]) -> Float64Array:
    """Return minus the gradient times the inverse second derivative that the pairs imply.

    The two-loop recursion, with the preconditioner as the matrix it starts from. That is linear, so its
    product with the inner vector is carried along rather than computed anew.
    """
    inner, result = gradient.copy(), natural.copy()
    weights = []
    for pair in reversed(pairs):
        weight = float(np.vdot(pair.step, inner)) / pair.product
        inner -= weight * pair.change
        result -= weight * pair.preconditioned
        weights.append(weight)
    if pairs:
        result *= pairs[-1].product / pairs[-1].norm
    for pair, weight in zip(pairs, reversed(weights), strict=True):
        result += (weight - float(np.vdot(pair.change, result)) / pair.product) * pair.step
    return -result


def _shrinkage(slope: float, rise: float) -> float:
    """Return the factor that leads to the minimum of the parabola through what is known, 0.1 to 0.5."""
    if not np.isfinite(rise) or rise <= slope:
        return 0.1
    return float(np.clip(-slope / (2 * (rise - slope)), 0.1, 0.5))


def minimize_together(
    evaluate: Callable[[AnyArray, list[int]], tuple[Float64Array, Float64Array]],
    searches: Sequence[Search],
    first: tuple[Float64Array, Float64Array] | None = None,
) -> list[Found]:
    """Run searches side by side, one evaluation for all that still go on.

    Parameters
    ----------
    evaluate : callable
        ``(points, numbers) -> (values, gradients)``: points stacked along a new first axis, and which
        searches they belong to.
    searches : sequence of generator
        Not yet started.
    first : tuple, optional
        Values and gradients where the searches start, if they are known.

    Returns
    -------
    list of Found
        In the order of `searches`.
    """
    asked = {number: next(search) for number, search in enumerate(searches)}
    found: dict[int, Found] = {}
    while asked:
        numbers = list(asked)
        values, gradients = first or evaluate(np.stack([asked[number] for number in numbers]), numbers)
        first = None
        for number, value, gradient in zip(numbers, values, gradients, strict=True):
            try:
                asked[number] = searches[number].send((float(value), gradient))
            except StopIteration as stop:
                found[number] = stop.value
                del asked[number]
    return [found[number] for number in range(len(searches))]
