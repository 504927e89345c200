"""An image cut into a grid of cells, for features that are to know roughly where they are."""

from __future__ import annotations

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.types import Indices

__all__ = ["cell_edges", "centred_points", "check_grid"]


def cell_edges(extent: int, grid: int) -> Indices:
    """Return where the cells along one axis begin and end, ``(grid + 1,)`` in pixels.

    Cell i covers ``edges[i]`` to ``edges[i + 1] - 1``: every pixel lies in one cell, and sizes differ by
    one pixel at the most.
    """
    edges: Indices = np.arange(grid + 1) * extent // grid
    return edges


def centred_points(extent: int, step: int) -> Indices:
    """Return every so many pixels of a line, with as much left over before as after."""
    points: Indices = np.arange((extent - 1) % step // 2, extent, step)
    return points


def check_grid(where: str, shape: tuple[int, ...], grid: int) -> None:
    """Refuse images with fewer rows or columns than the grid has.

    Parameters
    ----------
    where : str
        The extractor that asks.
    shape : tuple of int
        Image shape, height and width first.
    grid : int
        Cells a side.

    Raises
    ------
    InputError
        With the smallest legal size.
    """
    height, width = shape[:2]
    if min(height, width) < grid:
        constraint = f"at least {grid} × {grid} pixels for grid={grid}"
        remedy = "Enlarge the images, or take fewer cells."
        raise InputError(must_be(where, "images", constraint, Shown(f"{height} × {width}"), remedy))
