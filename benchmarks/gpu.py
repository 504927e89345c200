"""Nearest neighbours with the sums on a GPU against our own on the processor; ten neighbours, 3,072 columns.

A time is that of one search from arrays to arrays, with what is copied to the device and back.
Without torch or a GPU a message says why there are no rows.

``python -m benchmarks gpu words CIFAR_FOLDER`` measures visual words instead: `benchmarks.gpu_words`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Literal

import numpy as np

from benchmarks.rows import Row, peak_memory
from featbench.errors import FeatbenchError
from featbench.numerics.device_neighbors import DeviceNeighbors
from featbench.numerics.neighbors import Neighbors
from featbench.numerics.torch_device import torch_for

__all__ = ["rows"]

_SIZES = ((500, 10_000), (10_000, 50_000))
_COLUMNS, _NEIGHBOURS, _SAMPLES = 3_072, 10, 3


def rows(what: Literal["neighbors", "words"] = "neighbors", folder: str = "") -> Iterator[Row]:
    """Measure and yield one row after another; of visual words from the folder of CIFAR-10's batches."""
    if what == "words":
        from benchmarks import gpu_words

        yield from gpu_words.rows(folder)
        return
    try:
        torch_for("cuda", "gpu")
    except FeatbenchError as error:
        print(f"Skipped: {error}")
        return
    for m, n in _SIZES:
        for dtype in (np.uint8, np.float32):
            for metric in ("l2", "l1"):
                yield _row(metric, dtype, m, n)


def _row(metric: str, dtype: type, m: int, n: int) -> Row:
    import torch

    rng = np.random.default_rng(0)
    X, Q = (rng.integers(0, 256, (rows, _COLUMNS), dtype=np.uint8).astype(dtype) for rows in (n, m))
    if dtype == np.float32:
        X, Q = (rows + rng.random(rows.shape, dtype=np.float32) for rows in (X, Q))
    searchers = DeviceNeighbors(X, metric), Neighbors(X, metric)
    seconds = [float("inf")] * 2
    for searcher in searchers:
        searcher.prepare()
        searcher.nearest(Q[:9], _NEIGHBOURS)  # compiles, and starts the device
    for _ in range(_SAMPLES):
        found = []
        for i, searcher in enumerate(searchers):
            torch.cuda.synchronize()
            start = time.perf_counter()
            found.append(searcher.nearest(Q, _NEIGHBOURS))
            torch.cuda.synchronize()
            seconds[i] = min(seconds[i], time.perf_counter() - start)
    same = all(np.array_equal(ours, theirs) for ours, theirs in zip(*found, strict=True))
    return Row(
        f"{m:,} × {n:,} × {_COLUMNS:,}, {X.dtype} {metric.upper()}",
        seconds[0],
        "our own on the processor",
        seconds[1],
        equality="equal bits" if same else "other neighbours",
        differs=not same,
        peak_mb=peak_memory(lambda: searchers[0].nearest(Q, _NEIGHBOURS)),
        cores=len(os.sched_getaffinity(0)),
        limit=float("nan"),
        limited_by=f"not known of {torch.cuda.get_device_name()}",
    )
