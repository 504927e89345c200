"""The instrument's own cost: work of about a second inside its clocks, against the same work on its own.

One row is a loop of Python, which the watch of memory must interrupt; one is matrix products on all cores, which leave
the watch no core of its own; one is a phase that does nothing. The bar is 2 % of a second; a row beyond it differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.rows import Row, best, peak_memory
from featbench.machine import peaks
from featbench.numerics.threads import n_threads
from featbench.timing import PeakMemory, measure, overhead

__all__ = ["rows"]

_BAR = 0.02
_SIDE = 1536


def rows() -> Iterator[Row]:
    """Measure and yield the rows."""
    turns = _turns_of(_loop)
    yield _row("a loop of Python", lambda: _loop(turns), 1)
    a = np.ones((_SIDE, _SIDE), dtype=np.float32)
    products = max(1, round(peaks().gflop_s * 1e9 / (2 * _SIDE**3)))

    def multiply() -> None:
        for _ in range(products):
            a @ a

    yield _row(f"{products} matrix products", multiply, n_threads())
    cost = overhead()
    yield Row(
        "a phase that does nothing",
        cost.sample_s,
        "one second",
        1.0,
        f"watch {cost.watch:.2%} of a core",
        cost.of_one_second > _BAR,
        peak_memory(lambda: None),
        1,
        cost.sample_s,
        "itself",
        bar=f"< {_BAR:.0%}",
    )


def _row(work: str, alone: Callable[[], object], cores: int) -> Row:
    def measured() -> None:
        with PeakMemory():
            measure(alone)

    ours, peer = best(measured, alone)
    more = ours / peer - 1
    return Row(
        work,
        ours,
        "not measured",
        peer,
        f"{more:+.2%} of a second",
        more > _BAR,
        peak_memory(alone),
        cores,
        peer,
        "the work itself",
        bar=f"< {_BAR:.0%}",
    )


def _loop(turns: int) -> int:
    total = 0
    for i in range(turns):
        total += i & 7
    return total


def _turns_of(loop: Callable[[int], object]) -> int:
    """Return how many turns of a loop take about a second."""
    few = 1_000_000
    return round(few / best(lambda: loop(few))[0])
