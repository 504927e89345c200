"""How time grows: one size of the work doubled at a time, beside the same work before.

Linear heads: one fit, and the search of a cross-validation; nearest neighbours: one search. Rows are random, with
classes that overlap. The peer is our own time at the smaller size, so that the ratio is 0.50 where time doubles. The
limit is that time multiplied by what the arithmetic is: a gradient of linear heads, a pass over the distances.
Times are processor time, all threads together, which other work on the machine disturbs least.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.rows import Row, peak_memory
from featbench.base import Fold
from featbench.classifiers import Softmax
from featbench.numerics.neighbors import Neighbors
from featbench.numerics.threads import n_threads
from featbench.types import AnyArray, Labels

__all__ = ["rows"]

_FIT = {"n": 20_000, "d": 160, "classes": 10}
_SEARCH = {"n": 10_000, "d": 160, "classes": 10, "regs": 10, "folds": 5}
_NEIGHBORS = {"n": 10_000, "m": 500, "d": 512}
_SAMPLES = 3
_SMALLEST_REG, _LARGEST_REG = 1e-4, 1e-1


def rows(scale: float = 1.0) -> Iterator[Row]:
    """Measure and yield one row after another; a `scale` below 1 makes all numbers of rows smaller."""
    works: tuple[tuple[str, Callable[..., Callable[[], object]], Mapping[str, int]], ...] = (
        ("softmax, fit", _fit, _FIT),
        ("softmax, search", _search, _SEARCH),
        ("1-NN, float32 L2", _neighbors, _NEIGHBORS),
    )
    for name, make, sizes in works:
        start = {**sizes, "n": round(sizes["n"] * scale)}
        before = _seconds(make(**start))
        for size in start:
            larger = {**start, size: 2 * start[size]}
            work = make(**larger)
            yield Row(
                f"{name}, {size} = {larger[size]:,}",
                _seconds(work),
                f"{size} = {start[size]:,}",
                before,
                equality="",
                differs=False,
                peak_mb=peak_memory(work),
                cores=n_threads(),
                limit=before * _operations(size, start["folds"] if size == "folds" else 0),
                limited_by="as operations grow",
            )


def _operations(size: str, folds: int) -> float:
    """Return by how much the operations grow when a size doubles; each fold learns from the rows of all others."""
    return 2 * (1 - 1 / (2 * folds)) / (1 - 1 / folds) if size == "folds" else 2.0


def _labelled(n: int, d: int, classes: int) -> tuple[AnyArray, Labels]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d)).astype(np.float32)
    scores = X @ rng.normal(size=(d, classes)) / d**0.5 + rng.gumbel(size=(n, classes))
    return X, np.argmax(scores, axis=1)


def _fit(n: int, d: int, classes: int) -> Callable[[], object]:
    X, y = _labelled(n, d, classes)
    return lambda: Softmax(reg=1e-3).fit(X, y)


def _search(n: int, d: int, classes: int, regs: int, folds: int) -> Callable[[], object]:
    X, y = _labelled(n, d, classes)
    part = np.arange(n) % folds
    split = [Fold(np.flatnonzero(part != p), np.flatnonzero(part == p)) for p in range(folds)]
    candidates: list[dict[str, Any]] = [
        {"reg": float(reg)} for reg in np.geomspace(_SMALLEST_REG, _LARGEST_REG, regs)
    ]
    return lambda: Softmax(tol=1e-3).fit_path(X, y, candidates, split)


def _neighbors(n: int, m: int, d: int) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    X, queries = (rng.random((k, d), dtype=np.float32) for k in (n, m))
    index = Neighbors(X, "l2")
    index.prepare()
    return lambda: index.nearest(queries, 1)


def _seconds(work: Callable[[], object]) -> float:
    """Return the shortest of three processor times, after one that nobody looks at."""
    seconds = float("inf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        work()
        for _ in range(_SAMPLES):
            start = time.process_time()
            work()
            seconds = min(seconds, time.process_time() - start)
    return seconds
