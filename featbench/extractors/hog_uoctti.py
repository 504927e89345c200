"""Histograms of oriented gradients as Felzenszwalb, Girshick, McAllester and Ramanan compute them.

Four stages, and the kernels follow the numbers:

1. Gradients: central differences, in the channel where they are largest; zero at the image's border.
2. Votes: a pixel votes with its magnitude for the nearest of `2 · orientations` directions, and shares the
   vote among the four nearest cells, bilinearly.
3. Energies: the squared length of each cell's histogram once opposite directions are added up.
4. Features: each cell divided by the length of each of the four blocks of 2 × 2 cells that it belongs to,
   every value limited to 0.2. The sum of the four halves, direction by direction and orientation by
   orientation; and for each block the sum over directions, which tells about texture.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featbench.numerics.threads import kernel, spread
from featbench.types import FeatureMatrix, ImageArray

__all__ = ["direction_table", "uoctti_hog"]

_REACH = 255  # the largest gradient
_EPSILON = 1e-4  # keeps a block without gradients at zero; the authors' value
_CLIP = 0.2
_TEXTURE = 0.2357  # the authors' weight of the four sums over 18 directions: about 1 / √18
_PIXELS_PER_THREAD = 1 << 16  # about half a millisecond, the price of starting a thread several times over


def uoctti_hog(images: ImageArray, orientations: int, cell: int) -> FeatureMatrix:
    """Compute ``3 * orientations + 4`` numbers a cell.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        C-contiguous, at least `cell` pixels high and wide.
    orientations, cell : int
        Orientations over 180°, half as many as directions over 360°; pixels a cell side.

    Returns
    -------
    ndarray of float32, (n, rows * cols * (3 * orientations + 4))
        Ordered cell row, cell column, then directions, orientations, textures.
    """
    n, height, width = images.shape[:3]
    shape = (n, height // cell, width // cell, 3 * orientations + 4)
    features = np.empty(shape, dtype=np.float32)
    pixels = images.reshape(n, height, width, 3 if images.ndim == 4 else 1)
    pixels.flags.writeable = False  # of this view; numba would compile once more for read-only images
    table = direction_table(orientations)

    def work(start: int, stop: int) -> None:
        _features(pixels[start:stop], table, cell, features[start:stop])

    spread(work, n, least=max(1, _PIXELS_PER_THREAD // (height * width)))
    return features.reshape(n, -1)


@lru_cache(maxsize=8)
def direction_table(orientations: int) -> NDArray[np.uint16]:
    """Return the nearest direction to every gradient, at ``[g_row + 255, g_col + 255]``.

    Direction k is at k · 180° / `orientations`, counted from rising columns towards rising rows. A gradient
    half-way between two goes to the one of the smaller angle.
    """
    gradient = np.arange(-_REACH, _REACH + 1, dtype=np.float64)
    degrees = np.rad2deg(np.arctan2(gradient[:, None], gradient[None, :])) % 360
    # Rounding takes the noise off the gradients that are exactly half-way.
    steps = np.round(degrees * orientations / 180 - 0.5, 9)
    table = np.ceil(steps).astype(np.int64) % (2 * orientations)
    return table.astype(np.uint16)


@kernel
def _features(images: Any, table: Any, cell: int, features: Any) -> None:
    n, rows, cols, size = features.shape
    orientations = (size - 4) // 3
    # A margin of one cell takes the shares of votes that fall beyond the border.
    votes = np.empty((rows + 2, cols + 2, 2 * orientations), np.float64)
    energy = np.empty((rows, cols), np.float64)
    scale = np.empty(4, np.float64)
    for i in range(n):
        _vote(images[i], table, cell, votes)
        histograms = votes[1 : rows + 1, 1 : cols + 1]
        _measure(histograms, orientations, energy)
        for r in range(rows):
            for c in range(cols):
                _scales(energy, r, c, scale)
                _describe(histograms[r, c], scale, orientations, features[i, r, c])


@kernel
def _vote(image: Any, table: Any, cell: int, votes: Any) -> None:
    """Stages 1 and 2 for the pixels of whole cells."""
    height, width, channels = image.shape
    rows, cols = votes.shape[0] - 2, votes.shape[1] - 2
    votes[:] = 0
    for y in range(1, min(rows * cell, height - 1)):
        # A pixel's centre, in cells from the centre of the margin's first cell.
        top, low = divmod(2 * y + 1 + cell, 2 * cell)
        below = low / (2 * cell)
        for x in range(1, min(cols * cell, width - 1)):
            largest, down, across = np.int64(-1), np.int64(0), np.int64(0)
            for k in range(channels):
                a = np.int64(image[y + 1, x, k]) - np.int64(image[y - 1, x, k])
                b = np.int64(image[y, x + 1, k]) - np.int64(image[y, x - 1, k])
                if a * a + b * b > largest:
                    largest, down, across = a * a + b * b, a, b
            left, far = divmod(2 * x + 1 + cell, 2 * cell)
            right = far / (2 * cell)
            direction, magnitude = table[down + _REACH, across + _REACH], math.sqrt(largest)
            votes[top, left, direction] += (1 - below) * (1 - right) * magnitude
            votes[top, left + 1, direction] += (1 - below) * right * magnitude
            votes[top + 1, left, direction] += below * (1 - right) * magnitude
            votes[top + 1, left + 1, direction] += below * right * magnitude


@kernel
def _measure(histograms: Any, orientations: int, energy: Any) -> None:
    """Stage 3."""
    for r in range(energy.shape[0]):
        for c in range(energy.shape[1]):
            total = 0.0
            for k in range(orientations):
                both = histograms[r, c, k] + histograms[r, c, k + orientations]
                total += both * both
            energy[r, c] = total


@kernel
def _scales(energy: Any, r: int, c: int, scale: Any) -> None:
    """Write the inverse lengths of a cell's blocks: right below, right above, left below, left above."""
    rows, cols = energy.shape
    for q in range(4):
        # A cell beyond the border counts as its nearest inside.
        other_r = min(r + 1, rows - 1) if q % 2 == 0 else max(r - 1, 0)
        other_c = min(c + 1, cols - 1) if q < 2 else max(c - 1, 0)
        total = energy[r, c] + energy[r, other_c] + energy[other_r, c] + energy[other_r, other_c]
        scale[q] = 1 / math.sqrt(total + _EPSILON)


@kernel
def _describe(histogram: Any, scale: Any, orientations: int, values: Any) -> None:
    """Stage 4 for one cell."""
    values[3 * orientations :] = 0
    for k in range(2 * orientations):
        total = 0.0
        for q in range(4):
            limited = min(histogram[k] * scale[q], _CLIP)
            total += limited
            values[3 * orientations + q] += np.float32(_TEXTURE * limited)
        values[k] = total / 2
    for k in range(orientations):
        both, total = histogram[k] + histogram[k + orientations], 0.0
        for q in range(4):
            total += min(both * scale[q], _CLIP)
        values[2 * orientations + k] = total / 2
