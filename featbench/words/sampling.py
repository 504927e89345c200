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

__all__ = ["Dense", "Side", "check_room", "sides_of"]

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
        check_room("Dense", shape, max(sides_of("Dense", self.sizes)))

    def places(self, images: ImageArray, random_state: int) -> Places:  # noqa: ARG002 - nothing is drawn
        """Return the same patches for every image."""
        n, height, width = images.shape[:3]
        self.check_shape(images.shape[1:])
        grids = tuple(
            PatchGrid(_firsts(height, size, self.stride), _firsts(width, size, self.stride), size)
            for size in sides_of("Dense", self.sizes)
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


def sides_of(where: str, sizes: int | list[int]) -> list[int]:
    """Return one size or several as a list; raise `InputError` where there is none."""
    sides = [int(size) for size in np.ravel(sizes)]
    if not sides:
        raise InputError(must_be(where, "sizes", "one number or more", sizes))
    return sides


def check_room(where: str, shape: tuple[int, ...], least: int) -> None:
    """Raise `InputError` where images of `shape` are smaller than a patch of so many pixels a side."""
    height, width = shape[:2]
    if min(height, width) < least:
        constraint = f"at least {least} × {least} pixels, the size of a patch"
        remedy = "Enlarge the images, or take smaller patches."
        raise InputError(must_be(where, "images", constraint, Shown(f"{height} × {width}"), remedy))


def _firsts(extent: int, size: int, stride: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    room = extent - size
    return np.arange(room % stride // 2, room + 1, stride, dtype=np.int64)


def _centres(grid: PatchGrid) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    half = (grid.size - 1) / 2
    rows, cols = np.meshgrid(grid.tops + half, grid.lefts + half, indexing="ij")
    return np.stack([rows.ravel(), cols.ravel()], axis=1).astype(np.float32)
