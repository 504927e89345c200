"""How a kernel is compiled, and how its work is spread over the cores.

Kernels are serial and release the interpreter's lock; `spread` hands ranges of rows to a pool of
threads. numba's own ``prange`` is not used: it aborts when entered from two threads and is not safe
after a fork.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numba

from featbench.errors import InputError, must_be

__all__ = ["kernel", "n_threads", "spread"]

_warned = False


def n_threads() -> int:
    """Return how many threads kernels use.

    ``FEATBENCH_NUM_THREADS`` if it is set, otherwise the cores that this process may run on.

    Raises
    ------
    InputError
        The variable is neither empty nor a whole number above 0.
    """
    wanted = os.environ.get("FEATBENCH_NUM_THREADS", "").strip()
    if wanted:
        if wanted.isdecimal() and int(wanted) > 0:
            return int(wanted)
        remedy = "Unset it to use all cores."
        raise InputError(must_be("environment", "FEATBENCH_NUM_THREADS", "an integer ≥ 1", wanted, remedy))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def kernel(function: Callable[..., Any] | None = None, *, any_order: bool = False) -> Any:
    """Compile a function with numba when it is first called, and keep the machine code on disk.

    Where no folder can be written, the code is compiled anew in each process, and one warning says so.

    Parameters
    ----------
    function : callable
        What to compile; ``@kernel`` and ``@kernel(any_order=True)`` both decorate.
    any_order : bool, optional
        Let floating-point sums be taken in any order, so that they run in wide registers. For sums whose
        rounding is bounded and checked alone: the result may differ from machine to machine.
    """
    if function is None:
        return lambda decorated: kernel(decorated, any_order=any_order)
    global _warned
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "nsz"} if any_order else False}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no place for its cache
        if not _warned:
            _warned = True
            warnings.warn(
                "featbench: no folder can be written for compiled kernels, so each process compiles them "
                "anew (seconds). Set NUMBA_CACHE_DIR to a writable folder.",
                RuntimeWarning,
                stacklevel=2,
            )
        return numba.njit(**options)(function)


def spread(work: Callable[[int, int], object], n: int, *, least: int = 1) -> None:
    """Call ``work(start, stop)`` for ranges that together cover ``0 … n − 1``, on all threads.

    Parameters
    ----------
    work : callable
        Must write only to its own rows; it runs with the lock released where it is a kernel.
    n : int
        Number of rows.
    least : int, optional
        Rows under which starting a thread costs more than it gains.

    Raises
    ------
    Exception
        Whatever `work` raised first.
    """
    parts = max(1, min(n_threads(), n // max(1, least)))
    if parts == 1:
        work(0, n)
        return
    # Four ranges a thread, so that one slow core does not hold up the rest.
    edges = [n * i // (4 * parts) for i in range(4 * parts + 1)]
    ranges = [(a, b) for a, b in pairwise(edges) if b > a]
    with ThreadPoolExecutor(parts) as pool:
        for future in [pool.submit(work, a, b) for a, b in ranges]:
            future.result()
