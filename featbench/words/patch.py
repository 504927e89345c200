"""A patch's own pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from featbench.errors import InputError, must_be
from featbench.numerics.threads import kernel
from featbench.parameters import Bounds
from featbench.types import FeatureMatrix, ImageArray
from featbench.words.cutting import cut
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
        takes the least size of the sampling's patches.

    Notes
    -----
    Rows are in the order row, column, channel; values are whole, 0 to 255. A patch of another size, turned, or not at
    whole pixels is resized as `featbench.words.cutting.cut` tells: reduced by exact means of areas, enlarged
    bilinearly; turned ones are upright afterwards, and beyond the border of an image its nearest pixel goes on.
    """

    needs_size: ClassVar[bool] = True

    size: Annotated[int, Bounds(ge=1)] | None = None

    def length(self, channels: int) -> int:
        """Return size · size · channels."""
        return self._side() ** 2 * channels

    def describe(self, images: ImageArray, places: Places) -> FeatureMatrix:
        """Return the pixels of patches."""
        size, n = self._side(), len(images)
        channels = images.shape[3] if images.ndim == 4 else 1
        rows = np.empty((len(places.positions), self.length(channels)), dtype=np.float32)
        if places.grids is None or any(grid.size != size for grid in places.grids):
            rows[:] = cut(images, places, size).reshape(rows.shape)
            return rows
        pixels = np.ascontiguousarray(images).reshape(*images.shape[:3], channels)
        pixels.flags.writeable = False  # of this view; numba would compile once more for read-only images
        start, by_image = 0, rows.reshape(n, len(rows) // max(n, 1), rows.shape[1])
        for grid in places.grids:
            _gather(pixels, grid.tops, grid.lefts, size, start, by_image)
            start += len(grid.tops) * len(grid.lefts)
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
