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

from threadpoolctl import ThreadpoolController

__all__ = ["serial_blas"]

_held = threading.Lock()


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401 - a controller knows the libraries that are loaded when it is made

    return ThreadpoolController()


@contextmanager
def serial_blas() -> Iterator[None]:
    """Keep BLAS to one thread inside the block.

    The limit is that of the whole process. Of blocks that overlap, nested ones or those of other threads,
    the first sets and lifts it; the others run as they find it.
    """
    if not _held.acquire(blocking=False):
        yield
        return
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        _held.release()
