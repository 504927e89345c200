"""Histograms of oriented gradients as Dalal and Triggs meant them and scikit-image computes them.

Four stages, and the kernels follow the numbers:

1. Gradients: central differences in each channel, zero at the image's border; a pixel keeps those of the
   channel where they are largest.
2. Votes: a pixel votes with its magnitude for the bin that its orientation falls into.
3. Cells: the mean vote over `cell` × `cell` pixels.
4. Blocks: every `block` × `block` cells together, one cell apart, brought to a common norm.

Gradients of 8-bit images are integers in −255 … 255, so stage 2 looks orientations up in a table that was
filled in float64, and sums magnitudes as integers in units of 2⁻²¹ grey levels: the sums are exact and do
not depend on their order. Stage 1 compares squared magnitudes, which is exact as well. scikit-image compares
lengths that the C library's ``hypot`` rounded, and of two channels with the same square may prefer the
second for a last bit; the few gradients that this concerns are marked in the table and settled as it does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featbench.extractors.hog_blocks import normalize_blocks
from featbench.numerics.threads import kernel, spread
from featbench.types import FeatureMatrix, Float64Array, ImageArray

__all__ = ["dalal_hog", "orientation_table"]

_UNITS = 2.0**21  # magnitude units per grey level: the largest, 360.6, still fits 31 bits
_REACH = 255  # the largest gradient
_TABLE_ROW = 512  # a power of two above 2 · 255, so that an index is a shift and an addition
_CONTESTED = 255  # in place of a bin: hypot rounds gradients of this square apart
_BATCH = 64  # images whose cells are held before they are normalised: few enough to stay in a cache
_PIXELS_PER_THREAD = 1 << 17  # about half a millisecond, the price of starting a thread several times over


def dalal_hog(
    images: ImageArray, orientations: int, cell: int, block: int, block_norm: str, signed: bool
) -> FeatureMatrix:
    """Compute blocks of normalised orientation histograms.

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
    bins, lengths = orientation_table(orientations, signed), _lengths()
    table = _marked_table(orientations, signed) if images.ndim == 4 else bins
    channels = 3 if images.ndim == 4 else 1
    pixels = images.reshape(n, height * width * channels)
    pixels.flags.writeable = False  # of this view; numba would compile once more for read-only images

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, _BATCH):
            last = min(first + _BATCH, stop)
            cells = np.empty((last - first, rows, cols, orientations), dtype=np.float32)
            _cells(pixels[first:last], (height, width, channels), table, bins, lengths, cell, cells)
            normalize_blocks(cells, block, block_norm, features[first:last])

    spread(work, n, least=max(1, _PIXELS_PER_THREAD // (height * width)))
    return features


@lru_cache(maxsize=8)
def orientation_table(orientations: int, signed: bool = False) -> NDArray[np.uint8]:
    """Return the bin of every gradient, at index ``(g_row + 255) * 512 + g_col + 255``.

    The arithmetic is scikit-image's to the last bit, the rounding of the bins' edges to float32 included;
    an orientation on an edge belongs to the bin above it.
    """
    gradient = np.arange(-_REACH, _TABLE_ROW - _REACH, dtype=np.float64)
    turn = 360 if signed else 180
    degrees = np.arctan2(gradient[:-1, None], gradient[None, :]) * (180 / np.pi) % turn
    edges = (float(turn) / orientations * np.arange(1, orientations)).astype(np.float32)
    table = np.searchsorted(edges.astype(np.float64), degrees, side="right")
    return table.astype(np.uint8).ravel()


@lru_cache(maxsize=8)
def _marked_table(orientations: int, signed: bool) -> NDArray[np.uint8]:
    """Return the orientation table with `_CONTESTED` for every gradient that `hypot` may mistake."""
    side = np.arange(_REACH + 1)
    squares = side[:, None] ** 2 + side[None, :] ** 2
    least, most = np.full(squares.max() + 1, np.inf), np.zeros(squares.max() + 1)
    np.minimum.at(least, squares, _lengths())
    np.maximum.at(most, squares, _lengths())
    contested = (least < most)[squares]
    # The last column only fills the row up; no gradient gets there.
    gradient = np.minimum(np.abs(np.arange(-_REACH, _TABLE_ROW - _REACH)), _REACH)
    marks = contested[gradient[:-1, None], gradient[None, :]].ravel()
    return np.where(marks, np.uint8(_CONTESTED), orientation_table(orientations, signed))


@lru_cache(maxsize=1)
def _lengths() -> Float64Array:
    """Return the lengths of all gradients with components 0 … 255, rounded as `hypot` does."""
    side = np.arange(_REACH + 1, dtype=np.float64)
    lengths: Float64Array = np.hypot(side[:, None], side[None, :])
    return lengths


@kernel
def _cells(
    pixels: Any, shape: tuple[int, int, int], table: Any, bins: Any, lengths: Any, cell: int, cells: Any
) -> None:
    """Fill the histograms ``(n, rows, cols, orientations)`` of images ``(n, h * w * channels)``."""
    _, width, channels = shape
    n, rows, cols, orientations = cells.shape
    # One strip, a row of cells, at a time: short enough for the nearest cache, long enough for wide loops.
    g_row = np.empty(cell * width * channels, np.int16)
    g_col = np.empty(cell * width * channels, np.int16)
    code = np.empty((cell, width), np.uint32)
    magnitude = np.empty((cell, width), np.int32)
    votes = np.empty((cols, orientations), np.int64)
    unit = 1.0 / (_UNITS * cell * cell)
    for i in range(n):
        for r in range(rows):
            _gradients(pixels[i], shape, r * cell, (r + 1) * cell, g_row, g_col)
            _dominant(channels, g_row, g_col, code.reshape(-1), magnitude.reshape(-1))
            _vote(table, bins, lengths, g_row, g_col, cell, code, magnitude, votes)
            for c in range(cols):
                for k in range(orientations):
                    cells[i, r, c, k] = votes[c, k] * unit


@kernel
def _gradients(
    image: Any, shape: tuple[int, int, int], top: int, bottom: int, g_row: Any, g_col: Any
) -> None:
    """Stage 1 for image rows `top` to `bottom`, each channel by itself."""
    height, width, channels = shape
    line = width * channels
    # The rows that have a neighbour above and below; the others keep their zeros.
    first, last = max(top, 1), min(bottom, height - 1)
    g_row[:] = 0
    above, below = image[(first - 1) * line :], image[(first + 1) * line :]
    inner = g_row[(first - top) * line :]
    for j in range((last - first) * line):
        inner[j] = np.int16(below[j]) - np.int16(above[j])
    # All columns in one sweep, though at a line's ends that mixes two lines: those are cleared after.
    strip, centre = image[top * line : bottom * line], g_col[channels:]
    left, right = strip, strip[2 * channels :]
    for j in range(strip.shape[0] - 2 * channels):
        centre[j] = np.int16(right[j]) - np.int16(left[j])
    for start in range(0, strip.shape[0], line):
        g_col[start : start + channels] = 0
        g_col[start + line - channels : start + line] = 0


@kernel
def _dominant(channels: int, g_row: Any, g_col: Any, code: Any, magnitude: Any) -> None:
    """Stage 1, continued: each pixel's table index and magnitude, from the first channel of largest square."""
    if channels == 1:
        for x in range(code.shape[0]):
            a, b = np.int32(g_row[x]), np.int32(g_col[x])
            code[x] = (a + _REACH) * _TABLE_ROW + (b + _REACH)
            magnitude[x] = np.int32(np.sqrt(np.float32(a * a + b * b)) * np.float32(_UNITS))
        return
    for x in range(code.shape[0]):
        j = 3 * x
        a, b = np.int32(g_row[j]), np.int32(g_col[j])
        a1, b1 = np.int32(g_row[j + 1]), np.int32(g_col[j + 1])
        a2, b2 = np.int32(g_row[j + 2]), np.int32(g_col[j + 2])
        best, second, third = a * a + b * b, a1 * a1 + b1 * b1, a2 * a2 + b2 * b2
        if second > best:
            best, a, b = second, a1, b1
        if third > best:
            best, a, b = third, a2, b2
        code[x] = (a + _REACH) * _TABLE_ROW + (b + _REACH)
        magnitude[x] = np.int32(np.sqrt(np.float32(best)) * np.float32(_UNITS))


@kernel
def _vote(
    table: Any,
    bins: Any,
    lengths: Any,
    g_row: Any,
    g_col: Any,
    cell: int,
    code: Any,
    magnitude: Any,
    votes: Any,
) -> None:
    """Stage 2 for one strip; neighbouring cells take turns, as their sums need not wait for each other."""
    votes[:] = 0
    for y in range(cell):
        for step in range(cell):
            for c in range(votes.shape[0]):
                x = c * cell + step
                k = table[code[y, x]]
                if k == _CONTESTED:
                    at = 3 * (y * code.shape[1] + x)
                    k = _settle(bins, lengths, g_row[at : at + 3], g_col[at : at + 3])
                votes[c, k] += magnitude[y, x]


@kernel
def _settle(bins: Any, lengths: Any, g_row: Any, g_col: Any) -> Any:
    """Return the bin of the first of three channels with the largest rounded length."""
    best = 0
    for i in range(1, 3):
        if lengths[abs(g_row[i]), abs(g_col[i])] > lengths[abs(g_row[best]), abs(g_col[best])]:
            best = i
    return bins[(g_row[best] + _REACH) * _TABLE_ROW + (g_col[best] + _REACH)]
