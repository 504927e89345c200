"""The nearest of many rows that are known by intervals of their distances, found with few exact computations.

Each query keeps a list of candidates that is somewhat longer than the number of neighbours wanted. When it is
full, those whose lower end is beyond the k-th smallest upper end are dropped; if too few are, the rest are
computed exactly, and the k nearest stay.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.numerics.lanes import NEAR, chi2_sum, l1_sum, l2_sum, near, product_sum, square_sum
from featbench.numerics.threads import kernel

__all__ = ["FORMULAS", "SOME", "consider", "finish"]

FORMULAS = {"l2": 0, "l1": 1, "cosine": 2, "chi2": 3, "intersection": 1}
"""By metric, the number of the sum that `_exact` computes."""

SOME = 16
"""Rows that join a list, beside as many again as it has, before it is shortened."""


@kernel
def _kth_smallest(values: Any, count: int, k: int) -> Any:
    """Return the k-th smallest of the first `count` values, whose order is lost."""
    low, high = 0, count - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k - 1 <= j:
            high = j
        elif k - 1 >= i:
            low = i
        else:
            break
    return values[k - 1]


@kernel
def _read(rows: Any, row: int, scale: float, factor: float, out: Any) -> None:
    """Read a row of the one matrix of the three that is not empty."""
    bytes_, singles, doubles = rows
    if bytes_.shape[0] > 0:
        for j in range(len(out)):
            out[j] = np.float64(bytes_[row, j]) * scale * factor
    elif singles.shape[0] > 0:
        for j in range(len(out)):
            out[j] = np.float64(singles[row, j]) * scale * factor
    else:
        for j in range(len(out)):
            out[j] = doubles[row, j] * scale * factor


@kernel
def _is_zero(a: Any) -> Any:
    for value in a:  # noqa: SIM110 - numba compiles loops
        if value != 0:
            return False
    return True


@kernel
def _exact(formula: int, halved: bool, a: Any, b: Any, scale: float, factor: float) -> Any:
    """Return the distance of two rows as float64 sums it; the second is multiplied by both numbers."""
    if formula == 0:
        return l2_sum(a, b, scale, factor)
    if formula == 1:
        total = l1_sum(a, b, scale, factor)
        if halved:  # two histograms share nothing, or one of them is empty: 1
            total = 0.5 * (total + np.float64(_is_zero(a)) + np.float64(_is_zero(b)))
        return total
    if formula == 2:
        lengths = square_sum(a, a, 1.0, 1.0) * square_sum(a, b, scale, factor)
        product = product_sum(a, b, scale, factor)
        return max(0.0, 1.0 - product / np.sqrt(lengths)) if lengths > 0 else 1.0
    return chi2_sum(a, b, scale, factor)


@kernel
def _distance(train: Any, row: int, a: Any) -> Any:
    """Return the distance of a training row to a query, as `_exact`."""
    formula, halved, (bytes_, singles, doubles), scale, factor = train
    if bytes_.shape[0] > 0:
        return _exact(formula, halved, a, bytes_[row], scale[row], factor[row])
    if singles.shape[0] > 0:
        return _exact(formula, halved, a, singles[row], scale[row], factor[row])
    return _exact(formula, halved, a, doubles[row], scale[row], factor[row])


@kernel
def _cut(values: Any, of: Any, q: int, count: int, k: int) -> Any:
    """Return the k-th smallest end of a list."""
    for c in range(count):
        values[c] = of[q, c]
    return _kth_smallest(values, count, k)


@kernel
def _drop(q: int, limit: float, lists: Any) -> None:
    """Drop the candidates that are surely beyond a limit."""
    index, low, high, count, bound, _mark = lists
    kept = 0
    for c in range(count[q]):
        if not low[q, c] > limit:
            index[q, kept], low[q, kept], high[q, kept] = index[q, c], low[q, c], high[q, c]
            kept += 1
    count[q], bound[q] = kept, limit


@kernel
def _compute(q: int, limit: float, lists: Any, space: Any, train: Any, query: Any) -> None:
    """Compute the distances exactly of the candidates that may be within a limit."""
    index, low, high, count, _bound, _mark = lists
    _values, a = space
    query_rows, query_scale, query_factor = query
    fresh = True
    for c in range(count[q]):
        if low[q, c] == high[q, c] or low[q, c] > limit:
            continue
        if fresh:
            _read(query_rows, q, query_scale[q], query_factor[q], a)
            fresh = False
        low[q, c] = high[q, c] = _distance(train, index[q, c], a)


@kernel
def _shorten(q: int, k: int, lists: Any, most: int, space: Any, train: Any, query: Any) -> None:
    """Drop candidates that cannot be among the k nearest; if more than `most` are left, all but those k."""
    index, low, high, count, bound, _mark = lists
    values = space[0]
    if count[q] > k:
        _drop(q, _cut(values, high, q, count[q], k), lists)
    if count[q] <= most:
        return
    if count[q] > k:
        # Those that look nearest first: their distances may rule out others.
        _compute(q, _cut(values, low, q, count[q], k), lists, space, train, query)
        _drop(q, _cut(values, high, q, count[q], k), lists)
    if count[q] <= most:
        return
    _compute(q, np.inf, lists, space, train, query)
    if count[q] <= k:
        return
    _drop(q, _cut(values, high, q, count[q], k), lists)
    places = k  # for those that are just as far as the k-th: the first of them
    for c in range(count[q]):
        places -= low[q, c] < bound[q]
    kept = 0
    for c in range(count[q]):
        if low[q, c] < bound[q] or places > 0:
            places -= low[q, c] == bound[q]
            index[q, kept], low[q, kept], high[q, kept] = index[q, c], low[q, c], high[q, c]
            kept += 1
    count[q] = kept


@kernel
def _first(bits: Any) -> Any:
    """Return the place of the first bit of an integer that is not 0."""
    lowest = bits & (~bits + np.uint64(1))
    place = np.int64(0)
    for shift in (32, 16, 8, 4, 2, 1):
        if lowest >> np.uint64(shift + place):
            place += shift
    return place


@kernel
def consider(
    sums: Any,
    first: int,
    slopes: Any,
    train_ends: Any,
    query_ends: Any,
    k: int,
    lists: Any,
    train: Any,
    query: Any,
) -> None:
    """Put those rows of a block into the lists that may be among the k nearest.

    Parameters
    ----------
    sums : ndarray of int32, float32 or float64, (m or more, n or more)
        Sums of m queries and n training rows.
    first : int
        Index of the first of those rows; larger than of any row before.
    slopes : (float, float)
    train_ends, query_ends : (ndarray of float64, ndarray of float64)
        With the sums, the ends of the intervals, as `featbench.numerics.distances` says.
    k : int
    lists : tuple of ndarray
        From `featbench.numerics.lists.Lists.part`.
    train, query : tuple
        How distances are computed exactly: the formula, whether halved, the rows (three matrices, of uint8, float32 and
        float64, of which two are empty), their scale and their factor; of the queries the last three.
    """
    index, low, high, count, bound, mark = lists
    capacity, d = index.shape[1], max(train[2][0].shape[1], train[2][1].shape[1], train[2][2].shape[1])
    space = np.empty(capacity), np.empty(d)
    slope_low, slope_high = slopes
    train_low, train_high = train_ends
    query_low, query_high = query_ends
    n = len(train_low)
    for q in range(len(query_low)):
        those = sums[q]
        for start in range(0, n, NEAR):
            limit = bound[q] - query_low[q]
            if start + NEAR <= n:
                bits = near(train_low, those, start, slope_low, limit)
            else:
                bits = np.uint64(0)
                for t in range(start, n):
                    within = train_low[t] + slope_low * np.float64(those[t]) <= limit
                    bits |= np.uint64(within) << np.uint64(t - start)
            while bits:
                t = start + _first(bits)
                bits &= bits - np.uint64(1)
                lower = train_low[t] + slope_low * those[t] + query_low[q]
                if lower <= bound[q]:
                    if count[q] == mark[q]:
                        _shorten(q, k, lists, k + (capacity - k) // 2, space, train, query)
                        mark[q] = min(capacity, 2 * count[q] + SOME)
                    c = count[q]
                    index[q, c], low[q, c] = first + t, lower
                    high[q, c] = train_high[t] + slope_high * those[t] + query_high[q]
                    count[q] += 1


@kernel
def finish(k: int, lists: Any, train: Any, query: Any, distances: Any, indices: Any) -> None:
    """Write the k nearest of each list, in no order, with their exact distances; fewer where the list has fewer."""
    index, _low, high, count, _bound, _mark = lists
    capacity, d = index.shape[1], max(train[2][0].shape[1], train[2][1].shape[1], train[2][2].shape[1])
    space = np.empty(capacity), np.empty(d)
    none = np.int64(0)
    for q in range(len(count)):
        _shorten(q, k, lists, none, space, train, query)
        for c in range(count[q]):
            distances[q, c], indices[q, c] = high[q, c], index[q, c]
