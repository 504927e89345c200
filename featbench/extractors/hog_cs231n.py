"""Gradient histograms as the first assignment of Stanford's CS231n computes them.

Grey values are kept as integers, thousandths of a grey level, so that gradients and their signs are exact
where the course's floats leave rounding noise. One consequence of the course's arithmetic is kept with care:
it adds 1e-15 to every horizontal difference before the arc tangent, which decides whether an exactly
vertical gradient is counted; `_vertical_limits` finds out up to which strength.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from featbench.numerics.threads import kernel, spread
from featbench.types import FeatureMatrix, Float64Array, ImageArray

__all__ = ["cs231n_hog", "fill_cs231n_hog"]

_PIXELS_PER_THREAD = 1 << 16  # about half a millisecond, the price of starting a thread several times over
# The course's luma, in thousandths; the blue weight should be 114, but 144 is what its students get.
_RED, _GREEN, _BLUE = 299, 587, 144
_GREATEST = (_RED + _GREEN + _BLUE) * 255


def cs231n_hog(images: ImageArray, orientations: int, cell: int) -> FeatureMatrix:
    """Compute the mean gradient magnitude of each orientation in each cell.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        C-contiguous, at least `cell` pixels high and wide.
    orientations, cell : int
        Bins over the right half circle, pixels a cell side.

    Returns
    -------
    ndarray of float32, (n, cols * rows * orientations)
        Cells column by column, as the course's transposition leaves them.
    """
    n, height, width = images.shape[:3]
    features = np.empty((n, (width // cell) * (height // cell) * orientations), dtype=np.float32)

    def work(start: int, stop: int) -> None:
        fill_cs231n_hog(images[start:stop], orientations, cell, features[start:stop])

    spread(work, n, least=max(1, _PIXELS_PER_THREAD // (height * width)))
    return features


def fill_cs231n_hog(images: ImageArray, orientations: int, cell: int, features: FeatureMatrix) -> None:
    """Do the same for one thread among several, writing to `features`."""
    n, height, width = images.shape[:3]
    pixels = images.reshape(n, height, width, 3 if images.ndim == 4 else 1)
    pixels.flags.writeable = False  # of this view; numba would compile once more for read-only images
    (up, down), shape = _vertical_limits(), (n, width // cell, height // cell, orientations)
    _cells(pixels, _slopes(orientations), up, down, cell, features.reshape(shape))


def _slopes(orientations: int) -> Float64Array:
    """Return the tangents of the inner edges of the bins, −90° to 90°, rising.

    By Niven's theorem the only rational tangents of such angles are −1, 0 and 1, so that once these
    are exact, no gradient of integers can be mistaken about its side of an edge.
    """
    tangents: Float64Array = np.tan(np.deg2rad(180.0 / orientations * np.arange(1, orientations) - 90.0))
    nearest = np.round(tangents)
    exact: Float64Array = np.where(np.abs(tangents - nearest) < 1e-9, nearest, tangents)
    return exact


@lru_cache(maxsize=1)
def _vertical_limits() -> tuple[int, int]:
    """Return the strongest vertical gradients, to larger and smaller values, that the course counts.

    In thousandths. Its angle of a stronger one rounds to exactly 180° or 0°, which belong to no bin.
    """
    strength = np.arange(1, _GREATEST + 1) / 1000.0
    falling = np.arctan2(strength, 1e-15) * (180 / np.pi) + 90
    rising = np.arctan2(-strength, 1e-15) * (180 / np.pi) + 90
    return int(np.count_nonzero(falling < 180)), int(np.count_nonzero(rising > 0))


@kernel
def _cells(images: Any, slopes: Any, up: int, down: int, cell: int, features: Any) -> None:
    """Fill ``features[image, column, row, orientation]`` for some images ``(n, h, w, channels)``."""
    n, height, width, channels = images.shape
    _, cols, rows, orientations = features.shape
    # Whole thousandths, and sums of two squares, are exact in float64, which wide registers take.
    luma = np.empty((height + 1, width + 1), np.float64)
    # Not rows of one array, which LLVM cannot tell apart: its loops would go by single values.
    right, below = np.empty(width, np.float64), np.empty(width, np.float64)
    strength, bins = np.empty(width, np.float64), np.empty(width, np.int64)
    total = np.empty((cols, rows, orientations), np.float64)
    unit = 1.0 / (1000.0 * cell * cell)
    for i in range(n):
        for y in range(height):
            for x in range(width):
                if channels == 3:
                    red, green, blue = images[i, y, x, 0], images[i, y, x, 1], images[i, y, x, 2]
                    luma[y, x] = _RED * red + _GREEN * green + _BLUE * blue
                else:
                    luma[y, x] = 1000 * images[i, y, x, 0]
        # Forward differences; the last row and column have zero.
        luma[:, width] = luma[:, width - 1]
        luma[height] = luma[height - 1]
        total[:] = 0
        for y in range(rows * cell):
            here, under, r = luma[y], luma[y + 1], y // cell
            for x in range(width):
                right[x], below[x] = here[x + 1] - here[x], under[x] - here[x]
            _vote(right, below, slopes, float(up), float(down), strength, bins)
            for c in range(cols):
                for x in range(c * cell, (c + 1) * cell):
                    total[c, r, bins[x]] += strength[x]
        for c in range(cols):
            for r in range(rows):
                for k in range(orientations):
                    features[i, c, r, k] = total[c, r, k] * unit


@kernel
def _vote(right: Any, below: Any, slopes: Any, up: float, down: float, strength: Any, bins: Any) -> None:
    """Find the strength of each gradient of a line, 0 where the course drops it, and its bin."""
    for x in range(len(right)):
        square = right[x] * right[x] + below[x] * below[x]
        upright = (right[x] == 0.0) & (below[x] <= up) & (below[x] >= -down)
        strength[x] = np.sqrt(square) if (right[x] > 0.0) | upright else 0.0
        bins[x] = 0
    for slope in slopes:
        for x in range(len(right)):
            bins[x] += below[x] >= right[x] * slope
