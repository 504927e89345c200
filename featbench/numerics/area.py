"""Images resized by the mean over the area that each new pixel covers, exactly.

A new pixel's sum is taken in whole numbers, along columns and then along rows: each old pixel weighs what part of it
is covered, in units that make every part whole. With A such units of area and a sum S, the mean rounded half up is
⌊(2 S + A) / (2 A)⌋.

The first pass runs in wide registers as it is written. The second meets another weight at each pixel, which LLVM
leaves to single values; so four neighbours, a pixel's channels and whatever follows them, are written as one vector,
in LLVM's own language and for any processor.
"""

from __future__ import annotations

from math import gcd, prod
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic as numba_intrinsic

from featbench.numerics.threads import kernel, spread
from featbench.types import ImageArray

__all__ = ["area_resize"]

# numba's own types are missing, or forget that it fills in an intrinsic's first argument.
intrinsic: Any = numba_intrinsic
_cgutils: Any = cgutils

_LANES = 4
_PIXELS_PER_THREAD = 1 << 18  # about half a millisecond, the price of starting a thread several times over


def area_resize(images: ImageArray, height: int, width: int, *, out: ImageArray | None = None) -> ImageArray:
    """Resize by the mean over the area that each new pixel covers, rounded half up.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3), (n, h, w, 4) or (n, h, w)
    height, width : int
        The new size, in pixels. Enlarging repeats pixels.
    out : ndarray of uint8, (n, height, width, c) or (n, height, width), optional
        Receives the result, C-contiguous. With fewer channels than `images`, the last ones are left out.

    Returns
    -------
    ndarray of uint8, (n, height, width, 3) or (n, height, width)
        `out`, where it is given.
    """
    n, old_height, old_width, *channels = images.shape
    if out is None:
        out = np.empty((n, height, width, *channels), dtype=np.uint8)
    if not n:
        return out
    lines = np.ascontiguousarray(images).reshape(n, old_height, -1)
    lines.flags.writeable = False  # of this view; numba would compile once more for read-only images
    means = out.reshape(n, height, -1)
    assert np.shares_memory(means, out), "out is C-contiguous"
    # Common factors change no mean, and without them most sums fit 32 bits.
    across, down = gcd(old_width, width), gcd(old_height, height)
    ratios = (old_height // down, height // down, old_width // across, width // across)
    dtype = np.uint32 if 255 * ratios[0] * ratios[2] < 2**32 else np.uint64

    def work(start: int, stop: int) -> None:
        sums = np.empty(lines.shape[2] + _LANES - 1, dtype=dtype)
        _resize(lines[start:stop], ratios, prod(channels), prod(out.shape[3:]), sums, means[start:stop])

    spread(work, n, least=max(1, _PIXELS_PER_THREAD // max(old_height * old_width, height * width)))
    return out


@intrinsic
def _weigh(
    _: Any, sums: Any, first: Any, step: Any, weights: Any, at: Any, n: Any, out: Any, place: Any
) -> Any:
    """Write ``out[place + k] = Σ_t weights[at + t] * sums[first + t * step + k]`` for t below n and k = 0 … 3."""
    entry = ir.IntType(sums.dtype.bitwidth)
    vector = ir.VectorType(entry, _LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def address(array: int, index: int) -> Any:
            made = context.make_array(signature.args[array])(context, builder, arguments[array])
            return builder.gep(made.data, [arguments[index]])

        _, _, step, _, _, n, _, _ = arguments
        start, weight = address(0, 1), address(3, 4)
        zero, position = ir.Constant(vector, [entry(0)] * _LANES), ir.IntType(32)
        everywhere = ir.Constant(ir.VectorType(position, _LANES), [position(0)] * _LANES)
        total = _cgutils.alloca_once_value(builder, zero)
        with _cgutils.for_range(builder, n) as loop:
            factor = builder.load(builder.gep(weight, [loop.index]))
            factor = builder.shuffle_vector(
                builder.insert_element(zero, factor, position(0)), zero, everywhere
            )
            source = builder.gep(start, [builder.mul(loop.index, step)])
            lanes = builder.load(builder.bitcast(source, vector.as_pointer()), align=entry.width // 8)
            builder.store(builder.add(builder.load(total), builder.mul(lanes, factor)), total)
        target = builder.bitcast(address(6, 7), vector.as_pointer())
        builder.store(builder.load(total), target, align=entry.width // 8)
        return context.get_dummy_value()

    return types.void(sums, first, step, weights, at, n, out, place), generate


@kernel
def _resize(
    images: Any, ratios: tuple[int, int, int, int], channels: int, kept: int, sums: Any, means: Any
) -> None:
    """Resize images ``(n, h, w * channels)`` to means ``(n, height, width * kept)``.

    `ratios` holds old height : new height, old width : new width, both in lowest terms.
    """
    old_h, new_h, old_w, new_w = ratios
    n, height, values = means.shape
    width = values // kept
    first, count = np.empty(width, np.int64), np.empty(width, np.int64)
    weights = np.zeros((width, (old_w - 1) // new_w + 2), sums.dtype)
    for x in range(width):
        first[x], count[x] = _covered(old_w, new_w, x)
        for t in range(count[x]):
            weights[x, t] = _overlap(old_w, new_w, x, first[x] + t)
    area = float(old_h * old_w)
    # A quarter of a unit more than a half: no mean is then within 1 / (4 A) of a whole number, and rounding errors,
    # below 2⁻⁴³ in all, carry none across.
    unit, half = 1 / area, 0.5 + 0.25 / area
    # Four values are written at a time; those beyond a pixel's channels are overwritten by the next pixel.
    totals = np.empty(values + _LANES - 1, sums.dtype)
    flat, stride = weights.reshape(-1), weights.shape[1]
    for i in range(n):
        for y in range(height):
            _sum_lines(images[i], old_h, new_h, y, sums)
            for x in range(width):
                _weigh(sums, channels * first[x], channels, flat, x * stride, count[x], totals, kept * x)
            for k in range(values):
                means[i, y, k] = np.uint8(np.int32(totals[k] * unit + half))


@kernel
def _sum_lines(image: Any, old: int, new: int, y: int, sums: Any) -> None:
    """Sum the lines that new line `y` covers, each by its part."""
    first, count = _covered(old, new, y)
    for t in range(count):
        line = image[first + t]
        weight = sums.dtype.type(_overlap(old, new, y, first + t))
        if t == 0:
            for j in range(line.shape[0]):
                sums[j] = weight * sums.dtype.type(line[j])
        else:
            for j in range(line.shape[0]):
                sums[j] += weight * sums.dtype.type(line[j])


@kernel
def _covered(old: int, new: int, place: int) -> tuple[int, int]:
    """Return the first of the old places that a new one covers, and how many they are."""
    first = place * old // new
    return first, ((place + 1) * old - 1) // new + 1 - first


@kernel
def _overlap(old: int, new: int, place: int, covered: int) -> Any:
    """Return how much of an old place a new one covers, in units of 1 / `new`."""
    return min((place + 1) * old, (covered + 1) * new) - max(place * old, covered * new)
