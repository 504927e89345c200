"""Dalal and Triggs' descriptor on the square roots of grey levels, as scikit-image's `transform_sqrt`.

Roots are no integers, so that `hog_dalal`'s tables do not serve. The stages are the same; orientations come
from NumPy's own ``arctan2``, the function that scikit-image calls, whose last bits decide about gradients
that lie on the edge of a bin.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from featbench.extractors.hog_blocks import normalize_blocks
from featbench.numerics.threads import kernel, spread
from featbench.types import FeatureMatrix, ImageArray

__all__ = ["roots_hog"]

_BATCH_PIXELS = 1 << 15  # whose gradients are held at a time, 24 bytes a pixel: within a cache
_PIXELS_PER_THREAD = 1 << 16  # about two milliseconds, the price of starting a thread several times over
_DOUBT = 1e-12  # squares of lengths that are nearer than this, relatively, are compared as lengths


def roots_hog(
    images: ImageArray, orientations: int, cell: int, block: int, block_norm: str, signed: bool
) -> FeatureMatrix:
    """Compute blocks of normalised orientation histograms of the roots of grey levels.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        C-contiguous, at least ``block * cell`` pixels high and wide.
    orientations, cell, block : int
        Bins over 180°, or 360° where signed; pixels a cell side; cells a block side.
    block_norm : str
        One of `BLOCK_NORMS`.
    signed : bool
        Whether opposite directions are told apart.

    Returns
    -------
    ndarray of float32, (n, n_block_rows * n_block_cols * block * block * orientations)
    """
    n, height, width = images.shape[:3]
    rows, cols = height // cell, width // cell
    length = (rows - block + 1) * (cols - block + 1) * block * block * orientations
    features = np.empty((n, length), dtype=np.float32)
    pixels = images.reshape(n, height, width, 3 if images.ndim == 4 else 1)
    pixels.flags.writeable = False  # of this view; numba would compile once more for read-only images
    roots, turn = np.sqrt(np.arange(256.0)), 360.0 if signed else 180.0
    edges = (turn / orientations * np.arange(orientations + 1)).astype(np.float32).astype(np.float64)
    batch = max(1, _BATCH_PIXELS // (height * width))

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, batch):
            last = min(first + batch, stop)
            g_row, g_col = np.zeros((2, last - first, height, width))
            _gradients(pixels[first:last], roots, g_row, g_col)
            degrees = np.arctan2(g_row, g_col) * (180 / np.pi)
            cells = np.zeros((last - first, rows, cols, orientations), dtype=np.float32)
            _vote(g_row, g_col, degrees, turn, edges, cell, cells)
            normalize_blocks(cells, block, block_norm, features[first:last])

    spread(work, n, least=max(1, _PIXELS_PER_THREAD // (height * width)))
    return features


@kernel
def _gradients(images: Any, roots: Any, g_row: Any, g_col: Any) -> None:
    """Write each pixel's gradient in the first channel where it is longest."""
    n, height, width, channels = images.shape
    for i in range(n):
        for y in range(height):
            for x in range(width):
                longest = -1.0
                for c in range(channels):
                    down = across = 0.0
                    if 0 < y < height - 1:
                        down = roots[images[i, y + 1, x, c]] - roots[images[i, y - 1, x, c]]
                    if 0 < x < width - 1:
                        across = roots[images[i, y, x + 1, c]] - roots[images[i, y, x - 1, c]]
                    square = down * down + across * across
                    longer = square > longest
                    if c > 0 and abs(square - longest) <= _DOUBT * longest:
                        longer = math.hypot(down, across) > math.hypot(g_row[i, y, x], g_col[i, y, x])
                    if longer:
                        longest, g_row[i, y, x], g_col[i, y, x] = square, down, across


@kernel
def _vote(g_row: Any, g_col: Any, degrees: Any, turn: float, edges: Any, cell: int, cells: Any) -> None:
    """Write the mean vote of each cell's pixels for each bin."""
    n, rows, cols, orientations = cells.shape
    votes = np.empty((rows, cols, orientations), np.float64)
    per_degree = orientations / turn
    for i in range(n):
        votes[:] = 0
        for y in range(rows * cell):
            for x in range(cols * cell):
                angle = degrees[i, y, x]
                angle = angle + turn if angle < 0 else (angle - turn if angle >= turn else angle)
                # The division is a guess; the edges, which scikit-image rounds to float32, decide.
                k = min(int(angle * per_degree), orientations - 1)
                if angle < edges[k]:
                    k -= 1
                elif k + 1 < orientations and angle >= edges[k + 1]:
                    k += 1
                votes[y // cell, x // cell, k] += math.sqrt(g_row[i, y, x] ** 2 + g_col[i, y, x] ** 2)
        for r in range(rows):
            for c in range(cols):
                for k in range(orientations):
                    cells[i, r, c, k] = votes[r, c, k] / (cell * cell)
