"""Histograms of oriented gradients as Dalal and Triggs meant them and scikit-image computes them.

Four stages, and the kernels follow the numbers:

1. Gradients: central differences in each channel, zero at the image's border; a pixel keeps those of the
   channel where they are largest.
2. Votes: a pixel votes with its magnitude for the bin that its orientation falls into.
3. Cells: the mean vote over `cell` × `cell` pixels.
4. Blocks: every `block` × `block` cells together, one cell apart, brought to a common norm.

Gradients of 8-bit images are integers in −255 … 255, so stage 2 looks orientations up in a table that was
filled in float64, and sums magnitudes as integers in units of 2⁻²¹ grey levels: the sums are exact and do
not depend on their order. Stage 1 compares squared magnitudes, as far as 16 bits hold them. scikit-image
compares lengths that the C library's ``hypot`` rounded, and of two channels with the same square may prefer
the second for a last bit. Where either matters, the channel is settled as scikit-image does it.
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
_MOST = 65535  # the largest square that 16 bits hold
_BAND = 1024  # pixels whose gradients are held: 20 bytes each, within the nearest cache
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
    table, lengths, least = orientation_table(orientations, signed), _lengths(), _least_doubtful()
    channels = 3 if images.ndim == 4 else 1
    pixels = images.reshape(n, height * width * channels)
    pixels.flags.writeable = False  # of this view; numba would compile once more for read-only images

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, _BATCH):
            last = min(first + _BATCH, stop)
            cells = np.empty((last - first, rows, cols, orientations), dtype=np.float32)
            _cells(pixels[first:last], (height, width, channels), table, lengths, least, cell, cells)
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


@lru_cache(maxsize=1)
def _lengths() -> Float64Array:
    """Return the lengths of all gradients with components 0 … 255, rounded as `hypot` does."""
    side = np.arange(_REACH + 1, dtype=np.float64)
    lengths: Float64Array = np.hypot(side[:, None], side[None, :])
    return lengths


@lru_cache(maxsize=1)
def _least_doubtful() -> np.uint16:
    """Return the smallest square of a length that `hypot` rounds differently for different gradients."""
    side = np.arange(_REACH + 1)
    squares = side[:, None] ** 2 + side[None, :] ** 2
    least, most = np.full(squares.max() + 1, np.inf), np.zeros(squares.max() + 1)
    np.minimum.at(least, squares, _lengths())
    np.maximum.at(most, squares, _lengths())
    rounded_apart = np.flatnonzero(least < most)
    return np.uint16(min([*rounded_apart, _MOST]))


@kernel
def _cells(
    pixels: Any, shape: tuple[int, int, int], table: Any, lengths: Any, least: Any, cell: int, cells: Any
) -> None:
    """Fill the histograms ``(n, rows, cols, orientations)`` of images ``(n, h * w * channels)``."""
    _, width, channels = shape
    n, rows, _, orientations = cells.shape
    # A band, some rows of cells, at a time: small enough for the nearest cache, long enough for wide loops.
    band = max(1, min(rows, _BAND // (cell * width)))
    size = band * cell * width
    planes = np.empty((channels, size + 2 * width + 2), np.uint8)
    gradients = np.empty((channels, 2, size), np.int16)
    doubt = np.zeros((size + 7) // 8 * 8, np.uint8)
    code = np.empty(size, np.uint32)
    magnitude = np.empty(size, np.int32)
    parts = np.empty((4, orientations), np.int64)
    for i in range(n):
        for r in range(0, rows, band):
            last = min(r + band, rows)
            top, bottom = r * cell, last * cell
            _split(pixels[i], shape, top, bottom, planes)
            _gradients(planes, shape, top, bottom, gradients)
            if channels == 3:
                _dominant(gradients, (bottom - top) * width, least, doubt)
                _settle(gradients, (bottom - top) * width, doubt, lengths)
            _measure(gradients[0], (bottom - top) * width, code, magnitude)
            _vote(table, cell, width, code, magnitude, parts, cells[i, r:last])


@kernel
def _split(image: Any, shape: tuple[int, int, int], top: int, bottom: int, planes: Any) -> None:
    """Write rows `top` to `bottom` and their neighbours, a channel each; a missing neighbour's row is left out."""
    height, width, channels = shape
    first, last = max(top - 1, 0), min(bottom + 1, height)
    source = image[first * width * channels : last * width * channels]
    skip = 1 + (first - (top - 1)) * width  # one before the first pixel, so that it has a left neighbour
    if channels == 1:
        grey = planes[0, skip:]
        for x in range(source.shape[0]):
            grey[x] = source[x]
        return
    red, green, blue = planes[0, skip:], planes[1, skip:], planes[2, skip:]
    for x in range(source.shape[0] // 3):
        red[x], green[x], blue[x] = source[3 * x], source[3 * x + 1], source[3 * x + 2]


@kernel
def _gradients(planes: Any, shape: tuple[int, int, int], top: int, bottom: int, gradients: Any) -> None:
    """Stage 1 for each channel by itself."""
    height, width, channels = shape
    size = (bottom - top) * width
    for c in range(channels):
        g_row, g_col = gradients[c, 0], gradients[c, 1]
        above, below = planes[c, 1:], planes[c, 2 * width + 1 :]
        left, right = planes[c, width:], planes[c, width + 2 :]
        for x in range(size):
            g_row[x] = np.int16(below[x]) - np.int16(above[x])
        # One sweep over all rows, though at a row's ends that mixes two of them: those are cleared after.
        for x in range(size):
            g_col[x] = np.int16(right[x]) - np.int16(left[x])
        for x in range(0, size, width):
            g_col[x] = g_col[x + width - 1] = 0
        if top == 0:
            g_row[:width] = 0
        if bottom == height:
            g_row[size - width : size] = 0


@kernel
def _dominant(gradients: Any, size: int, least: Any, doubt: Any) -> None:
    """Stage 1, continued: the first channel of largest square takes the place of channel 0.

    Squares are held in 16 bits, for twice the width: those from `_MOST` on are `_MOST`. Where another gradient
    has the same square, and it is at least `least`, the choice is in doubt.
    """
    g_row, g_col = gradients[0, 0], gradients[0, 1]
    g_row1, g_col1 = gradients[1, 0], gradients[1, 1]
    g_row2, g_col2 = gradients[2, 0], gradients[2, 1]
    for x in range(size):
        a, b = g_row[x], g_col[x]
        a1, b1 = g_row1[x], g_col1[x]
        a2, b2 = g_row2[x], g_col2[x]
        best, second, third = _square(a, b), _square(a1, b1), _square(a2, b2)
        if second > best:
            best, a, b = second, a1, b1
        if third > best:
            best, a, b = third, a2, b2
        g_row[x], g_col[x] = a, b
        rival = (second == best) & ((a1 != a) | (b1 != b)) | (third == best) & ((a2 != a) | (b2 != b))
        doubt[x] = np.uint8(rival & (best >= least))


@kernel
def _square(a: Any, b: Any) -> Any:
    """Return a² + b², at most `_MOST`."""
    first = np.uint16(a * a)
    total = np.uint16(first + np.uint16(b * b))
    return total if total >= first else np.uint16(_MOST)


@kernel
def _settle(gradients: Any, size: int, doubt: Any, lengths: Any) -> None:
    """Stage 1, where in doubt: the first gradient of largest rounded length, `_dominant`'s before channels 1 and 2."""
    eights = doubt.view(np.uint64)
    for j in range((size + 7) // 8):
        if eights[j]:
            for x in range(8 * j, min(8 * j + 8, size)):
                if doubt[x]:
                    best = 0
                    for c in range(1, 3):
                        if _length(gradients[c], x, lengths) > _length(gradients[best], x, lengths):
                            best = c
                    gradients[0, 0, x], gradients[0, 1, x] = gradients[best, 0, x], gradients[best, 1, x]


@kernel
def _length(gradient: Any, x: int, lengths: Any) -> Any:
    return lengths[abs(gradient[0, x]), abs(gradient[1, x])]


@kernel
def _measure(gradient: Any, size: int, code: Any, magnitude: Any) -> None:
    """Stage 2, what can be done in wide registers: each pixel's table index and magnitude."""
    g_row, g_col = gradient[0], gradient[1]
    for x in range(size):
        a, b = np.int32(g_row[x]), np.int32(g_col[x])
        code[x] = (a + _REACH) * _TABLE_ROW + (b + _REACH)
        magnitude[x] = np.int32(np.sqrt(np.float32(a * a + b * b)) * np.float32(_UNITS))


@kernel
def _vote(table: Any, cell: int, width: int, code: Any, magnitude: Any, parts: Any, cells: Any) -> None:
    """Stages 2 and 3 for one band.

    Four rows of a cell take turns in histograms of their own: neighbours often vote for the same bin, and a sum
    that was just written is slow to be read again.
    """
    rows, cols, orientations = cells.shape
    fours = cell // 4 * 4
    unit = 1.0 / (_UNITS * cell * cell)
    for r in range(rows):
        for c in range(cols):
            parts[:] = 0
            start = r * cell * width + c * cell
            for y in range(0, fours, 4):
                for x in range(start + y * width, start + y * width + cell):
                    for k in range(4):
                        j = np.uint64(x + k * width)
                        parts[k, table[code[j]]] += magnitude[j]
            for y in range(fours, cell):
                for x in range(start + y * width, start + y * width + cell):
                    j = np.uint64(x)
                    parts[0, table[code[j]]] += magnitude[j]
            for k in range(orientations):
                cells[r, c, k] = (parts[0, k] + parts[1, k] + parts[2, k] + parts[3, k]) * unit
