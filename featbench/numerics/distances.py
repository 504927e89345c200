"""Distances between blocks of rows, each as an interval that surely holds it.

===========  ===================================================================================
rows         arithmetic
===========  ===================================================================================
uint8, L1    integers; the interval is a point
uint8, L2    float32 matrix products of at most 1,024 columns each, of values centred to ±128: every
             partial sum is an integer of at most 1024 · 128² = 2²⁴, which float32 holds exactly;
             the interval is a point
float, L1    sums in the rows' own precision, in whatever order is fastest
float, L2    matrix products in the rows' own precision
===========  ===================================================================================

The float intervals are as wide as rounding can ever make them, so that who needs the exact order of
distances recomputes directly only those whose intervals overlap.

References
----------
N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, sections 3.1 and 4.2: a sum
of m products, in whatever order, is off by at most γ(m) = m·u / (1 − m·u) times the sum of their magnitudes.
doi:10.1137/1.9780898718027
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from featbench.numerics.threads import kernel
from featbench.types import AnyArray, Float64Array

__all__ = ["INTERVALS", "PRODUCT_COLUMNS", "Intervals", "power_of_two_scale"]

# Columns in one matrix product: the most for which uint8 products are exact, and few enough that the
# rounding bound of float32 products, which grows with the columns, leaves little to recheck.
PRODUCT_COLUMNS = 1024

Bounds: TypeAlias = tuple[Float64Array, Float64Array]
"""Lower and upper bounds of distances, (n_query, n_train); the same array where they are exact."""

Intervals: TypeAlias = Callable[[AnyArray], Callable[[AnyArray], Bounds]]
"""Takes a block of training rows, then a block of queries."""


@kernel
def _l1_uint8(train: Any, query: Any, out: Any) -> None:
    n_train, n_columns = train.shape
    for tile in range(0, n_train, 16):  # sixteen rows stay in the cache while all queries pass
        for q in range(query.shape[0]):
            for t in range(tile, min(tile + 16, n_train)):
                total = np.uint32(0)
                for j in range(n_columns):
                    a, b = train[t, j], query[q, j]
                    # One uint8 subtraction instead of a signed, widened one: more lanes a register.
                    total = np.uint32(total + np.uint8(max(a, b) - min(a, b)))
                out[q, t] = total


@kernel(any_order=True)
def _l1_float(train: Any, query: Any, relative: float, low: Any, high: Any) -> None:
    n_train, n_columns = train.shape
    for tile in range(0, n_train, 16):
        for q in range(query.shape[0]):
            for t in range(tile, min(tile + 16, n_train)):
                total = abs(train[t, 0] - query[q, 0])  # has the rows' dtype, and keeps it
                for j in range(1, n_columns):
                    total += abs(train[t, j] - query[q, j])
                low[q, t] = np.float64(total) * (1.0 - relative)
                high[q, t] = np.float64(total) * (1.0 + relative)


def _l1(train: AnyArray, query: AnyArray) -> Intervals:
    if train.dtype == query.dtype == np.uint8:

        def exact(rows: AnyArray) -> Callable[[AnyArray], Bounds]:
            def bounds(queries: AnyArray) -> Bounds:
                distances = np.empty((len(queries), len(rows)))
                _l1_uint8(rows, queries, distances)
                return distances, distances

            return bounds

        return exact

    dtype = np.result_type(train.dtype, query.dtype, np.float32)
    # One rounding a difference and one an addition; the float64 sum compared with is rounded as well.
    relative = 1.01 * (_gamma(train.shape[1] + 2, dtype) + _gamma(train.shape[1] + 2, np.float64))

    def near(rows: AnyArray) -> Callable[[AnyArray], Bounds]:
        rows = rows.astype(dtype, copy=False)

        def bounds(queries: AnyArray) -> Bounds:
            low, high = np.empty((2, len(queries), len(rows)))
            _l1_float(rows, queries.astype(dtype, copy=False), relative, low, high)
            return low, high

        return bounds

    return near


@kernel
def _l2_bounds(
    parts: Any, train_norms: Any, query_norms: Any, relative: float, absolute: float, low: Any, high: Any
) -> None:
    n_parts, n_query, n_train = parts.shape
    lengths = np.sqrt(train_norms)
    for q in range(n_query):
        length = np.sqrt(query_norms[q])
        for t in range(n_train):
            product = 0.0
            for p in range(n_parts):
                product += parts[p, q, t]
            squared = train_norms[t] + query_norms[q] - 2.0 * product
            error = relative * (lengths[t] + length) ** 2 + absolute
            low[q, t], high[q, t] = squared - error, squared + error


def _l2(train: AnyArray, query: AnyArray) -> Intervals:
    n_columns = train.shape[1]
    if train.dtype == query.dtype == np.uint8:
        centre, scale = np.full(n_columns, 128, dtype=np.float32), np.float32(1)
        relative = absolute = 0.0
    else:
        dtype = np.result_type(train.dtype, query.dtype, np.float32)
        scale = dtype.type(power_of_two_scale(train, query))
        # Near the mean, so that products do not cancel.
        centre = (train.mean(axis=0, dtype=np.float64) * float(scale)).astype(dtype)
        unit = float(np.finfo(dtype).eps) / 2
        # With a and b as placed: 2 γ ‖a‖‖b‖ ≤ γ/2 (‖a‖ + ‖b‖)² for the products, 4 u (…)² for having rounded
        # a and b, and the rest for the float64 sums here and in the distance compared with.
        relative = _gamma(min(n_columns, PRODUCT_COLUMNS), dtype) / 2 + 4 * unit
        relative = 1.01 * (relative + 4 * _gamma(n_columns + 4, np.float64))
        absolute = 32 * n_columns * float(np.finfo(dtype).tiny)  # what underflow may lose

    def placed(rows: AnyArray) -> tuple[AnyArray, Float64Array]:
        moved = rows.astype(centre.dtype)
        moved *= scale
        moved -= centre
        return moved, np.einsum("ij,ij->i", moved, moved, dtype=np.float64)

    def near(rows: AnyArray) -> Callable[[AnyArray], Bounds]:
        moved_rows, row_norms = placed(rows)

        def bounds(queries: AnyArray) -> Bounds:
            moved, norms = placed(queries)
            low, high = np.empty((2, len(queries), len(rows)))
            _l2_bounds(_products(moved_rows, moved), row_norms, norms, relative, absolute, low, high)
            return low, high

        return bounds

    return near


def _products(train: AnyArray, query: AnyArray) -> AnyArray:
    """Multiply rows, `PRODUCT_COLUMNS` columns at a time, to ``(parts, n_query, n_train)``."""
    starts = range(0, train.shape[1], PRODUCT_COLUMNS)
    parts = np.empty((len(starts), len(query), len(train)), dtype=train.dtype)
    for part, start in zip(parts, starts, strict=True):
        columns = slice(start, start + PRODUCT_COLUMNS)
        np.matmul(query[:, columns], train[:, columns].T, out=part)
    return parts


def _gamma(terms: int, dtype: Any) -> float:
    """Return γ(terms), or infinity where the bound says nothing any more."""
    share = terms * float(np.finfo(dtype).eps) / 2
    return share / (1 - share) if share < 1 else np.inf


def power_of_two_scale(train: AnyArray, query: AnyArray) -> float:
    """Return the power of two that brings every entry into ±½, so that no square overflows.

    uint8 rows are left as they are; scaling by a power of two rounds nothing.
    """
    if train.dtype == query.dtype == np.uint8:
        return 1.0
    peak = max(abs(float(end)) for rows in (train, query) for end in (rows.min(), rows.max()))
    return float(np.ldexp(1.0, -int(np.frexp(peak)[1]) - 1)) if peak > 0 else 1.0


INTERVALS: dict[str, Callable[[AnyArray, AnyArray], Intervals]] = {"l1": _l1, "l2": _l2}
"""By metric: takes all training rows and all queries. L2 is squared, times the square of its scale."""
