"""The instrument: clocks of phases, memory of stages, and what others did on the machine meanwhile."""

from __future__ import annotations

from featbench.timing.clocks import Latency, Phase, Timing, latency, measure, measure_in_turn
from featbench.timing.device import synchronize
from featbench.timing.load import Load, Share
from featbench.timing.memory import Memory, PeakMemory
from featbench.timing.overhead import Overhead, overhead
from featbench.timing.repeats import ONCE, Repeats

__all__ = [
    "ONCE",
    "Latency",
    "Load",
    "Memory",
    "Overhead",
    "PeakMemory",
    "Phase",
    "Repeats",
    "Share",
    "Timing",
    "latency",
    "measure",
    "measure_in_turn",
    "overhead",
    "synchronize",
]
