"""Local descriptors averaged over the cells of a grid: a row of features of one length for every image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from featbench.numerics.threads import kernel
from featbench.types import FeatureMatrix, Indices

__all__ = ["cells_of", "pool"]


def cells_of(positions: FeatureMatrix, edges: Sequence[Indices]) -> Indices:
    """Return the number of the cell, row by row, that holds the pixel in which each point lies.

    Parameters
    ----------
    positions : ndarray of float32, (m, 2)
        Row and column in pixels; (0, 0) is the centre of the first pixel.
    edges : two ndarrays of int64, (grid + 1,)
        Where cells begin and end, along rows and columns, as from `cell_edges`.

    Returns
    -------
    ndarray of int64, (m,)
        A point outside belongs to the nearest cell.
    """
    row, col = (
        np.clip(np.searchsorted(edge, np.rint(places), side="right") - 1, 0, len(edge) - 2)
        for edge, places in zip(edges, positions.T, strict=True)
    )
    cells: Indices = row * (len(edges[1]) - 1) + col
    return cells


def pool(values: FeatureMatrix, cells: Indices, features: FeatureMatrix) -> None:
    """Average descriptors by cell, and scale each image's row to length 1.

    Parameters
    ----------
    values : ndarray of float32, (n, m, D)
        As many descriptors for each image.
    cells : ndarray of int64, (m,)
        Which cell a descriptor belongs to, the same for all images.
    features : ndarray of float32, (n, cells, D)
        Written; zeros where a cell has no descriptors, or an image none but zeros.
    """
    _pool(values, cells, features)


@kernel
def _pool(values: Any, cells: Any, features: Any) -> None:
    n, n_cells, size = features.shape
    counts = np.zeros(n_cells, np.float32)
    for cell in cells:
        counts[cell] += 1
    for i in range(n):
        image = features[i]
        image[:] = 0
        for j in range(len(cells)):
            total, value = image[cells[j]], values[i, j]
            for k in range(size):
                total[k] += value[k]
        squares = 0.0
        for cell in range(n_cells):
            for k in range(size):
                image[cell, k] /= max(counts[cell], np.float32(1))
                squares += np.float64(image[cell, k]) ** 2
        if squares > 0:
            image *= np.float32(1 / np.sqrt(squares))
