"""The instrument's own cost: work inside its clocks, against the same work on its own.

One row is a loop of Python, which the watch of memory must interrupt; one is matrix products on all cores, which leave
the watch no core of its own; one is a phase that does nothing. Times are processor time of the whole process. A busy
machine lengthens that too, by a tenth and more, since caches and clock rates are shared; so work is short, and is done
in pairs, inside and alone one right after the other, every other time in the other order. The ratio is the median of
the pairs' ratios, shown with the interval that covers it in 95 of 100 cases. What is done before and after a stage,
such as collecting garbage, is not in its clocks and is done before both. The bar is 2 %; a row differs whose whole
interval lies beyond it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import repeat

import numpy as np

from benchmarks.rows import Row, peak_memory
from featbench.numerics.threads import n_threads
from featbench.timing import PeakMemory, measure, overhead
from featbench.timing.repeats import median_interval

__all__ = ["rows", "verdict"]

_BAR = 0.02
# Pairs of a row, as many as the seconds allow; of 61 the interval is from the 23rd to the 39th.
_LEAST, _MOST, _LIMIT_S = 15, 61, 22.0
_WORK_S = 0.15  # several readings of memory, and as long a share of them as any longer work has
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
    pairs: list[tuple[float, float]] = []
    start = time.perf_counter()
    while len(pairs) < _LEAST or (len(pairs) < _MOST and time.perf_counter() - start < _LIMIT_S):
        pairs.append(_pair(stage, inside_first=bool(len(pairs) % 2)))
    ours, peer = (float(np.median(seconds)) for seconds in zip(*pairs, strict=True))
    told, differs = verdict(pairs)
    return Row(
        work,
        ours,
        "not measured",
        peer,
        told,
        differs,
        peak_memory(stage),
        cores,
        peer,
        "the work itself",
        bar=f"< {_BAR:.0%}",
    )


def verdict(pairs: Sequence[tuple[float, float]]) -> tuple[str, bool]:
    """Return what the instrument adds, with its interval, and whether that is beyond the bar for certain.

    Parameters
    ----------
    pairs : sequence of (float, float)
        Seconds inside the instrument and alone, of work that was done one right after the other.
    """
    ratios = [inside / alone for inside, alone in pairs]
    low, high = median_interval(ratios)
    return f"{np.median(ratios) - 1:+.2%} ({low - 1:+.2%} to {high - 1:+.2%})", low - 1 > _BAR


def _pair(stage: Callable[[], object], *, inside_first: bool) -> tuple[float, float]:
    """Return the seconds of a stage inside the instrument and alone, after the same preparation."""
    seconds = {}
    for inside in (inside_first, not inside_first):
        watch = PeakMemory()
        with watch if inside else nullcontext():
            timed = partial(_processor_time, stage)
            seconds[inside] = measure(timed)[0] if inside else timed()
    return seconds[True], seconds[False]


def _processor_time(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _loop(turns: int) -> int:
    # Small integers are there already: where new ones lie in memory would make a loop a tenth faster or slower.
    total = 0
    for _ in repeat(None, 1000 * turns):
        total = (total + 3) & 127
    return total
