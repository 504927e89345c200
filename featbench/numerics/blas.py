"""Matrix products on one thread, for workers that are spread over the cores themselves.

A skinny product gains little from BLAS threads and loses much to their waiting for one another, above all
on a machine that has other work. Where rows are spread over a pool of threads, each worker therefore
multiplies alone; the sums are then also the same whatever the number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["serial_blas"]

_lock = threading.Lock()
_inside = 0
_limit: Any = None


@cache
def _controller() -> ThreadpoolController:
    import numpy  # noqa: F401 - a controller knows the libraries that are loaded when it is made
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()


@contextmanager
def serial_blas() -> Iterator[None]:
    """Keep BLAS to one thread inside the block; blocks may overlap in time, the last one out restores."""
    global _inside, _limit
    with _lock:
        if _inside == 0:
            _limit = _controller().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _limit is not None:
                _limit.restore_original_limits()
                _limit = None
