"""Search spaces: the values and ranges of hyperparameters that a strategy draws candidates from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featbench.types import Float64Array

__all__ = ["Candidates", "Range", "Space", "candidates_from", "middle"]


@dataclass(frozen=True)
class Range:
    """All numbers from one to another.

    Attributes
    ----------
    low, high : float
        Ends, both included; low < high.
    log : bool
        Whether equal ratios count as equal steps; then low > 0.
    whole : bool
        Whether only whole numbers are meant.
    """

    low: float
    high: float
    log: bool
    whole: bool = False

    def at(self, place: float) -> float | int:
        """Return the number at a place from 0, the low end, to 1, the high end."""
        low, high = self.low, self.high
        value = low * (high / low) ** place if self.log else low + (high - low) * place
        if self.whole:
            return round(min(max(value, low), high))
        # Rounded to 12 digits, so that 1e-3 is written as itself and not as 0.0010000000000000002.
        return float(f"{value:.12g}")

    def place(self, value: float) -> float:
        """Return where a number lies, from 0, the low end, to 1, the high end."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def spec(self) -> dict[str, Any]:
        """Return the range in JSON's types, as an experiment file writes it but for ``whole``."""
        told: dict[str, Any] = {"log" if self.log else "linear": [self.low, self.high]}
        return {**told, "whole": True} if self.whole else told


@dataclass(frozen=True)
class Space:
    """Values or a range for each searched hyperparameter.

    Attributes
    ----------
    axes : mapping of str to tuple or Range
        At least one.
    """

    axes: Mapping[str, tuple[Any, ...] | Range]

    @property
    def ranges(self) -> dict[str, Range]:
        """The hyperparameters that have a range."""
        return {name: axis for name, axis in self.axes.items() if isinstance(axis, Range)}

    @property
    def n_listed(self) -> int:
        """How many combinations the listed values have."""
        return math.prod(len(axis) for axis in self.axes.values() if not isinstance(axis, Range))

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Draw a candidate: listed values alike likely, a range evenly, in its logarithm where it has one."""
        candidate: dict[str, Any] = {}
        for name, axis in self.axes.items():
            if isinstance(axis, Range):
                candidate[name] = axis.at(float(rng.random()))
            else:
                candidate[name] = axis[int(rng.integers(len(axis)))]
        return candidate

    def keeping(self, candidate: Mapping[str, Any]) -> Space:
        """Return the space with listed values narrowed to those of a candidate."""
        axes = self.axes.items()
        return Space({n: axis if isinstance(axis, Range) else (candidate[n],) for n, axis in axes})

    def along(self, place: float) -> dict[str, Any]:
        """Return the candidate that has each axis at a place from 0, its first value or low end, to 1."""
        return {
            n: axis.at(place) if isinstance(axis, Range) else axis[round(place * (len(axis) - 1))]
            for n, axis in self.axes.items()
        }

    def grid(self, places: Mapping[str, Sequence[float] | Float64Array]) -> list[dict[str, Any]]:
        """Return every combination of the listed values and of the places, 0 to 1, in each range, once each."""
        values = []
        for name, axis in self.axes.items():
            if isinstance(axis, Range):
                values.append(tuple(dict.fromkeys(axis.at(float(place)) for place in places[name])))
            else:
                values.append(axis)
        return [dict(zip(self.axes, chosen, strict=True)) for chosen in itertools.product(*values)]

    def spec(self) -> dict[str, Any]:
        """Return the space as an experiment file writes it, in JSON's types."""
        return {n: axis.spec() if isinstance(axis, Range) else list(axis) for n, axis in self.axes.items()}


Candidates = tuple[Mapping[str, Any], ...] | Space
"""What selection tries: candidates, or the space that a strategy draws them from."""


def candidates_from(spec: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> Candidates:
    """Return the candidates or the space that a cell's description holds.

    Parameters
    ----------
    spec : list of mapping, or mapping
        Of JSON's types: candidates, or what `Space.spec` returned.

    Returns
    -------
    tuple of mapping, or Space
    """
    if not isinstance(spec, Mapping):
        return tuple(dict(candidate) for candidate in spec)
    axes: dict[str, tuple[Any, ...] | Range] = {}
    for name, axis in spec.items():
        if isinstance(axis, Mapping):
            log = "log" in axis
            low, high = axis["log" if log else "linear"]
            axes[name] = Range(low, high, log, bool(axis.get("whole", False)))
        else:
            axes[name] = tuple(axis)
    return Space(axes)


def middle(candidates: Candidates) -> Mapping[str, Any]:
    """Return the candidate in the middle, of a space the middle of each of its axes."""
    return candidates.along(0.5) if isinstance(candidates, Space) else candidates[len(candidates) // 2]
