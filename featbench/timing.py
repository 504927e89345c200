"""Clocks: the seconds of one phase, and nothing but the phase inside them.

The garbage collector runs before a stage and is kept out of its clocks. Memory is the highest resident set size
while the phase ran; on Linux the kernel's high-water mark is reset first, elsewhere it is that of the
whole process so far, and `PeakMemory.exact` says so.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

__all__ = ["Latency", "PeakMemory", "Timing", "latency", "measure"]

Result = TypeVar("Result")

# A phase longer than this is measured once: repeating it would cost the user more than it tells.
_REPEAT_BUDGET_S = 2.0
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
    """

    samples: list[float] = field(default_factory=list)
    shared: bool = False

    @property
    def seconds(self) -> float:
        """The median, in seconds."""
        return float(np.median(self.samples))

    def to_json(self) -> dict[str, Any]:
        """Return the median, the samples and whether they are shared."""
        return {"seconds": self.seconds, "samples": self.samples, "shared": self.shared}


def measure(phase: Callable[[], Result], repeats: int = 1) -> tuple[Result, Timing]:
    """Run a phase and time it.

    Parameters
    ----------
    phase : callable
        The phase and nothing else; it returns its result.
    repeats : int, optional
        How many samples to take at the most; none is begun after 2 s in all.

    Returns
    -------
    result : object
        What the last repeat returned.
    timing : Timing
    """
    timing = Timing()
    while True:
        with _collector_off():
            start = time.perf_counter()
            result = phase()
            timing.samples.append(time.perf_counter() - start)
        if len(timing.samples) >= repeats or sum(timing.samples) >= _REPEAT_BUDGET_S:
            return result, timing
        del result  # so that two results are never held at once


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
        while len(samples) < _LATENCY_SAMPLES and sum(samples) < _LATENCY_BUDGET_S:
            number = len(samples) % n_images
            start = time.perf_counter()
            label_one(number)
            samples.append(time.perf_counter() - start)
    p50, p95 = np.percentile(samples, [50, 95]) * 1000
    return Latency(float(p50), float(p95), len(samples))


class PeakMemory:
    """The highest resident set size between `start` and `megabytes`.

    Attributes
    ----------
    exact : bool
        False where the high-water mark of the whole process is all that the system tells.
    """

    def __init__(self) -> None:
        gc.collect()  # what an earlier stage left behind is not this one's
        self.exact = self._reset()

    @staticmethod
    def _reset() -> bool:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return False
        return True

    def megabytes(self) -> float:
        """Return the peak so far, in units of 10⁶ bytes."""
        if self.exact:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024 / 1e6
        return _process_peak() / 1e6


def _process_peak() -> float:
    import sys

    import psutil

    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


@contextmanager
def _collector_off() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
