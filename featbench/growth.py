"""How seconds grow with sizes: ever larger samples as long as they are quick, and what they tell of other sizes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Growth", "grow", "growth"]

# What featbench has lies between constant and cubic; a steeper law is noise of short times.
_STEEPEST = 3.0
_APART = 2.0  # of two sizes that lie closer, noise makes any law
_SHORTEST_S = 1e-6  # what a clock tells of nothing, so that a logarithm is there
_FACTORS = 4, 3, 2  # between one sample and the next, the largest that can be afforded
_TRIES, _BRIEF_S = 3, 0.05
_TELLING_S = 0.005  # of shorter times a power is noise, and a straight line less wrong
_SAFE = 0.25  # share of what a sample may take, up to which the next is four times as large whatever is told of it


@dataclass(frozen=True)
class Growth:
    """Seconds at some sizes, and what they tell of others.

    Between two sizes, and beyond the largest, two samples decide, of which one is at least twice as large as the
    other where it is for what lies beyond. Where seconds grow slower than sizes, it is a straight line through both,
    with a part that is the same for all sizes, and so it is of a smaller sample of less than 0.005 s; where they grow
    faster, a power law. A single size is scaled.

    Attributes
    ----------
    measured : tuple of (float, float)
        Sizes, ascending, and their seconds; one or more.
    """

    measured: tuple[tuple[float, float], ...]

    @property
    def largest(self) -> float:
        """The largest size that was measured."""
        return self.measured[-1][0]

    def at(self, n: float) -> float:
        """Return the seconds that n take."""
        (x0, s0), (x1, s1) = self._beside(n)
        if x0 == x1:
            return s1 * n / x1
        if s1 <= s0:
            return s1  # of what does not grow the larger sample is less disturbed
        exponent = min(_STEEPEST, math.log(s1 / s0) / math.log(x1 / x0))
        if exponent < 1 or s0 < _TELLING_S:
            return s1 + (s1 - s0) / (x1 - x0) * (n - x1)
        return s1 * float((n / x1) ** exponent)

    def _beside(self, n: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return two samples that tell of n, or one twice."""
        points = self.measured
        last, first = points[-1], points[0]
        if n >= last[0]:
            return next((p for p in reversed(points) if p[0] * _APART <= last[0]), last), last
        if n <= first[0]:
            return first, next((p for p in points if p[0] >= first[0] * _APART), first)
        upper = next(i for i, point in enumerate(points) if point[0] >= n)
        return points[upper - 1], points[upper]


def growth(measured: Iterable[tuple[float, float]]) -> Growth:
    """Return what samples tell; of the same size several times the median counts.

    Parameters
    ----------
    measured : iterable of (float, float)
        Sizes, above 0, and their seconds; one or more.
    """
    by_size: dict[float, list[float]] = {}
    for n, seconds in measured:
        by_size.setdefault(n, []).append(max(seconds, _SHORTEST_S))
    return Growth(tuple((n, float(np.median(by_size[n]))) for n in sorted(by_size)))


def grow(
    stages: Mapping[str, Callable[[int], object]],
    first: int,
    most: int,
    limit_s: float,
    work: Callable[[int], float] = float,
    clock: Callable[[], float] = time.perf_counter,
    fixed_s: float = 0.0,
) -> dict[str, Growth]:
    """Run stages one after another on ever larger samples, as long as the next will not take too long.

    Parameters
    ----------
    stages : mapping of str to callable
        Each takes the number of images.
    first, most : int
        Images of the first sample, which is always taken, and how many there are.
    limit_s : float
        Seconds that all stages may take on one sample, by what those before it tell.
    work : callable, optional
        Takes a number of images to what seconds grow with.
    clock : callable, optional
        Seconds.
    fixed_s : float, optional
        A first sample that takes longer than `limit_s`, and no longer than this, may take so long whatever its size, as
        searches do: a second one, of twice the images, tells.

    Returns
    -------
    dict of str to Growth
        Over `work` of the sizes.
    """
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in stages}
    sizes: list[int] = []

    def told(n: int) -> float:
        return sum(growth(measured).at(work(n)) for measured in samples.values())

    size: int | None = min(first, most)
    while size is not None:
        sizes.append(size)
        for name, stage in stages.items():
            samples[name].append((work(size), _shortest(stage, size, clock)))
        size = _next(sizes, most, (limit_s, fixed_s), told)
    return {name: growth(measured) for name, measured in samples.items()}


def _shortest(stage: Callable[[int], object], size: int, clock: Callable[[], float]) -> float:
    """Return the seconds of a stage; of a short one, which anything may disturb, the least of three."""
    spent: list[float] = []
    while not spent or (len(spent) < _TRIES and sum(spent) < _BRIEF_S):
        start = clock()
        stage(size)
        spent.append(clock() - start)
    return min(spent)


def _next(
    sizes: Sequence[int], most: int, limits: tuple[float, float], told: Callable[[int], float]
) -> int | None:
    """Return the next size that can be afforded, or None."""
    size, (limit_s, fixed_s) = sizes[-1], limits
    if size >= most:
        return None
    # What is short tells little of what is next, and a first sample has parts that are the same for all sizes.
    if told(size) <= limit_s * (_SAFE if len(sizes) > 1 else 1):
        return min(most, _FACTORS[0] * size)
    if len(sizes) == 1 and told(size) <= fixed_s:
        return min(most, _FACTORS[-1] * size)
    larger = (min(most, factor * size) for factor in _FACTORS)
    return next((n for n in larger if told(n) <= limit_s), None)
