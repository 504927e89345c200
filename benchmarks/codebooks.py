"""k-means against faiss and scikit-learn: 400,000 whitened patches of 108 numbers, 1,600 words, ten iterations.

The patches are of CIFAR-10 (6 × 6 × 3, contrast normalised, whitened), under FEATBENCH_DATA; without it, random rows of
a like spectrum. All begin with the same rows drawn at random. The limit is that of ``vpdpbusd``, over the leading
directions alone; the bare float32 products, which faiss and scikit-learn are made of, are a row of their own.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.rows import Row, best, first_call, peak_memory
from featbench.datasets.cifar10 import Cifar10
from featbench.maps import Contrast, Whiten
from featbench.numerics import wide
from featbench.numerics.kmeans import lloyd
from featbench.numerics.kmeans_rows import Rows
from featbench.numerics.kmeans_start import different_rows
from featbench.types import FeatureMatrix

__all__ = ["rows"]

_SIDE = 6
_ROUNDS = 2  # each needs seconds
_WORSE = 1e-3  # by how much inertia may be above a peer's, relatively


def rows(m: int = 400_000, n_words: int = 1600, iterations: int = 10) -> Iterator[Row]:
    """Measure and yield one row after another; smaller numbers are for trying it out."""
    X, kind = _patches(m)
    start = X[different_rows(X, n_words, np.random.default_rng(0), "benchmark")]

    def ours() -> FeatureMatrix:
        return lloyd(X, start, iterations).words

    peers = {
        "faiss": _faiss(X, start, iterations),
        "scikit-learn, Lloyd": lambda: _scikit_learn(X, start, iterations),
        "the bare float32 products": lambda: _products(X, start, iterations),
    }
    bars = {"faiss": "≥ 0.9", "scikit-learn, Lloyd": "≥ 1.3"}
    lloyd(X[:5000], start, 1)
    memory = peak_memory(ours)
    there = {name: peer for name, peer in peers.items() if peer is not None}
    seconds, found = _take_turns([ours, *there.values()])
    took = dict(zip(there, seconds[1:], strict=True))
    worse = {
        name: _inertia(X, found[0]) / _inertia(X, words) - 1
        for name, words in zip(there, found[1:], strict=True)
        if words is not None
    }
    limit, by = _limit(X, n_words * iterations)
    compiled: float | None = first_call(
        "import numpy, featbench.numerics.kmeans as k\nX = numpy.random.default_rng(0).random((5000, 32), 'f4')",
        "k.lloyd(X, X[:64], 2)",
    )
    for name in peers:
        yield Row(
            f"{m:,} {kind} × {X.shape[1]}, {n_words:,} words",
            seconds[0],
            name if name in there else f"{name}: not installed",
            took.get(name),
            equality=f"inertia {worse[name]:+.4%}" if name in worse else "",
            differs=worse.get(name, 0.0) > _WORSE,
            peak_mb=memory,
            cores=_cores(),
            limit=limit,
            limited_by=by,
            bar=bars.get(name, ""),
            first_call=compiled,
        )
        compiled = None


def _inertia(X: FeatureMatrix, words: FeatureMatrix) -> float:
    return float(Rows(X).nearest(words)[1].mean())


def _take_turns(functions: list[Callable[[], Any]]) -> tuple[list[float], list[Any]]:
    """Return the shorter of two runs of each, in seconds, and what the last returned."""
    seconds, results = [float("inf")] * len(functions), list[Any]([None] * len(functions))
    for _ in range(_ROUNDS):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            results[i] = function()
            seconds[i] = min(seconds[i], time.perf_counter() - start)
    return seconds, results


def _patches(m: int) -> tuple[FeatureMatrix, str]:
    rng = np.random.default_rng(0)
    data = Cifar10(max_test=1, download=False)
    if data.find() is None:
        spectrum = np.exp(-np.arange(3 * _SIDE**2) / 30)
        return (rng.standard_t(5, (m, len(spectrum))) * spectrum).astype(np.float32), "random rows"
    images = np.asarray(data.load().train.images)
    which = rng.integers(0, len(images), m)
    corners = rng.integers(0, images.shape[1] - _SIDE + 1, (2, m))
    views = np.lib.stride_tricks.sliding_window_view(images, (_SIDE, _SIDE), axis=(1, 2))
    patches = views[which, corners[0], corners[1]].transpose(0, 2, 3, 1).reshape(m, -1)
    normalized = Contrast(added=10.0).fit_transform(patches)
    return Whiten(epsilon=0.1).fit_transform(normalized), "patches"


def _faiss(X: FeatureMatrix, start: FeatureMatrix, iterations: int) -> Callable[[], Any] | None:
    if importlib.util.find_spec("faiss") is None:
        return None
    import faiss

    def run() -> Any:
        # Without the last argument it would learn from 256 rows a word alone.
        peer = faiss.Kmeans(X.shape[1], len(start), niter=iterations, max_points_per_centroid=len(X))
        peer.train(X, init_centroids=start)
        return peer.centroids

    return run


def _scikit_learn(X: FeatureMatrix, start: FeatureMatrix, iterations: int) -> FeatureMatrix:
    from sklearn.cluster import KMeans

    peer = KMeans(len(start), init=start, n_init=1, max_iter=iterations, tol=0, algorithm="lloyd")
    centers: FeatureMatrix = peer.fit(X).cluster_centers_
    return centers


def _products(X: FeatureMatrix, words: FeatureMatrix, iterations: int) -> None:
    for _ in range(iterations):
        for first in range(0, len(X), 1024):
            X[first : first + 1024] @ words.T


def _limit(X: FeatureMatrix, words: int) -> tuple[float, str]:
    """Return the seconds of the sums of bytes alone, and what they are limited by."""
    placed = Rows(X)._bytes
    if placed is None:
        return float("nan"), "not measured here"
    m, n, d = 8 * wide.TILE_QUERIES, 960, 1024
    query, train = wide.aligned((m, d), np.int8, apart=True), wide.aligned((n, d), np.uint8)
    out = np.empty((m, n + 8), dtype=np.int32)

    def many() -> None:
        for _ in range(10):
            wide.pair_sums("dot8", query, train, out)

    rate = 10 * m * n * d / best(many)[0]
    products = len(X) * words * placed.placed.shape[1]
    return products / rate / _cores(), "vpdpbusd"


def _cores() -> int:
    return len(os.sched_getaffinity(0))
