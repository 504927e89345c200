"""Patches on a regular grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.parameters import Bounds
from featbench.types import ImageArray
from featbench.words.parts import Sampling
from featbench.words.places import PatchGrid, Places

__all__ = ["Dense"]

Side = Annotated[int, Bounds(ge=1)]


@dataclass(kw_only=True, eq=False, repr=False)
class Dense(Sampling):
    """Patches at every so many pixels, of one size or several.

    Parameters
    ----------
    stride : int, default=1
        Pixels from one patch to the next.
    sizes : int or list of int, default=6
        Sides of the patches, in pixels.

    Notes
    -----
    All patches lie inside the image; what the steps leave over is left out evenly on both sides. They are ordered
    size, row, column.
    """

    stride: Annotated[int, Bounds(ge=1)] = 1
    sizes: Side | list[Side] = 6

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse images smaller than the largest patch."""
        height, width = shape[:2]
        least = max(self._sides())
        if min(height, width) < least:
            constraint = f"at least {least} × {least} pixels, the size of a patch"
            remedy = "Enlarge the images, or take smaller patches."
            got = Shown(f"{height} × {width}")
            raise InputError(must_be("Dense", "images", constraint, got, remedy))

    def places(self, images: ImageArray, random_state: int) -> Places:  # noqa: ARG002 - nothing is drawn
        """Return the same patches for every image."""
        n, height, width = images.shape[:3]
        self.check_shape(images.shape[1:])
        grids = tuple(
            PatchGrid(_firsts(height, size, self.stride), _firsts(width, size, self.stride), size)
            for size in self._sides()
        )
        positions = np.concatenate([_centres(grid) for grid in grids])
        sides = np.concatenate(
            [np.full(len(grid.tops) * len(grid.lefts), grid.size, np.float32) for grid in grids]
        )
        return Places(
            positions=np.tile(positions, (n, 1)),
            sizes=np.tile(sides, n),
            angles=np.zeros(n * len(sides), dtype=np.float32),
            offsets=np.arange(n + 1, dtype=np.int64) * len(sides),
            grids=grids,
        )

    def _sides(self) -> list[int]:
        sides = [int(size) for size in np.ravel(self.sizes)]
        if not sides:
            raise InputError(must_be("Dense", "sizes", "one number or more", self.sizes))
        return sides


def _firsts(extent: int, size: int, stride: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    room = extent - size
    return np.arange(room % stride // 2, room + 1, stride, dtype=np.int64)


def _centres(grid: PatchGrid) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    half = (grid.size - 1) / 2
    rows, cols = np.meshgrid(grid.tops + half, grid.lefts + half, indexing="ij")
    return np.stack([rows.ravel(), cols.ravel()], axis=1).astype(np.float32)
