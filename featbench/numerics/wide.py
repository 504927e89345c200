"""Sums over pairs of rows in the processor's widest registers, by instructions that LLVM does not find itself.

A tile of a few query rows and a few training rows is held in registers while their columns pass, so that a
value once loaded serves several pairs. The tiles are written in LLVM's own language; products of floats are not
among them, because BLAS does those as fast:

=========  ===================================================================  =========================
kind       sum over the columns                                                 instruction
=========  ===================================================================  =========================
``sad``    |a − b| of uint8                                                     ``psadbw``
``min8``   min(a, b) of uint8                                                   ``vpminub``, ``vpdpbusd``
``dot8``   a · b, a uint8 and b int8, exact up to `MOST_DOT8_COLUMNS` columns   ``vpdpbusd``
``l1``     |a − b| of float32                                                   subtract, clear signs, add
``chi2``   (a − b)² / (a + b) of float32, 0 where a + b is                      divide
=========  ===================================================================  =========================

Which of them there are depends on the processor that numba compiles for; numba keeps compiled code apart by
processor and features. ``FEATBENCH_WIDE=0`` in the environment, read at import, switches all of them off.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from featbench.numerics.processor import MULTIPLIES_BYTES, REGISTER_BYTES
from featbench.numerics.registers import aligned, row_bytes
from featbench.numerics.threads import kernel
from featbench.types import AnyArray

__all__ = ["KINDS", "LANES", "MOST_DOT8_COLUMNS", "TILE_QUERIES", "aligned", "pair_sums", "row_bytes"]

MOST_DOT8_COLUMNS = 65_536
"""Beyond, 255 · 128 a column might overflow 32 bits."""

_cgutils: Any = cgutils  # has no types
_BYTES = REGISTER_BYTES

_CHUNK = 4096  # bytes of a row that pass before the next tile: a tile's rows then stay in the nearest cache

_I8, _I32, _I64, _F32 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()


# Of 32 registers 24 hold sums, of 16 registers 12.
TILE_QUERIES, _TILE_TRAIN = (4, 6) if _BYTES == 64 else (3, 4)
LANES = _BYTES // 4
"""Partial sums that each float32 sum is made of."""

KINDS: frozenset[str] = frozenset()
"""What `pair_sums` can compute here."""
if _BYTES and os.environ.get("FEATBENCH_WIDE", "1") != "0":
    KINDS = frozenset({"sad", "l1", "chi2"} | ({"min8", "dot8"} if MULTIPLIES_BYTES else set()))


def _call(builder: Any, name: str, returned: Any, *arguments: Any) -> Any:
    kind = ir.FunctionType(returned, [argument.type for argument in arguments])
    return builder.call(_cgutils.get_or_insert_function(builder.module, kind, name), arguments)


# A step takes the builder, a vector of sums, one of the query's columns and one of the training row's.


def _sad(builder: Any, sums: Any, query: Any, train: Any) -> Any:
    name = "llvm.x86.avx512.psad.bw.512" if _BYTES == 64 else "llvm.x86.avx2.psad.bw"
    return builder.add(sums, _call(builder, name, sums.type, query, train))


def _dot8(builder: Any, sums: Any, query: Any, train: Any) -> Any:
    query, train = builder.bitcast(query, sums.type), builder.bitcast(train, sums.type)
    return _call(builder, f"llvm.x86.avx512.vpdpbusd.{8 * _BYTES}", sums.type, sums, train, query)


def _min8(builder: Any, sums: Any, query: Any, train: Any) -> Any:
    least = _call(builder, f"llvm.umin.v{_BYTES}i8", query.type, query, train)
    ones = ir.Constant(query.type, [_I8(1)] * _BYTES)
    return _dot8(builder, sums, ones, least)


def _l1(builder: Any, sums: Any, query: Any, train: Any) -> Any:
    difference = builder.fsub(query, train)
    return builder.fadd(sums, _call(builder, f"llvm.fabs.v{LANES}f32", sums.type, difference))


def _chi2(builder: Any, sums: Any, query: Any, train: Any) -> Any:
    difference, total = builder.fsub(query, train), builder.fadd(query, train)
    least = ir.Constant(sums.type, [_F32(float(np.finfo(np.float32).tiny))] * LANES)
    positive = builder.select(builder.fcmp_ordered(">", total, least), total, least)
    return builder.fadd(sums, builder.fdiv(builder.fmul(difference, difference), positive))


def _sum_lanes(builder: Any, vectors: list[Any], add: Any) -> list[Any]:
    """Sum each vector's lanes: the results are the lanes of the vectors returned, in order."""
    lanes = vectors[0].type.count
    zero = ir.Constant(vectors[0].type, [vectors[0].type.element(0)] * lanes)
    vectors = [*vectors, *[zero] * (-len(vectors) % lanes)]
    even, odd = (
        ir.Constant(ir.VectorType(_I32, lanes), list(range(start, 2 * lanes, 2))) for start in (0, 1)
    )
    for _ in range(lanes.bit_length() - 1):
        vectors = [
            add(builder.shuffle_vector(x, y, even), builder.shuffle_vector(x, y, odd))
            for x, y in zip(vectors[::2], vectors[1::2], strict=True)
        ]
    return vectors


def _pass(step: Callable[..., Any], entry: Any, total: Any, builder: Any, tile: Any) -> None:
    """Let a chunk of columns pass one tile.

    `tile` holds the addresses of the first query row and of the first training row, each with the bytes from row to
    row; how many training rows follow the first; how many registers a chunk fills; whether it is the first and the
    last of the rows; the address of the sums so far; and that of the results, with the bytes from row to row.
    """
    query, query_row, train, train_row, further, registers, first, last, sums, out, out_row = tile
    columns = ir.VectorType(entry, _BYTES // (1 if entry is _I8 else 4))
    lanes = _BYTES // (8 if total is _I64 else 4)
    vector = ir.VectorType(total, lanes)
    pairs = [(i, j) for i in range(TILE_QUERIES) for j in range(_TILE_TRAIN)]
    held = {pair: _cgutils.alloca_once(builder, vector) for pair in pairs}
    places = builder.inttoptr(sums, vector.as_pointer())
    kept = {pair: builder.gep(places, [_I64(at)]) for at, pair in enumerate(pairs)}
    with builder.if_else(first) as (begin, resume):
        with begin:
            for pair in pairs:
                builder.store(ir.Constant(vector, [total(0)] * lanes), held[pair])
        with resume:
            for pair in pairs:
                builder.store(builder.load(kept[pair], align=_BYTES), held[pair])
    queries = [builder.add(query, builder.mul(query_row, _I64(i))) for i in range(TILE_QUERIES)]
    trains = []
    for j in range(_TILE_TRAIN):  # beyond the last training row, the last once more
        row = builder.select(builder.icmp_signed("<", _I64(j), further), _I64(j), further)
        trains.append(builder.add(train, builder.mul(train_row, row)))

    with _cgutils.for_range(builder, registers) as loop:
        offset = builder.mul(loop.index, _I64(_BYTES))

        def load(row: Any) -> Any:
            pointer = builder.inttoptr(builder.add(row, offset), columns.as_pointer())
            return builder.load(pointer, align=1)

        loaded = [load(row) for row in queries]
        for j, row in enumerate(trains):
            right = load(row)
            for i, left in enumerate(loaded):
                builder.store(step(builder, builder.load(held[i, j]), left, right), held[i, j])

    with builder.if_else(last) as (end, pause):
        with end:
            add = builder.fadd if total is _F32 else builder.add
            result = _F32 if total is _F32 else _I32
            vectors = _sum_lanes(builder, [builder.load(held[pair]) for pair in pairs], add)
            for at, (i, j) in enumerate(pairs):
                value = builder.extract_element(vectors[at // lanes], _I32(at % lanes))
                value = builder.trunc(value, result) if total is _I64 else value
                row = builder.add(out, builder.mul(out_row, _I64(i)))
                builder.store(
                    value, builder.gep(builder.inttoptr(row, result.as_pointer()), [_I64(j)]), align=4
                )
        with pause:
            for pair in pairs:
                builder.store(builder.load(held[pair]), kept[pair], align=_BYTES)


def _all_pairs(step: Callable[..., Any], entry: Any, total: Any) -> Any:
    """Make the intrinsic that sums over all pairs of rows, tile by tile and chunk by chunk.

    A chunk of a few training rows stays in the nearest cache while all queries pass.
    """

    def build(builder: Any, arguments: Any) -> None:
        query, query_row, n_query, train, train_row, n_train, registers, sums, out, out_row = arguments

        def steps(stop: Any, step: int) -> Any:
            return _cgutils.for_range_slice(builder, _I64(0), stop, _I64(step), _I64)

        with (
            steps(n_train, _TILE_TRAIN) as (t, _),
            steps(registers, _CHUNK // _BYTES) as (c, _),
            steps(n_query, TILE_QUERIES) as (q, _),
        ):
            left = builder.sub(registers, c)
            whole = builder.icmp_signed("<", left, _I64(_CHUNK // _BYTES))
            offset = builder.mul(c, _I64(_BYTES))
            tile = (
                builder.add(builder.add(query, builder.mul(q, query_row)), offset),
                query_row,
                builder.add(builder.add(train, builder.mul(t, train_row)), offset),
                train_row,
                builder.sub(builder.sub(n_train, t), _I64(1)),
                builder.select(whole, left, _I64(_CHUNK // _BYTES)),
                builder.icmp_signed("==", c, _I64(0)),
                builder.icmp_signed("<=", left, _I64(_CHUNK // _BYTES)),
                builder.add(sums, builder.mul(q, _I64(_TILE_TRAIN * _BYTES))),
                builder.add(builder.add(out, builder.mul(q, out_row)), builder.mul(t, _I64(4))),
                out_row,
            )
            _pass(step, entry, total, builder, tile)

    @intrinsic
    def all_pairs(typing, a, b, c, d, e, f, g, h, i, j):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            build(builder, arguments)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 10), generate

    return all_pairs


_sad_pairs = _all_pairs(_sad, _I8, _I64)
_min8_pairs = _all_pairs(_min8, _I8, _I32)
_dot8_pairs = _all_pairs(_dot8, _I8, _I32)
_l1_pairs = _all_pairs(_l1, _F32, _F32)
_chi2_pairs = _all_pairs(_chi2, _F32, _F32)


@kernel
def _sad_sums(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int, j: int) -> None:
    _sad_pairs(a, b, c, d, e, f, g, h, i, j)


@kernel
def _min8_sums(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int, j: int) -> None:
    _min8_pairs(a, b, c, d, e, f, g, h, i, j)


@kernel
def _dot8_sums(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int, j: int) -> None:
    _dot8_pairs(a, b, c, d, e, f, g, h, i, j)


@kernel
def _l1_sums(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int, j: int) -> None:
    _l1_pairs(a, b, c, d, e, f, g, h, i, j)


@kernel
def _chi2_sums(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int, i: int, j: int) -> None:
    _chi2_pairs(a, b, c, d, e, f, g, h, i, j)


_SUMS = {"sad": _sad_sums, "min8": _min8_sums, "dot8": _dot8_sums, "l1": _l1_sums, "chi2": _chi2_sums}


def pair_sums(kind: str, query: AnyArray, train: AnyArray, out: AnyArray) -> None:
    """Sum over the columns for each pair of a query row and a training row.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    query : ndarray, (m, d)
        uint8, int8 for ``"dot8"``, otherwise float32. m is a multiple of `TILE_QUERIES`; rows fill whole
        registers (`row_bytes`), with zeros beyond the data.
    train : ndarray, (n, d)
        uint8 or float32, rows as in `query`.
    out : ndarray of int32 or float32, (m, at least n + 5)
        Filled up to column n; what stands after is spoilt.
    """
    bytes_a_row = query.shape[1] * query.itemsize
    assert kind in KINDS
    assert len(query) % TILE_QUERIES == 0
    assert bytes_a_row % _BYTES == 0
    assert out.shape[1] >= len(train) + _TILE_TRAIN - 1
    sums = aligned((len(query), _TILE_TRAIN * _BYTES), np.uint8)
    _SUMS[kind](
        query.ctypes.data,
        query.strides[0],
        len(query),
        train.ctypes.data,
        train.strides[0],
        len(train),
        bytes_a_row // _BYTES,
        sums.ctypes.data,
        out.ctypes.data,
        out.strides[0],
    )
