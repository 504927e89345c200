"""The instrument's own cost: work inside its clocks, against the same work on its own.

One row is a loop of Python, which the watch of memory must interrupt; one is matrix products on all cores, which leave
the watch no core of its own; one is a phase that does nothing. Times are processor time of the whole process, which
other work on the machine does not lengthen, the shortest of fifteen in turn. What is done before and after a stage,
such as collecting garbage, is not in its clocks. The bar is 2 %; a row beyond it differs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.rows import Row, peak_memory
from featbench.numerics.threads import n_threads
from featbench.timing import PeakMemory, measure, overhead

__all__ = ["rows"]

_BAR = 0.02
_SAMPLES = 15
_WORK_S = 0.3  # fifteen readings of memory, and as long a share of them as any longer work has
_SIDE = 512


def rows() -> Iterator[Row]:
    """Measure and yield the rows."""
    yield _row("a loop of Python", _loop, 1)
    a = np.ones((_SIDE, _SIDE), dtype=np.float32)

    def multiply(times: int) -> None:
        for _ in range(times):
            a @ a

    yield _row(f"products of {_SIDE} × {_SIDE}", multiply, n_threads())
    cost = overhead()
    yield Row(
        "a phase that does nothing",
        cost.sample_s,
        "a stage of one second",
        1.0,
        f"watch {cost.watch:.2%} of a core",
        cost.of_one_second > _BAR,
        peak_memory(lambda: None),
        1,
        cost.sample_s,
        "itself",
        bar=f"< {_BAR:.0%}",
    )


def _row(work: str, repeated: Callable[[int], object], cores: int) -> Row:
    times, seconds = 10, 0.0
    while seconds < _WORK_S / 10:
        times *= 2
        seconds = _processor_time(partial(repeated, times))
    stage = partial(repeated, max(1, round(times * _WORK_S / seconds)))
    alone, inside = [], []
    for _ in range(_SAMPLES):
        alone.append(_processor_time(stage))
        with PeakMemory():
            taken, _ = measure(partial(_processor_time, stage))
        inside.append(taken)
    ours, peer = min(inside), min(alone)
    more = ours / peer - 1
    return Row(
        work,
        ours,
        "not measured",
        peer,
        f"{more:+.2%}",
        more > _BAR,
        peak_memory(stage),
        cores,
        peer,
        "the work itself",
        bar=f"< {_BAR:.0%}",
    )


def _processor_time(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _loop(turns: int) -> int:
    total = 0
    for i in range(1000 * turns):
        total += i & 7
    return total
