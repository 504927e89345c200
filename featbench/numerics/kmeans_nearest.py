"""The nearest of many words, by lower bounds first and by float64 where those leave a doubt.

A bound is of ‖w‖²/2 − x·w, which orders words as their distances from x do. The word with the smallest bound is
measured in float64; so are the few whose bounds do not rule them out. Labels and distances are thus those of
float64, with the first among equals, however the bounds were had: from float32 products of BLAS, or from sums of
products of bytes by ``vpdpbusd``, which are four times as fast and are kept in registers until they are bounds.

What goes through wide registers is written in LLVM's own language, since LLVM does not find it in loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from featbench.numerics.threads import kernel

__all__ = ["LANES", "POINTS", "REGISTERS", "by_bytes", "by_products"]

_cgutils: Any = cgutils  # has no types, and that of the other would count its own argument
_intrinsic: Any = intrinsic

LANES, REGISTERS, POINTS = 16, 4, 6
"""A tile is of six rows and 4 × 16 words: of 32 registers 24 hold its sums."""

_UNIT = 2.0**-24  # of rounding, in float32

_I16, _I32, _I64, _F32 = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
_WHOLE, _SINGLE = ir.VectorType(_I32, LANES), ir.VectorType(_F32, LANES)


def _address(builder: Any, base: Any, *steps: Any) -> Any:
    for count, size in steps:
        count, size = (_I64(v) if isinstance(v, int) else v for v in (count, size))
        base = builder.add(base, builder.mul(count, size))
    return base


def _load(builder: Any, at: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(at, kind.as_pointer()), align=4)


def _everywhere(builder: Any, value: Any, vector: Any) -> Any:
    """Fill a register with one value."""
    lone = builder.insert_element(ir.Constant(vector, ir.Undefined), value, _I32(0))
    return builder.shuffle_vector(lone, lone, ir.Constant(_WHOLE, [0] * LANES))


def _call(builder: Any, name: str, returned: Any, *values: Any) -> Any:
    kind = ir.FunctionType(returned, [value.type for value in values])
    return builder.call(_cgutils.get_or_insert_function(builder.module, kind, name), values)


def _least(builder: Any, at: Any, n: Any) -> Any:
    """Return the smallest value in n registers, one or more."""
    held = _cgutils.alloca_once_value(builder, _load(builder, at, _SINGLE))
    with _cgutils.for_range(builder, n) as loop:
        here = _load(builder, _address(builder, at, (loop.index, 4 * LANES)), _SINGLE)
        least = builder.load(held)
        builder.store(builder.select(builder.fcmp_ordered("<", here, least), here, least), held)
    return _call(builder, f"llvm.vector.reduce.fmin.v{LANES}f32", _F32, builder.load(held))


def _next_within(builder: Any, at: Any, first: Any, n: Any, limit: Any) -> Any:
    """Return the first register from `first` on with a value up to the limit, or n."""
    limits = _everywhere(builder, limit, _SINGLE)
    found = _cgutils.alloca_once_value(builder, n)
    with _cgutils.for_range(builder, n, start=first) as loop:
        here = _load(builder, _address(builder, at, (loop.index, 4 * LANES)), _SINGLE)
        within = builder.bitcast(builder.fcmp_ordered("<=", here, limits), _I16)
        with builder.if_then(builder.icmp_unsigned("!=", within, _I16(0)), likely=False):
            builder.store(loop.index, found)
            loop.do_break()
    return builder.load(found)


def _squares(builder: Any, x: Any, w: Any, n: Any) -> Any:
    """Return the sum of squared differences over n times eight float32 values, as float64."""
    half, whole = ir.VectorType(_F32, 8), ir.VectorType(ir.DoubleType(), 8)
    held = _cgutils.alloca_once_value(builder, ir.Constant(whole, [0.0] * 8))
    with _cgutils.for_range(builder, n) as loop:
        step = (loop.index, 32)
        a, b = (builder.fpext(_load(builder, _address(builder, at, step), half), whole) for at in (x, w))
        difference = builder.fsub(a, b)
        square = builder.fmul(difference, difference)
        builder.store(builder.fadd(builder.load(held), square), held)
    zero = ir.Constant(ir.DoubleType(), 0.0)
    return _call(builder, "llvm.vector.reduce.fadd.v8f64", ir.DoubleType(), zero, builder.load(held))


def _tile(builder: Any, *arguments: Any) -> Any:
    """Write the bounds of six rows and all words, and the least of each four of a tile's registers.

    The arguments are addresses, bytes from row to row, and counts.
    """
    rows, row_step, groups, starts, factors, words, n_tiles, terms, term_step, *places = arguments
    bounds, bound_step, minima, minima_step = places
    smallest = {p: _cgutils.alloca_once(builder, _SINGLE) for p in range(POINTS)}
    pairs = [(p, w) for p in range(POINTS) for w in range(REGISTERS)]
    held = {pair: _cgutils.alloca_once(builder, _WHOLE) for pair in pairs}
    with _cgutils.for_range(builder, n_tiles) as tile:
        for p, w in pairs:
            start = _load(builder, _address(builder, starts, (p, 4)), _I32)
            builder.store(_everywhere(builder, start, _WHOLE), held[p, w])
        tile_at = _address(builder, words, (builder.mul(tile.index, groups), 4 * LANES * REGISTERS))
        with _cgutils.for_range(builder, groups) as group:
            at = _address(builder, tile_at, (group.index, 4 * LANES * REGISTERS))
            loaded = [_load(builder, _address(builder, at, (w, 4 * LANES)), _WHOLE) for w in range(REGISTERS)]
            for p in range(POINTS):
                four = _load(builder, _address(builder, rows, (p, row_step), (group.index, 4)), _I32)
                four = _everywhere(builder, four, _WHOLE)
                for w in range(REGISTERS):
                    products = (builder.load(held[p, w]), loaded[w], four)
                    sums = _call(builder, "llvm.x86.avx512.vpdpbusd.512", _WHOLE, *products)
                    builder.store(sums, held[p, w])
        for w in range(REGISTERS):
            place = _address(builder, _I64(4 * LANES * w), (tile.index, 4 * LANES * REGISTERS))
            at = builder.add(terms, place)
            half, scale, *errors = (
                _load(builder, _address(builder, at, (k, term_step)), _SINGLE) for k in range(5)
            )
            for p in range(POINTS):
                bound = half
                product = builder.fmul(builder.sitofp(builder.load(held[p, w]), _SINGLE), scale)
                for k, term in enumerate([product, *errors]):
                    factor = _load(builder, _address(builder, factors, (4 * p + k, 4)), _F32)
                    factor = _everywhere(builder, factor, _SINGLE)
                    bound = _call(builder, f"llvm.fma.v{LANES}f32", _SINGLE, factor, term, bound)
                to = builder.add(_address(builder, bounds, (p, bound_step)), place)
                builder.store(bound, builder.inttoptr(to, _SINGLE.as_pointer()), align=4)
                if w:
                    before = builder.load(smallest[p])
                    bound = builder.select(builder.fcmp_ordered("<", bound, before), bound, before)
                builder.store(bound, smallest[p])
        for p in range(POINTS):
            to = _address(builder, minima, (p, minima_step), (tile.index, 4 * LANES))
            builder.store(builder.load(smallest[p]), builder.inttoptr(to, _SINGLE.as_pointer()), align=4)
    return _I64(0)


def _compiled(build: Any, returned: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return build(builder, *arguments)

    return returned, generate


@_intrinsic
def _least_value(typing, at, n):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return _compiled(_least, types.float32(types.int64, types.int64))


@_intrinsic
def _next_register(typing, at, first, n, limit):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return _compiled(_next_within, types.int64(types.int64, types.int64, types.int64, types.float32))


@_intrinsic
def _square_distance(typing, x, w, n):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return _compiled(_squares, types.float64(types.int64, types.int64, types.int64))


@_intrinsic
def _tile_bounds(typing, a, b, c, d, e, f, g, h, i, j, k, m, n):  # type: ignore[no-untyped-def]  # noqa: ARG001
    return _compiled(_tile, types.int64(*[types.int64] * 13))


@kernel
def _distance(x: Any, w: Any) -> Any:
    """Return the squared distance in float64, added in an order that never changes."""
    whole = len(x) // 8
    total = _square_distance(x.ctypes.data, w.ctypes.data, whole)
    for j in range(8 * whole, len(x)):
        total += (np.float64(x[j]) - np.float64(w[j])) ** 2
    return total


@kernel
def _limit(distance: float, square: float, unit: float) -> Any:
    """Return what the bound of a word as near as `distance` cannot exceed; rounded upwards."""
    limit = np.float32((distance * unit - square) / 2 + 8 * _UNIT * square)
    return limit + np.float32(4 * _UNIT) * abs(limit)


@kernel
def _nearest(bounds: Any, minima: Any, x: Any, square: float, unit: float, words: Any) -> Any:
    """Return the nearest word, its squared distance and how many were measured.

    `minima` are the least of each four registers of `bounds`.
    """
    at, over, n = bounds.ctypes.data, minima.ctypes.data, len(minima) // LANES
    least = _least_value(over, n)
    tile = _next_register(over, 0, n, least)
    best = LANES * _next_register(at, REGISTERS * tile, REGISTERS * (tile + 1), least)
    while bounds[best] > least:
        best += 1
    first, shortest, measured = best, _distance(x, words[best]), 1
    limit = _limit(shortest, square, unit)
    tile = _next_register(over, 0, n, limit)
    while tile < n:
        end = REGISTERS * (tile + 1)
        register = _next_register(at, REGISTERS * tile, end, limit)
        while register < end:
            for t in range(LANES * register, min(LANES * register + LANES, len(words))):
                if bounds[t] <= limit and t != first:
                    measured += 1
                    distance = _distance(x, words[t])
                    if distance < shortest or (distance == shortest and t < best):
                        best, shortest = t, distance
                        limit = _limit(shortest, square, unit)
            register = _next_register(at, register + 1, end, limit)
        tile = _next_register(over, tile + 1, n, limit)
    return best, shortest, measured


@kernel
def by_products(
    products: Any, halves: Any, lengths: Any, error: float, X: Any, squares: Any, unit: float, words: Any,
    labels: Any, distances: Any,
) -> Any:  # fmt: skip
    """Find the nearest words from float32 products, overwritten by bounds; return how many were measured.

    Parameters
    ----------
    products : ndarray of float32, (m, n)
        Of rows and words as they are put for it; n is a multiple of ``LANES * REGISTERS``, at least K.
    halves, lengths : ndarray of float32, (n,)
        Half the words' squared lengths, rounded downwards, infinite from K on; their lengths, rounded upwards.
    error : float
        A product may be off by this share of both lengths.
    X : ndarray of float32, (m, d)
    squares : ndarray of float64, (m,)
        Squared lengths of the rows as they are put for the products.
    unit : float
        Squared distances times this are those of rows as they are put.
    words : ndarray of float32, (K, d)
    labels, distances : ndarray of int64 and float64, (m,)
        Filled: the nearest word and its squared distance.
    """
    measured = 0
    minima = np.empty(len(halves) // REGISTERS, np.float32)
    for i in range(len(X)):
        off = np.float32(error * np.sqrt(squares[i]))
        row = products[i]
        for j in range(len(row)):
            row[j] = halves[j] - row[j] - off * lengths[j]
        minima[:] = np.inf
        for register in range(len(row) // LANES):
            least, values = minima[LANES * (register // REGISTERS) :], row[LANES * register :]
            for t in range(LANES):
                least[t] = min(least[t], values[t])
        labels[i], distances[i], more = _nearest(row, minima, X[i], squares[i], unit, words)
        measured += more
    return measured


@kernel
def by_bytes(
    placed: Any, starts: Any, factors: Any, packed: Any, terms: Any, X: Any, squares: Any, unit: float, words: Any,
    labels: Any, distances: Any, first: int, last: int,
) -> Any:  # fmt: skip
    """Find the nearest words of the rows `first` to ``last - 1`` by bytes; return how many were measured.

    Parameters
    ----------
    placed : ndarray of int8, (m + POINTS, 4 groups)
        Rows as bytes.
    starts : ndarray of int32, (m + POINTS,)
        What a row's sums begin with: −128 times the sum of its bytes.
    factors : ndarray of float32, (m + POINTS, 4)
        Of a row, negative: its scale, and its three lengths as in `featbench.numerics.kmeans_rows`.
    packed : ndarray of uint8, (tiles, groups, REGISTERS, LANES, 4)
        Words as bytes, 128 more than what they stand for.
    terms : ndarray of float32, (5, LANES * REGISTERS * tiles)
        Half the squared lengths of the words, infinite from K on; their scales; their three lengths.
    X, squares, unit, words, labels, distances
        As of `by_products`.
    """
    bounds = np.empty((POINTS, terms.shape[1]), np.float32)
    minima = np.empty((POINTS, terms.shape[1] // REGISTERS), np.float32)
    measured = 0
    for i in range(first, last, POINTS):
        _tile_bounds(
            placed[i:].ctypes.data, placed.strides[0], placed.shape[1] // 4,
            starts[i:].ctypes.data, factors[i:].ctypes.data,
            packed.ctypes.data, len(packed), terms.ctypes.data, terms.strides[0],
            bounds.ctypes.data, bounds.strides[0], minima.ctypes.data, minima.strides[0],
        )  # fmt: skip
        for p in range(min(POINTS, last - i)):
            row = i + p
            labels[row], distances[row], more = _nearest(
                bounds[p], minima[p], X[row], squares[row], unit, words
            )
            measured += more
    return measured
