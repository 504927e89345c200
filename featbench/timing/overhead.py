"""What the instrument itself takes: inside the clocks, and of a core beside them."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from featbench.timing.clocks import measure
from featbench.timing.memory import EVERY_S, read_parts

__all__ = ["Overhead", "overhead"]

_SAMPLES = 200


@dataclass(frozen=True)
class Overhead:
    """What measuring costs.

    Attributes
    ----------
    sample_s : float
        Seconds that a clock shows for a phase that does nothing.
    watch : float
        Share of one core's time that reading a stage's memory takes while the clocks run.
    """

    sample_s: float
    watch: float

    @property
    def of_one_second(self) -> float:
        """Share of a stage of one second that is the instrument's, if nothing of it runs beside the stage."""
        return self.sample_s + self.watch


def overhead() -> Overhead:
    """Measure the instrument on this machine, in about ten milliseconds: medians of 200 samples."""
    empty = [measure(_nothing)[1].samples[0] for _ in range(_SAMPLES)]
    readings = []
    for _ in range(_SAMPLES):
        start = time.perf_counter()
        read_parts()
        readings.append(time.perf_counter() - start)
    return Overhead(float(np.median(empty)), float(np.median(readings)) / EVERY_S)


def _nothing() -> None:
    pass
