"""Patches cut out of images and brought to one size, wherever they lie and however they are turned."""

from __future__ import annotations

from math import ceil, cos, floor, radians, sin
from typing import Any

import numpy as np

from featbench.numerics.threads import kernel
from featbench.types import ImageArray
from featbench.words.places import Places

__all__ = ["cut"]

# A half is rounded up even where the last bits of a sum in float64 fall short of it. A mean over a square of whole
# pixels, below 512 a side, lies on a half or further from it than this.
_HALF = 0.5 + 2.0**-20


def cut(images: ImageArray, places: Places, size: int) -> ImageArray:
    """Cut patches out of images and resize them; serial, for one thread among several.

    A new pixel is the mean over a square around its centre, as wide as the step from one new pixel to the next,
    and at least one pixel wide. So reducing takes exact means of areas, a patch of `size` pixels a side at whole
    pixels is itself, and enlarging interpolates bilinearly, at a patch's edge with the pixels beyond it.

    A turned patch is sampled in its own frame, bilinearly: at the centre of each new pixel, or, where it is reduced,
    at k × k points evenly spread over it and averaged, with k the step rounded up. What lies beyond the border of
    an image looks like the border's nearest pixel.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
    places : Places
        Of these images; positions, sides above 0 and angles may be fractions. A patch that is turned by an angle a
        has its columns grow in the direction of cos a columns and sin a rows of the image.
    size : int
        Side of the patches handed out, in pixels.

    Returns
    -------
    ndarray of uint8, (m, size, size, 3) or (m, size, size)
        Rounded half up, C-contiguous, in the order of `places`.
    """
    n, height, width, *colour = images.shape
    assert len(places) == n  # what follows works on bare memory
    patches = np.empty((len(places.sizes), size, size, *colour), dtype=np.uint8)
    if not len(patches):
        return patches
    pixels = np.ascontiguousarray(images).reshape(n, height, width, -1)
    pixels.flags.writeable = False  # of this view; numba would compile once more for read-only images
    where = (places.positions, places.sizes, places.angles, places.offsets)
    _cut(pixels, *where, float(places.sizes.max()), patches.reshape(len(patches), size, size, -1))
    return patches


@kernel
def _cut(
    images: Any, positions: Any, sides: Any, angles: Any, offsets: Any, wide: float, patches: Any
) -> None:
    """Fill patches ``(m, size, size, channels)`` from images ``(n, h, w, channels)``; no side exceeds `wide`."""
    n, _, width, channels = images.shape
    size = patches.shape[1]
    taps = ceil(max(1.0, wide / size)) + 1
    row_counts, col_counts = np.empty(size, np.int64), np.empty(size, np.int64)
    rows, cols = np.empty((size, taps), np.int64), np.empty((size, taps), np.int64)
    down, across = np.empty((size, taps), np.float64), np.empty((size, taps), np.float64)
    line = np.empty(width * channels, np.float64)
    for i in range(n):
        for j in range(offsets[i], offsets[i + 1]):
            row, col = float(positions[j, 0]), float(positions[j, 1])
            side, angle = float(sides[j]), float(angles[j]) % 360.0
            if angle == 0.0:
                _weigh(row, side, images.shape[1], row_counts, rows, down)
                _weigh(col, side, width, col_counts, cols, across)
                _upright(images[i], row_counts, rows, down, col_counts, cols, across, line, patches[j])
            else:
                _turned(images[i], row, col, side, radians(angle), patches[j])


@kernel
def _weigh(centre: float, side: float, extent: int, counts: Any, places: Any, weights: Any) -> None:
    """Find which pixels of an axis make each new pixel, and their shares."""
    size, taps = places.shape
    step = side / size
    width = max(1.0, step)
    for k in range(size):
        # Pixel p covers p to p + 1 here.
        begin = centre + 0.5 + (k + 0.5) * step - 0.5 * side - 0.5 * width
        first = floor(begin)
        counts[k] = 0
        for t in range(taps):
            share = min(begin + width, first + t + 1.0) - max(begin, float(first + t))
            if share > 0:
                places[k, counts[k]] = min(max(first + t, 0), extent - 1)
                weights[k, counts[k]] = share / width
                counts[k] += 1


@kernel
def _upright(
    image: Any,
    row_counts: Any,
    rows: Any,
    down: Any,
    col_counts: Any,
    cols: Any,
    across: Any,
    line: Any,
    patch: Any,
) -> None:
    """Sum along columns, for the pixels that the patch covers, and then along rows."""
    size, channels = patch.shape[1:]
    begin = cols[0, 0] * channels
    end = (cols[size - 1, col_counts[size - 1] - 1] + 1) * channels
    covered = line[begin:end]  # from 0 on: LLVM must not wonder whether an index is negative
    for y in range(size):
        covered[:] = 0.0
        for t in range(row_counts[y]):
            source, weight = image[rows[y, t]].reshape(-1)[begin:end], down[y, t]
            for j in range(len(covered)):
                covered[j] += weight * source[j]
        for x in range(size):
            if channels == 3:  # at once: a third of the loops
                red = green = blue = _HALF
                for t in range(col_counts[x]):
                    share, at = across[x, t], cols[x, t] * 3
                    red += share * line[at]
                    green += share * line[at + 1]
                    blue += share * line[at + 2]
                patch[y, x, 0], patch[y, x, 1] = np.uint8(np.int32(red)), np.uint8(np.int32(green))
                patch[y, x, 2] = np.uint8(np.int32(blue))
                continue
            for c in range(channels):
                total = _HALF
                for t in range(col_counts[x]):
                    total += across[x, t] * line[cols[x, t] * channels + c]
                patch[y, x, c] = np.uint8(np.int32(total))


@kernel
def _turned(image: Any, row: float, col: float, side: float, angle: float, patch: Any) -> None:
    """Sample in the patch's own frame."""
    height, width, channels = image.shape
    size = patch.shape[0]
    points = max(1, ceil(side / size))
    step = side / (size * points)
    to_cols, to_rows = cos(angle) * step, sin(angle) * step
    middle = 0.5 * (size * points - 1)
    totals = np.empty(channels, np.float64)
    for y in range(size):
        for x in range(size):
            totals[:] = 0.0
            for v in range(y * points, (y + 1) * points):
                for u in range(x * points, (x + 1) * points):
                    r = min(max(row + (u - middle) * to_rows + (v - middle) * to_cols, 0.0), height - 1.0)
                    c = min(max(col + (u - middle) * to_cols - (v - middle) * to_rows, 0.0), width - 1.0)
                    above, left = int(r), int(c)
                    below, right = min(above + 1, height - 1), min(left + 1, width - 1)
                    down, across = r - above, c - left
                    for k in range(channels):
                        upper = image[above, left, k] * (1.0 - across) + image[above, right, k] * across
                        lower = image[below, left, k] * (1.0 - across) + image[below, right, k] * across
                        totals[k] += upper * (1.0 - down) + lower * down
            for k in range(channels):
                patch[y, x, k] = np.uint8(np.int32(totals[k] / (points * points) + _HALF))
