"""Exact nearest neighbours, ordered by distance and then by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.numerics.blas import serial_blas
from featbench.numerics.distances import INTERVALS, PRODUCT_COLUMNS, power_of_two_scale
from featbench.numerics.threads import kernel, n_threads, spread
from featbench.types import AnyArray, Float64Array, Indices

__all__ = ["nearest"]

# Bytes for one block of training rows, and for what all threads together hold beside it.
_TRAIN_BYTES = 64 << 20
_QUERY_BYTES = 128 << 20
_MOST_TRAIN_ROWS = 4096
_MOST_QUERY_ROWS = 256


@kernel
def _offer(distance: float, index: int, distances: Any, indices: Any) -> None:
    """Put a neighbour in the place of the farthest of a heap, if it comes before it.

    The root of the heap is the farthest; of two at the same distance, the one with the larger index.
    """
    if not (distance < distances[0] or (distance == distances[0] and index < indices[0])):
        return
    size, hole = len(distances), 0
    while 2 * hole + 1 < size:
        child = 2 * hole + 1
        right = child + 1
        if right < size and (
            distances[right] > distances[child]
            or (distances[right] == distances[child] and indices[right] > indices[child])
        ):
            child = right
        if distances[child] < distance or (distances[child] == distance and indices[child] < index):
            break
        distances[hole], indices[hole] = distances[child], indices[child]
        hole = child
    distances[hole], indices[hole] = distance, index


@kernel
def _l1_direct(a: Any, b: Any) -> float:
    """Sum absolute differences in float64, from the first column on."""
    total = 0.0
    for j in range(len(a)):
        total += abs(np.float64(a[j]) - np.float64(b[j]))
    return total


@kernel
def _l2_direct(a: Any, b: Any, scale: float) -> float:
    """Sum squared differences in float64, in eight interleaved sums: an order that never changes."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = len(a) - len(a) % 8
    for j in range(0, whole, 8):
        s0 += (a[j] * scale - b[j] * scale) ** 2
        s1 += (a[j + 1] * scale - b[j + 1] * scale) ** 2
        s2 += (a[j + 2] * scale - b[j + 2] * scale) ** 2
        s3 += (a[j + 3] * scale - b[j + 3] * scale) ** 2
        s4 += (a[j + 4] * scale - b[j + 4] * scale) ** 2
        s5 += (a[j + 5] * scale - b[j + 5] * scale) ** 2
        s6 += (a[j + 6] * scale - b[j + 6] * scale) ** 2
        s7 += (a[j + 7] * scale - b[j + 7] * scale) ** 2
    for j in range(whole, len(a)):
        s0 += (a[j] * scale - b[j] * scale) ** 2
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@kernel
def _keep_nearest(
    low: Any,
    high: Any,
    train: Any,
    query: Any,
    squared: bool,
    scale: float,
    first: int,
    distances: Any,
    indices: Any,
) -> None:
    """Offer a block of training rows, known by intervals ``(m, t)`` of their distances, to m heaps.

    The k nearest of the block lie below the k-th smallest upper bound, so only rows whose lower bound is
    not above it can be among them; those are computed directly unless their interval is a point.
    """
    uppers = np.empty(distances.shape[1])
    nobody = np.zeros(distances.shape[1], dtype=np.int64)
    for q in range(low.shape[0]):
        uppers[:] = np.inf
        for t in range(low.shape[1]):
            _offer(high[q, t], 0, uppers, nobody)
        for t in range(low.shape[1]):
            # The negation lets through what is not a number: an interval from infinite to infinite.
            if not low[q, t] > min(uppers[0], distances[q, 0]):
                distance = low[q, t]
                if low[q, t] != high[q, t] and squared:
                    distance = _l2_direct(train[t], query[q], scale)
                elif low[q, t] != high[q, t]:
                    distance = _l1_direct(train[t], query[q])
                _offer(distance, first + t, distances[q], indices[q])


def nearest(X_train: AnyArray, X_query: AnyArray, k: int, metric: str = "l2") -> tuple[Float64Array, Indices]:
    """Find the k nearest training rows of each query.

    Parameters
    ----------
    X_train, X_query : ndarray of uint8, float32 or float64, (n, d) and (m, d)
        Finite rows.
    k : int
        How many neighbours, 1 to n.
    metric : {"l2", "l1"}
        L2 is the root of the sum of squared differences, L1 the sum of absolute ones.

    Returns
    -------
    distances : ndarray of float64, (m, k)
        Ascending. Computed in integers where both sets are uint8, otherwise summed in float64; L2 as the
        root of that.
    indices : ndarray of int64, (m, k)
        Rows of `X_train`; of two at the same distance, the smaller index comes first.

    Raises
    ------
    InputError
        k outside 1 to n, rows of different lengths, an unknown metric.

    Notes
    -----
    Works through blocks, so that less than 256 MB are used beyond inputs and results at any n and m.
    """
    _check(X_train, X_query, k, metric)
    X_train, X_query = np.ascontiguousarray(X_train), np.ascontiguousarray(X_query)
    n, m, d = len(X_train), len(X_query), X_train.shape[1]
    distances = np.full((m, k), np.inf)
    indices = np.full((m, k), n, dtype=np.int64)
    if m == 0:
        return distances, indices
    train_rows = min(_MOST_TRAIN_ROWS, max(1, _TRAIN_BYTES // (8 * d)))
    bytes_a_query = 8 * d + 8 * train_rows * (2 - (-d // PRODUCT_COLUMNS))
    query_rows = max(1, min(_MOST_QUERY_ROWS, _QUERY_BYTES // n_threads() // bytes_a_query))
    squared, scale = metric == "l2", power_of_two_scale(X_train, X_query)
    intervals = INTERVALS[metric](X_train, X_query)
    with serial_blas():
        for first in range(0, n, train_rows):
            rows = X_train[first : first + train_rows]
            bounds = intervals(rows)

            def work(
                start: int, stop: int, *, first: int = first, rows: Any = rows, bounds: Any = bounds
            ) -> None:
                for begin in range(start, stop, query_rows):
                    part = slice(begin, min(begin + query_rows, stop))
                    low, high = bounds(X_query[part])
                    heaps = distances[part], indices[part]
                    _keep_nearest(low, high, rows, X_query[part], squared, scale, first, *heaps)

            spread(work, m)
    order = np.lexsort((indices, distances))
    distances, indices = np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1)
    return (np.sqrt(distances) / scale if squared else distances), indices


def _check(X_train: AnyArray, X_query: AnyArray, k: int, metric: str) -> None:
    if metric not in INTERVALS:
        raise InputError(must_be("nearest", "metric", f"one of {', '.join(INTERVALS)}", metric))
    if X_train.ndim != 2 or X_query.ndim != 2 or X_train.shape[1] != X_query.shape[1]:
        shapes = Shown(f"shapes {X_train.shape} and {X_query.shape}")
        raise InputError(must_be("nearest", "X_train and X_query", "matrices with as many columns", shapes))
    if not 1 <= k <= len(X_train):
        raise InputError(must_be("nearest", "k", f"1 to the {len(X_train)} training rows", k))
