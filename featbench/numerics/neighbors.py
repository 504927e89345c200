"""Exact nearest neighbours, ordered by distance and then by index."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.numerics import wide
from featbench.numerics.blas import serial_blas
from featbench.numerics.candidates import consider, finish
from featbench.numerics.distances import METRICS, Bytes, Measure, Placed
from featbench.numerics.float_distances import Floats, peaks, power_of_two
from featbench.numerics.lists import Lists, exact_query, exact_train
from featbench.numerics.quantized import Quantized
from featbench.numerics.threads import n_threads, spread
from featbench.types import AnyArray, Float64Array, Indices

__all__ = ["METRICS", "Neighbors", "nearest"]

# Bytes: training rows in another form than given; candidates, and queries in another form; queries that stay in
# a core's cache while training rows pass; sums of a block.
_TRAIN_BYTES = 48 << 20
_GROUP_BYTES = 48 << 20
_QUERY_BYTES = 3 << 19
_SUMS_BYTES = 1 << 19
_MOST_QUERIES = 128
_MOST_PRODUCTS = 512
_FEW = 1 << 20  # entries of training rows that are not worth a second thread


def nearest(X_train: AnyArray, X_query: AnyArray, k: int, metric: str = "l2") -> tuple[Float64Array, Indices]:
    """Find the k nearest training rows of each query; see `Neighbors`.

    Parameters
    ----------
    X_train, X_query : ndarray of uint8, float32 or float64, (n, d) and (m, d)
        Finite rows.
    k : int
        How many neighbours, 1 to n.
    metric : str
        One of `METRICS`.

    Returns
    -------
    distances : ndarray of float64, (m, k)
        Ascending.
    indices : ndarray of int64, (m, k)
        Rows of `X_train`; of two at the same distance, the smaller index comes first.

    Raises
    ------
    InputError
        As `Neighbors` and `Neighbors.nearest`.
    """
    return Neighbors(X_train, metric).nearest(X_query, k)


class Neighbors:
    """Training rows, prepared for searches by one metric.

    ================  ============================================================================
    metric            distance of a and b
    ================  ============================================================================
    ``l2``            root of Σ (a − b)²
    ``l1``            Σ |a − b|
    ``cosine``        1 − Σ a b / root of (Σ a² · Σ b²), at least 0; 1 where a row is all zeros
    ``chi2``          Σ (a − b)² / (a + b), terms of a + b = 0 left out; not halved
    ``intersection``  1 − Σ min(a, b) of rows divided by their sums, computed as ½ Σ |a − b|, which
                      is the same; 1 where a row is all zeros
    ================  ============================================================================

    Distances are computed in integers where rows and queries are uint8 and the metric is L1 or L2,
    otherwise in float64, in one order of summation; L2 neighbours are ordered before the root is taken.

    Parameters
    ----------
    X_train : ndarray of uint8, float32 or float64, (n, d)
        Finite rows; none negative for ``"chi2"`` and ``"intersection"``. Kept, not copied.
    metric : str
        One of `METRICS`.

    Raises
    ------
    InputError
        An unknown metric, no rows, negative entries.

    Notes
    -----
    Works through blocks, so that less than 256 MB are used beyond inputs and results at any n and m. A few
    numbers a training row are kept from search to search. Rows that are float64, that lie far from the
    origin, whose length fills no whole registers, or that a metric normalizes, are brought into float32 anew in
    each search, block by block.
    """

    _any_order: ClassVar[bool] = False  # whether sums are float32 and not ours

    def __init__(self, X_train: AnyArray, metric: str = "l2") -> None:
        if metric not in METRICS:
            raise InputError(must_be("nearest", "metric", f"one of {', '.join(METRICS)}", metric))
        if X_train.ndim != 2 or len(X_train) == 0:
            raise InputError(must_be("nearest", "X_train", "a matrix with rows", Shown(X_train.shape)))
        self.metric, self.given = metric, X_train
        self.X_train = np.ascontiguousarray(X_train)
        self._check_sign("X_train", self.X_train)
        self._measures: dict[str, tuple[float, Measure]] = {}
        self._peaks: Float64Array | None = None

    def prepare(self) -> None:
        """Do now what would otherwise be done by the first search for rows like the training rows."""
        self._measure(self.X_train[:1])

    def nearest(self, X_query: AnyArray, k: int) -> tuple[Float64Array, Indices]:
        """Find the k nearest training rows of each query.

        Parameters
        ----------
        X_query : ndarray of uint8, float32 or float64, (m, d)
            Finite rows; none negative for ``"chi2"`` and ``"intersection"``.
        k : int
            How many neighbours, 1 to n.

        Returns
        -------
        distances : ndarray of float64, (m, k)
            Ascending.
        indices : ndarray of int64, (m, k)
            Rows of `X_train`; of two at the same distance, the smaller index comes first.

        Raises
        ------
        InputError
            k outside 1 to n, rows of another length, negative entries.
        """
        n, d = self.X_train.shape
        if X_query.ndim != 2 or X_query.shape[1] != d:
            shapes = Shown(f"shapes {self.X_train.shape} and {X_query.shape}")
            raise InputError(
                must_be("nearest", "X_train and X_query", "matrices with as many columns", shapes)
            )
        if not 1 <= k <= n:
            raise InputError(must_be("nearest", "k", f"1 to the {n} training rows", k))
        X_query = np.ascontiguousarray(X_query)
        m = len(X_query)
        distances, indices = np.empty((m, k)), np.empty((m, k), dtype=np.int64)
        if m == 0:
            return distances, indices
        self._check_sign("X_query", X_query)
        measure = self._measure(X_query)
        step = self._at_once(k)
        with nullcontext() if measure.wide else serial_blas():
            for first in range(0, m, step):
                part = slice(first, min(first + step, m))
                distances[part], indices[part] = self._search(measure, X_query[part], k)
        return self._in_units(distances, measure), indices

    def _at_once(self, k: int) -> int:
        """Return how many queries are searched for at once."""
        bytes_a_query: int = max(8 * self.X_train.shape[1], Lists.bytes_a_query(k) * n_threads())
        return max(4, _GROUP_BYTES // bytes_a_query)

    def _search(self, measure: Measure, X_query: AnyArray, k: int) -> tuple[Float64Array, Indices]:
        """Return the neighbours of so many queries, at distances as measured, L2 squared."""
        return _search(measure, X_query, k)

    def _measure(self, X_query: AnyArray) -> Measure:
        """Return how distances to such queries are computed; made once for all queries of ordinary size."""
        in_bytes = self.metric in ("l1", "l2") and not self._any_order
        if in_bytes and self.X_train.dtype == X_query.dtype == np.uint8:
            exactly: Measure = self._made("bytes", 0.0, lambda: Bytes(self.metric, self.X_train))
            return exactly
        if self._peaks is None:
            self._peaks = peaks(self.X_train)
        largest = max(float(self._peaks.max()), float(peaks(X_query).max()))
        scale = float(power_of_two(np.array([largest]))[0])
        if in_bytes:
            rough: Quantized = self._made(
                "quantized", scale, lambda: Quantized(self.metric, self.X_train, scale)
            )
            if rough.suits(X_query):
                return rough
        by_row = self._peaks
        singly: Measure = self._made(
            "floats",
            scale,
            lambda: Floats(self.metric, self.X_train, by_row, largest, any_order=self._any_order),
        )
        return singly

    def _made(self, kind: str, scale: float, make: Callable[[], Measure]) -> Any:
        """Return the measure of a kind, made anew where it was for values of another size."""
        if kind not in self._measures or self._measures[kind][0] != scale:
            self._measures[kind] = scale, make()
        return self._measures[kind][1]

    def _in_units(self, distances: Float64Array, measure: Measure) -> Float64Array:
        if self.metric == "l2":
            np.sqrt(distances, out=distances)
        if self.metric in ("l2", "l1", "chi2") and measure.scale[0] != 1:
            distances /= measure.scale[0]
        return distances

    def _check_sign(self, what: str, rows: AnyArray) -> None:
        if self.metric in ("chi2", "intersection") and rows.dtype != np.uint8 and rows.min() < 0:
            constraint = f"nowhere negative for the metric {self.metric}"
            raise InputError(must_be("nearest", what, constraint, Shown(f"a smallest entry of {rows.min()}")))


def _search(measure: Measure, X_query: AnyArray, k: int) -> tuple[Float64Array, Indices]:
    """Find the neighbours of so many queries that their lists fit into memory."""
    (n, d), m = measure.X.shape, len(X_query)
    edges, parts = _divide(m, n, measure)
    queries = [measure.query(X_query[a:b]) for a, b in edges]
    lists = [Lists(m, k) for _ in range(parts)]
    distances = np.full((parts, m, k), np.inf)
    indices = np.full((parts, m, k), n, dtype=np.int64)
    once = n if measure.in_place else max(256, _TRAIN_BYTES // (4 * d))
    tasks = [(part, block) for block in range(len(edges)) for part in range(parts)]

    def exactly(block: int) -> tuple[Any, Any]:
        a, b = edges[block]
        _, scale, factor = queries[block]
        return exact_train(measure), exact_query(measure, X_query[a:b], scale, factor)

    for first in range(0, n, once):
        train = measure.train(first, min(first + once, n))

        def work(start: int, stop: int, *, train: Placed = train, first: int = first) -> None:
            for part, block in tasks[start:stop]:
                rows = len(train.rows)
                begin, end = rows * part // parts, rows * (part + 1) // parts
                found = lists[part].part(*edges[block])
                _pass(
                    measure,
                    train.part(begin, end),
                    first + begin,
                    queries[block][0],
                    k,
                    found,
                    exactly(block),
                )

        spread(work, len(tasks))

    def close(start: int, stop: int) -> None:
        for part, block in tasks[start:stop]:
            a, b = edges[block]
            finish(k, lists[part].part(a, b), *exactly(block), distances[part, a:b], indices[part, a:b])

    spread(close, len(tasks))
    return _merge(distances, indices, k)


def _pass(
    measure: Measure, train: Placed, first: int, query: Placed, k: int, lists: Any, exactly: Any
) -> None:
    """Let training rows pass a block of queries."""
    m = len(query.low)
    step = max(48, min(4080, _SUMS_BYTES * (4 if measure.kind == "dot" else 1) // (4 * m) // 24 * 24))
    slopes = measure.slope_low, measure.slope_high
    sums = measure.room(m, step)
    for start in range(0, len(train.low), step):
        rows = train.part(start, start + step)
        measure.sums(query.rows, rows.rows, sums)
        ends = (rows.low, rows.high), (query.low, query.high)
        consider(sums, first + start, slopes, *ends, k, lists, *exactly)


def _divide(m: int, n: int, measure: Measure) -> tuple[list[tuple[int, int]], int]:
    """Divide queries into blocks, and say into how many parts training rows are divided, for all threads to work."""
    threads, d = n_threads(), measure.X.shape[1]
    most = max(4, min(_MOST_QUERIES, _QUERY_BYTES // (d * (4 if isinstance(measure, Floats) else 1))))
    if measure.kind == "dot":  # BLAS makes blocks of its own
        most = _MOST_PRODUCTS
    blocks = -(-m // most)
    if measure.kind != "dot" and m >= 16 * threads:
        blocks = -(-blocks // threads) * threads
    tile = 1 if measure.kind == "dot" else wide.TILE_QUERIES  # whole ones: part of one takes as long
    edges = sorted({m * i // blocks // tile * tile for i in range(blocks)} | {m})
    parts = 1 if n * d < _FEW else max(1, threads // blocks)
    return list(pairwise(edges)), min(parts, n)


def _merge(distances: Float64Array, indices: Indices, k: int) -> tuple[Float64Array, Indices]:
    """Sort the neighbours that each part found, and keep the first k of all."""
    distances = np.concatenate(list(distances), axis=1)
    indices = np.concatenate(list(indices), axis=1)
    order = np.lexsort((indices, distances))[:, :k]
    return np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1)
