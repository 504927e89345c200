"""Clocks: the seconds of one phase, and nothing but the phase inside them.

The garbage collector runs before a stage and is kept out of its clocks; a GPU has done its work before a clock is read.
Phases that are repeated take turns, so that a machine that grows slower or faster does so for all of them.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from featbench.timing.device import synchronize
from featbench.timing.load import Load, Share
from featbench.timing.repeats import ONCE, Repeats

if TYPE_CHECKING:
    from featbench.base import Cost  # whose package imports far more than a clock needs

__all__ = ["Latency", "Phase", "Timing", "latency", "measure", "measure_in_turn"]

Result = TypeVar("Result")

Phase: TypeAlias = Callable[[Mapping[str, Any]], Callable[[], Any]]
"""Takes the results that are there, by name, and returns what is timed: what is made ready is outside the clock."""

_LATENCY_BUDGET_S = 1.0
_LATENCY_SAMPLES = 200


@dataclass
class Timing:
    """The samples of one phase.

    Attributes
    ----------
    samples : list of float
        Seconds of each repeat, in order.
    shared : bool
        Whether other cells use the same measurement.
    cached : bool
        Whether it was taken when the features in the cache were made.
    noisy : bool
        Whether the interval of the median stayed wider than it was asked to be; see `Repeats`.
    load : Share or None
        What others took of the processors while the samples were taken; None where that is not known, as of a
        phase that took less than half a second in all.
    cost : Cost or None
        What the phase had to do, where that is known.
    """

    samples: list[float] = field(default_factory=list)
    shared: bool = False
    cached: bool = False
    noisy: bool = False
    load: Share | None = None
    cost: Cost | None = None

    @property
    def seconds(self) -> float:
        """The median, in seconds."""
        return float(np.median(self.samples))

    def to_json(self) -> dict[str, Any]:
        """Return the median, the quartiles, the samples and all that is known of them."""
        lower, upper = np.percentile(self.samples, [25, 75])
        told: dict[str, Any] = {
            "seconds": self.seconds,
            "quartiles": [float(lower), float(upper)],
            "samples": self.samples,
            "shared": self.shared,
            "cached": self.cached,
            "noisy": self.noisy,
        }
        if self.load is not None:
            told["load"] = self.load._asdict()
        if self.cost is not None:
            told["cost"] = self.cost.to_json()
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Timing:
        """Return the timing that `to_json` wrote."""
        from featbench.base import Cost

        load, cost = told.get("load"), told.get("cost")
        return cls(
            list(told["samples"]),
            told["shared"],
            told.get("cached", False),
            told.get("noisy", False),
            None if load is None else Share(**load),
            None if cost is None else Cost(**cost),
        )


def measure(phase: Callable[[], Result]) -> tuple[Result, Timing]:
    """Run a phase once and time it.

    Parameters
    ----------
    phase : callable
        The phase and nothing else; it returns its result.

    Returns
    -------
    result : object
        What the phase returned.
    timing : Timing
    """
    made, timings = measure_in_turn({"phase": lambda _: phase}, ONCE)
    return made["phase"], timings["phase"]


def measure_in_turn(
    phases: Mapping[str, Phase], repeats: Repeats
) -> tuple[dict[str, Any], dict[str, Timing]]:
    """Run phases one after another, round after round, until each has been measured often enough.

    Parameters
    ----------
    phases : mapping of str to callable
        In their order; each takes the results of those before it and returns the phase and nothing else, as
        ``lambda made: partial(made["fit"].predict, X)`` does.
    repeats : Repeats
        When that is, of each phase by itself: those that are done sit out the rounds that follow.

    Returns
    -------
    results : dict of str to object
        What each phase returned last. Two results of a phase are never held at once.
    timings : dict of str to Timing
    """
    made: dict[str, Any] = {}
    samples: dict[str, list[float]] = {name: [] for name in phases}
    load = Load()
    while wanting := [name for name in phases if not (samples[name] and repeats.enough(samples[name]))]:
        for name in wanting:
            made.pop(name, None)
        for name in wanting:
            made[name], seconds = _timed(phases[name](made))
            samples[name].append(seconds)
    share = load.share()
    timings = {name: Timing(taken, noisy=repeats.noisy(taken), load=share) for name, taken in samples.items()}
    return made, timings


def _timed(phase: Callable[[], Result]) -> tuple[Result, float]:
    with _collector_off():
        synchronize()
        start = time.perf_counter()
        result = phase()
        synchronize()
        return result, time.perf_counter() - start


@dataclass(frozen=True)
class Latency:
    """How long one image takes from pixels to label.

    Attributes
    ----------
    p50_ms, p95_ms : float
        Percentiles, milliseconds.
    n : int
        Number of images measured.
    """

    p50_ms: float
    p95_ms: float
    n: int


def latency(label_one: Callable[[int], object], n_images: int) -> Latency:
    """Time single images, up to 200 of them and a second in all, after one that does not count.

    Parameters
    ----------
    label_one : callable
        Takes an image's number to its label.
    n_images : int
        How many images there are; they are taken in turn.

    Returns
    -------
    Latency
    """
    label_one(0)
    samples: list[float] = []
    with _collector_off():
        synchronize()
        while len(samples) < _LATENCY_SAMPLES and sum(samples) < _LATENCY_BUDGET_S:
            number = len(samples) % n_images
            start = time.perf_counter()
            label_one(number)
            synchronize()
            samples.append(time.perf_counter() - start)
    p50, p95 = np.percentile(samples, [50, 95]) * 1000
    return Latency(float(p50), float(p95), len(samples))


@contextmanager
def _collector_off() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
