"""A patch's own pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from featbench.errors import InputError, must_be
from featbench.numerics.threads import kernel
from featbench.parameters import Bounds
from featbench.types import FeatureMatrix, ImageArray
from featbench.words.parts import Descriptor
from featbench.words.places import Places

__all__ = ["Patch"]


@dataclass(kw_only=True, eq=False, repr=False)
class Patch(Descriptor):
    """The pixels of a patch, as they are or brought to one size.

    Parameters
    ----------
    size : int or None, default=None
        Side of the described patch, in pixels; a row has size · size numbers, three times as many for colour. None
        takes the size of the sampling's patches, where they all have one.

    Notes
    -----
    Rows are in the order row, column, channel; values from 0 to 255. A patch of another size, or not at whole pixels,
    is resampled by exact means over the areas that the new pixels cover, not rounded: the image is constant over
    each of its pixels, and goes on beyond its edges as it ends there. Patches are taken upright: angles are ignored.
    """

    size: Annotated[int, Bounds(ge=1)] | None = None

    def length(self, channels: int) -> int:
        """Return size · size · channels."""
        return self._side() ** 2 * channels

    def describe(self, images: ImageArray, places: Places) -> FeatureMatrix:
        """Return the pixels of patches."""
        size, n = self._side(), len(images)
        channels = images.shape[3] if images.ndim == 4 else 1
        pixels = np.ascontiguousarray(images).reshape(*images.shape[:3], channels)
        pixels.flags.writeable = False  # of this view; numba would compile once more for read-only images
        rows = np.empty((len(places.positions), self.length(channels)), dtype=np.float32)
        if places.grids is not None and all(grid.size == size for grid in places.grids):
            start, by_image = 0, rows.reshape(n, len(rows) // max(n, 1), rows.shape[1])
            for grid in places.grids:
                _gather(pixels, grid.tops, grid.lefts, size, start, by_image)
                start += len(grid.tops) * len(grid.lefts)
        else:
            _resample(pixels, places.offsets, places.positions, places.sizes, size, rows)
        return rows

    def _side(self) -> int:
        if self.size is None:
            remedy = "Give one: size=6."
            raise InputError(
                must_be("Patch", "size", "a number here, where no sampling says it", None, remedy)
            )
        return int(self.size)


@kernel
def _gather(images: Any, tops: Any, lefts: Any, size: int, first: int, rows: Any) -> None:
    """Copy the patches of a grid from images ``(n, h, w, c)`` to rows ``(n, first … m, size · size · c)``."""
    n, height, width, channels = images.shape
    lines = images.reshape(n, height, width * channels)
    line = size * channels
    for i in range(n):
        m = first
        for top in tops:
            for left in lefts:
                row, start = rows[i, m], left * channels
                for y in range(size):
                    for k in range(line):
                        row[y * line + k] = np.float32(lines[i, top + y, start + k])
                m += 1


@kernel
def _resample(images: Any, offsets: Any, positions: Any, sizes: Any, size: int, rows: Any) -> None:
    """Take means over the areas of new pixels, patch by patch."""
    height, width, channels = images.shape[1:]
    longest = 0.0
    for side in sizes:
        longest = max(longest, side)
    reach = int(longest / size) + 2  # old pixels that a new one touches
    weights, spans = np.empty((2, size, reach)), np.empty((2, size, 2), np.int64)
    totals = np.empty(channels)
    for i in range(images.shape[0]):
        for m in range(offsets[i], offsets[i + 1]):
            for axis in range(2):
                _cover(np.float64(positions[m, axis]), np.float64(sizes[m]), weights[axis], spans[axis])
            for y in range(size):
                for x in range(size):
                    totals[:] = 0
                    for r in range(spans[0, y, 0], spans[0, y, 1]):
                        for c in range(spans[1, x, 0], spans[1, x, 1]):
                            share = weights[0, y, r - spans[0, y, 0]] * weights[1, x, c - spans[1, x, 0]]
                            inside_r, inside_c = min(max(r, 0), height - 1), min(max(c, 0), width - 1)
                            for k in range(channels):
                                totals[k] += share * images[i, inside_r, inside_c, k]
                    for k in range(channels):
                        rows[m, (y * size + x) * channels + k] = totals[k]


@kernel
def _cover(centre: float, side: float, weights: Any, spans: Any) -> None:
    """Find the old pixels, from and up to, that each new one covers along an axis, and by what share of its length."""
    size = weights.shape[0]
    step, edge = side / size, centre + 0.5 - side / 2  # the first old pixel lies between 0 and 1
    for new in range(size):
        start, stop = edge + new * step, edge + (new + 1) * step
        first, last = int(np.floor(start)), int(np.ceil(stop))
        spans[new, 0], spans[new, 1] = first, last
        for old in range(first, last):
            weights[new, old - first] = (min(stop, old + 1.0) - max(start, np.float64(old))) / step
