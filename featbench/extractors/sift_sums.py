"""The sums that upright SIFT descriptors on a grid are made of, and what is made of them.

An upright descriptor is a sum over pixels of: the gradient's magnitude, split between the two nearest of
eight orientations, times a weight for its row, times a weight for its column. The weights (a triangle around
each of four parts, under one Gaussian) are the same at every keypoint. So an image is summed along its columns
first, once for each row of keypoints, and then along its rows.

1. split the gradients' magnitudes between orientations, in a strip of four columns at a time;
2. sum along the columns of the strip, for every row of keypoints;
3. sum along the rows, for every keypoint;
4. normalise, limit, normalise again, and round.

Steps 2 and 3 are one routine: gradients lie in memory as ``[position][4 pixels][8 orientations]``, and the sums
of four parts come out as ``[4][part][8]``, which is the other's input, or the descriptor itself. Its 128 sums stay
in registers; LLVM finds no such loop for itself, so that one is written in its language, and with it 1 and 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

from featbench.extractors.sift_windows import PARTS
from featbench.numerics.threads import kernel

__all__ = ["DIMENSIONS", "GROUP", "describe_points"]

DIMENSIONS = 128  # 4 × 4 parts of 8 orientations
GROUP = 32  # numbers that lie together: 4 pixels or parts of 8 orientations

# numba's own types are missing, or forget that it fills in an intrinsic's first argument.
intrinsic: Any = numba_intrinsic
tools: Any = cgutils

_LIMIT, _LENGTH, _BRIGHTEST, _SHORTEST = 0.2, 512.0, 255.0, float(np.finfo(np.float32).eps)


@kernel
def describe_points(
    magnitudes: Any,
    angles: Any,
    rows: Any,
    cols: Any,
    starts: Any,
    counts: Any,
    weights: Any,
    margin: int,
    strip: Any,
    sums: Any,
    values: Any,
) -> None:
    """Fill `values`, some rows of points at a time; `sums` is zero and stays so beside the image."""
    n, height, width = magnitudes.shape
    n_sizes, band, _ = sums.shape
    for i in range(n):
        for first in range(0, rows.shape[0], band):
            last = min(first + band, rows.shape[0])
            top, bottom = rows[first] - margin, rows[last - 1] + margin + 1
            strip[:] = 0
            for x in range(0, width, 4):
                for y in range(max(1, top), min(height - 1, bottom)):
                    _vote(strip, (y - top) * GROUP, magnitudes[i], angles[i], y * width + x)
                for s in range(n_sizes):
                    for r in range(first, last):
                        to, origin = (x + margin) * GROUP, (rows[r] - top) * GROUP
                        _sum_parts(sums[s, r - first], to, strip, origin, starts[s], weights[s], counts[s])
            for s in range(n_sizes):
                for r in range(first, last):
                    line = values[i, s, r].reshape(-1)
                    for c in range(cols.shape[0]):
                        to, origin = c * DIMENSIONS, (cols[c] + margin) * GROUP
                        _sum_parts(line, to, sums[s, r - first], origin, starts[s], weights[s], counts[s])
                    # Not at once with the sums: one descriptor waits for its length while others are worked on.
                    for c in range(cols.shape[0]):
                        _normalize(line, c * DIMENSIONS)


@intrinsic
def _vote(_: Any, to: Any, place: Any, magnitudes: Any, angles: Any, origin: Any) -> Any:
    """Split the magnitudes of four pixels, each between the orientations on either side of its angle.

    ``to[place + 8 x + o] = magnitudes[origin + x] · max(0, 1 − distance(angles[origin + x], o))``.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = _Lanes(context, builder, signature, arguments)
        one, eight = lanes.same(1.0), lanes.same(8.0)
        orientations = ir.Constant(_WIDE, [float(o) for o in range(8)] * 2)
        magnitude, angle = (lanes.load(lanes.pointer(k, 4), 0, _FOUR_LANES) for k in (2, 3))
        for half in range(2):
            pick = ir.Constant(ir.VectorType(_LANE, 16), [2 * half] * 8 + [2 * half + 1] * 8)
            off = lanes.call("fabs", builder.fsub(builder.shuffle_vector(angle, angle, pick), orientations))
            off = lanes.least(off, builder.fsub(eight, off))
            share = builder.fsub(one, lanes.least(off, one))
            votes = builder.fmul(builder.shuffle_vector(magnitude, magnitude, pick), share)
            lanes.store(votes, lanes.pointer(0, 1), 16 * half)
        return context.get_dummy_value()

    return types.void(to, place, magnitudes, angles, origin), generate


@intrinsic
def _sum_parts(
    _: Any, to: Any, place: Any, source: Any, origin: Any, starts: Any, weights: Any, count: Any
) -> Any:
    """Sum up four parts of four groups of eight orientations.

    ``to[place + 32 g + 8 p + o] = Σ_t weights[t, p] · source[origin + 32 (starts[p] + t) + 8 g + o]`` for every
    group g, part p and orientation o; t counts to `count`.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = _Lanes(context, builder, signature, arguments)
        lanes.store_parts(lanes.sum_parts())
        return context.get_dummy_value()

    return types.void(to, place, source, origin, starts, weights, count), generate


@intrinsic
def _normalize(_: Any, values: Any, place: Any) -> Any:
    """Limit 128 numbers to a fifth of their length, bring that to 512 and round; at most 255."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = _Lanes(context, builder, signature, arguments)
        pointer, limit = lanes.pointer(0, 1), ir.Constant(_NUMBER, _LIMIT)
        numbers = [lanes.load(pointer, offset) for offset in range(0, DIMENSIONS, 16)]
        limit = lanes.spread(builder.fmul(lanes.length(numbers), limit))
        numbers = [lanes.least(number, limit) for number in numbers]
        length, shortest = lanes.length(numbers), ir.Constant(_NUMBER, _SHORTEST)
        length = builder.select(builder.fcmp_ordered("<", length, shortest), shortest, length)
        scale = lanes.spread(builder.fdiv(ir.Constant(_NUMBER, _LENGTH), length))
        for k, number in enumerate(numbers):
            whole = lanes.call("rint", builder.fmul(number, scale))
            lanes.store(lanes.least(whole, lanes.same(_BRIGHTEST)), pointer, 16 * k)
        return context.get_dummy_value()

    return types.void(values, place), generate


_NUMBER, _LANE, _WORD = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_WIDE, _FOUR_LANES = (ir.VectorType(_NUMBER, n) for n in (16, 4))


class _Lanes:
    """Writes code on sixteen numbers at a time; narrower machines split them.

    Parameters
    ----------
    context, builder, signature, arguments
        As numba hands them to an intrinsic.
    """

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.context, self.builder, self.signature, self.arguments = context, builder, signature, arguments

    def pointer(self, array: int, offset: int | None = None) -> Any:
        """Return where an argument's array has its first entry, or the entry that another argument counts to."""
        kind = self.context.make_array(self.signature.args[array])
        first = kind(self.context, self.builder, self.arguments[array]).data
        return first if offset is None else self.builder.gep(first, [self.arguments[offset]])

    def load(self, pointer: Any, offset: Any, kind: Any = _WIDE) -> Any:
        """Return the numbers from `pointer` on, `offset` further."""
        offset = ir.Constant(_WORD, offset) if isinstance(offset, int) else offset
        place = self.builder.gep(pointer, [offset])
        return self.builder.load(self.builder.bitcast(place, kind.as_pointer()), align=4)

    def store(self, numbers: Any, pointer: Any, offset: int) -> None:
        """Write the numbers from `pointer` on, `offset` further."""
        place = self.builder.gep(pointer, [ir.Constant(_WORD, offset)])
        self.builder.store(numbers, self.builder.bitcast(place, numbers.type.as_pointer()), align=4)

    def same(self, value: float) -> Any:
        """Return a constant in all lanes."""
        return ir.Constant(_WIDE, [value] * 16)

    def spread(self, number: Any) -> Any:
        """Return a number in all lanes."""
        empty = ir.Constant(_WIDE, ir.Undefined)
        first = self.builder.insert_element(empty, number, ir.Constant(_LANE, 0))
        return self.builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(_LANE, 16), [0] * 16))

    def call(self, name: str, *numbers: Any) -> Any:
        """Apply one of LLVM's functions lane by lane."""
        return self.builder.call(self._function(f"{name}.v16f32", _WIDE, [_WIDE] * len(numbers)), numbers)

    def least(self, a: Any, b: Any) -> Any:
        """Return the smaller of two numbers, lane by lane."""
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def length(self, numbers: list[Any]) -> Any:
        """Return the Euclidean length of all numbers together."""
        squares = [self.same(0.0)] * 2
        for k, number in enumerate(numbers):
            squares[k % 2] = self.call("fmuladd", number, number, squares[k % 2])
        both = self.builder.fadd(*squares)
        start = ir.Constant(_NUMBER, 0.0)
        add = self._function("vector.reduce.fadd.v16f32", _NUMBER, [_NUMBER, _WIDE])
        total = self.builder.call(add, [start, both], fastmath=("reassoc",))
        return self.builder.call(self._function("sqrt.f32", _NUMBER, [_NUMBER]), [total])

    def sum_parts(self) -> list[Any]:
        """Return the sums of `_sum_parts`, two times sixteen a part."""
        builder, group, zero = self.builder, ir.Constant(_WORD, GROUP), self.same(0.0)
        source, starts, weights = self.pointer(2, 3), self.pointer(4), self.pointer(5)
        totals = [tools.alloca_once(builder, _WIDE) for _ in range(2 * PARTS)]
        for total in totals:
            builder.store(zero, total)
        begins = []
        for part in range(PARTS):
            start = builder.load(builder.gep(starts, [ir.Constant(_WORD, part)]))
            begins.append(builder.gep(source, [builder.mul(start, group)]))
        with tools.for_range(builder, self.arguments[6], intp=_WORD) as loop:
            weight, step = (builder.mul(loop.index, ir.Constant(_WORD, n)) for n in (PARTS, GROUP))
            for part in range(PARTS):
                place = builder.gep(weights, [builder.add(weight, ir.Constant(_WORD, part))])
                factor = self.spread(builder.load(place))
                for half in range(2):
                    numbers = self.load(begins[part], builder.add(step, ir.Constant(_WORD, 16 * half)))
                    total = totals[2 * part + half]
                    builder.store(self.call("fmuladd", factor, numbers, builder.load(total)), total)
        return [builder.load(total) for total in totals]

    def store_parts(self, totals: list[Any]) -> None:
        """Write sums, group by group."""
        to = self.pointer(0, 1)
        for k, total in enumerate(totals):
            part, half = divmod(k, 2)
            for side in range(2):
                eight = ir.Constant(ir.VectorType(_LANE, 8), list(range(8 * side, 8 * side + 8)))
                numbers = self.builder.shuffle_vector(total, total, eight)
                self.store(numbers, to, GROUP * (2 * half + side) + 8 * part)

    def _function(self, name: str, result: Any, arguments: list[Any]) -> Any:
        kind = ir.FunctionType(result, arguments)
        return tools.get_or_insert_function(self.builder.module, kind, f"llvm.{name}")
