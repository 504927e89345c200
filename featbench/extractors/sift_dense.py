"""SIFT descriptors at every point of a grid, all upright: OpenCV's numbers, without its loop over keypoints.

An upright descriptor is a sum over pixels of: the gradient's magnitude, split between the two nearest of
eight orientations, times a weight for its row, times a weight for its column. The weights (a triangle around
each of four parts, under one Gaussian) are the same at every keypoint. So an image is summed along its columns
first, once for each row of keypoints, and then along its rows.

1. split the gradients' magnitudes between orientations, in a strip of four columns at a time;
2. sum along the columns of the strip, for every row of keypoints;
3. sum along the rows, for every keypoint;
4. normalise, limit, normalise again, and round.

Steps 2 and 3 are one routine: images lie in memory as ``[position][4][8 orientations]``, and sums of four
parts at the same time come out as ``[4][part][8]``, which is the other's input, or the descriptor itself.
Its 128 sums stay in registers, and so do steps 1 and 4: loops that LLVM would not find for itself are built in
its own language.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

from featbench.extractors.sift_gradients import gradients
from featbench.extractors.sift_windows import PARTS, windows
from featbench.numerics.threads import kernel
from featbench.types import FeatureMatrix, ImageArray, Indices

__all__ = ["DIMENSIONS", "dense_descriptors"]

DIMENSIONS = 128  # 4 × 4 parts of 8 orientations
_GROUP = 32  # numbers that lie together: 4 pixels or parts of 8 orientations

# numba's own types are missing, or forget that it fills in an intrinsic's first argument.
intrinsic: Any = numba_intrinsic
tools: Any = cgutils

_LIMIT, _LENGTH, _BRIGHTEST, _SHORTEST = 0.2, 512.0, 255.0, float(np.finfo(np.float32).eps)


def dense_descriptors(
    images: ImageArray, rows: Indices, cols: Indices, sizes: Sequence[float], values: FeatureMatrix
) -> None:
    """Fill `values` with the descriptors of keypoints on a grid.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w)
        C-contiguous, at least three pixels high and wide.
    rows, cols : ndarray of int64
        Where keypoints are, in pixels.
    sizes : sequence of float
        Diameters of keypoints, in pixels.
    values : ndarray of float32, (n, sizes, rows, cols, 128)
        Written: whole numbers from 0 to 255, ordered part row, part column, orientation.
    """
    height, width = images.shape[1:]
    # What follows works on bare memory.
    assert values.shape == (len(images), len(sizes), len(rows), len(cols), DIMENSIONS)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    assert all(0 <= min(x) <= max(x) < extent for x, extent in ((rows, height), (cols, width)))
    window, (magnitudes, angles) = windows(tuple(sizes)), gradients(images)
    strip = np.zeros((height + 2 * window.margin) * _GROUP, np.float32)
    sums = np.zeros((len(sizes), len(rows), (magnitudes.shape[2] + 2 * window.margin) * _GROUP), np.float32)
    _describe(
        magnitudes, angles, rows, cols, window.starts, window.counts, window.weights, strip, sums, values
    )


@kernel
def _describe(
    magnitudes: Any,
    angles: Any,
    rows: Any,
    cols: Any,
    starts: Any,
    counts: Any,
    weights: Any,
    strip: Any,
    sums: Any,
    values: Any,
) -> None:
    """Fill `values`; `strip` and `sums` are zero and stay so around what lies inside the image."""
    n, height, width = magnitudes.shape
    margin = (strip.shape[0] // _GROUP - height) // 2
    for i in range(n):
        for x in range(0, width, 4):
            for y in range(1, height - 1):
                _vote(strip, (y + margin) * _GROUP, magnitudes[i], angles[i], y * width + x)
            for s in range(counts.shape[0]):
                for r in range(rows.shape[0]):
                    origin, to = (rows[r] + margin) * _GROUP, (x + margin) * _GROUP
                    _sum_parts(sums[s, r], to, strip, origin, starts[s], weights[s], counts[s])
        for s in range(counts.shape[0]):
            for r in range(rows.shape[0]):
                for c in range(cols.shape[0]):
                    origin = (cols[c] + margin) * _GROUP
                    _describe_point(
                        values[i, s, r, c], 0, sums[s, r], origin, starts[s], weights[s], counts[s]
                    )


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
def _describe_point(
    _: Any, to: Any, place: Any, source: Any, origin: Any, starts: Any, weights: Any, count: Any
) -> Any:
    """Sum up like `_sum_parts`; limit to a fifth of the length, scale to length 512 and round, to at most 255."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = _Lanes(context, builder, signature, arguments)
        sums = lanes.sum_parts()
        limit = lanes.spread(builder.fmul(lanes.length(sums), ir.Constant(_NUMBER, _LIMIT)))
        sums = [lanes.least(total, limit) for total in sums]
        length, shortest = lanes.length(sums), ir.Constant(_NUMBER, _SHORTEST)
        length = builder.select(builder.fcmp_ordered("<", length, shortest), shortest, length)
        scale = lanes.spread(builder.fdiv(ir.Constant(_NUMBER, _LENGTH), length))
        brightest = lanes.same(_BRIGHTEST)
        whole = [lanes.call("rint", builder.fmul(total, scale)) for total in sums]
        lanes.store_parts([lanes.least(total, brightest) for total in whole])
        return context.get_dummy_value()

    return types.void(to, place, source, origin, starts, weights, count), generate


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
        squares = self.same(0.0)
        for number in numbers:
            squares = self.call("fmuladd", number, number, squares)
        start = ir.Constant(_NUMBER, 0.0)
        add = self._function("vector.reduce.fadd.v16f32", _NUMBER, [_NUMBER, _WIDE])
        total = self.builder.call(add, [start, squares], fastmath=("reassoc",))
        return self.builder.call(self._function("sqrt.f32", _NUMBER, [_NUMBER]), [total])

    def sum_parts(self) -> list[Any]:
        """Return the sums of `_sum_parts`, two times sixteen a part."""
        builder, group, zero = self.builder, ir.Constant(_WORD, _GROUP), self.same(0.0)
        source, starts, weights = self.pointer(2, 3), self.pointer(4), self.pointer(5)
        totals = [tools.alloca_once(builder, _WIDE) for _ in range(2 * PARTS)]
        for total in totals:
            builder.store(zero, total)
        begins = []
        for part in range(PARTS):
            start = builder.load(builder.gep(starts, [ir.Constant(_WORD, part)]))
            begins.append(builder.gep(source, [builder.mul(start, group)]))
        with tools.for_range(builder, self.arguments[6], intp=_WORD) as loop:
            weight, step = (builder.mul(loop.index, ir.Constant(_WORD, n)) for n in (PARTS, _GROUP))
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
                self.store(numbers, to, _GROUP * (2 * half + side) + 8 * part)

    def _function(self, name: str, result: Any, arguments: list[Any]) -> Any:
        kind = ir.FunctionType(result, arguments)
        return tools.get_or_insert_function(self.builder.module, kind, f"llvm.{name}")
