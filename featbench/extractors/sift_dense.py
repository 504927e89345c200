"""SIFT descriptors at every point of a grid, all upright: OpenCV's numbers, without its loop over keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from featbench.extractors.sift_gradients import gradients
from featbench.extractors.sift_sums import DIMENSIONS, GROUP, describe_points
from featbench.extractors.sift_windows import windows
from featbench.types import FeatureMatrix, ImageArray, Indices

__all__ = ["GridDescriber"]

_LINE = 64  # bytes
# Rows of points that are summed at a time, and images: within a cache.
_LEAST_BAND, _BAND_BYTES, _BATCH_PIXELS = 8, 1 << 20, 1 << 15


class GridDescriber:
    """Describes points on a grid, in images of one size; for one thread, whose memory it holds.

    Parameters
    ----------
    height, width : int
        Of the images, in pixels, at least three.
    rows, cols : ndarray of int64
        Where points are, in pixels, in ascending order.
    sizes : sequence of float
        Diameters of points, in pixels.
    """

    def __init__(self, height: int, width: int, rows: Indices, cols: Indices, sizes: Sequence[float]) -> None:
        # What follows works on bare memory.
        assert min(height, width) >= 3
        for places, extent in ((rows, height), (cols, width)):
            assert 0 <= places[0] <= places[-1] < extent
            assert (np.diff(places) > 0).all()
        self._image, self._rows, self._cols = (height, width), rows, cols
        self._windows = windows(tuple(sizes))
        margin, padded = self._windows.margin, -(-width // 4) * 4
        length = (padded + 2 * margin) * GROUP
        band = min(len(rows), max(_LEAST_BAND, _BAND_BYTES // (4 * len(sizes) * length)))
        self._strip = _aligned(
            (max(rows[band - 1 :] - rows[: len(rows) - band + 1]) + 2 * margin + 1) * GROUP
        )
        self._sums = _aligned(len(sizes) * band * length).reshape(len(sizes), band, length)

    def describe(self, images: ImageArray, values: FeatureMatrix) -> None:
        """Fill in the descriptors of some images.

        Parameters
        ----------
        images : ndarray of uint8, (n, height, width)
            C-contiguous.
        values : ndarray of float32, (n, sizes, rows, cols, 128)
            Written: whole numbers from 0 to 255, ordered part row, part column, orientation.
        """
        window, few = self._windows, max(1, _BATCH_PIXELS // (self._image[0] * self._image[1]))
        assert images.shape[1:] == self._image
        assert values.shape == (len(images), len(self._sums), len(self._rows), len(self._cols), DIMENSIONS)
        assert values.dtype == np.float32
        assert values.flags.c_contiguous
        for first in range(0, len(images), few):
            magnitudes, angles = gradients(images[first : first + few])
            points = (self._rows, self._cols, window.starts, window.counts, window.weights, window.margin)
            describe_points(magnitudes, angles, *points, self._strip, self._sums, values[first : first + few])


def _aligned(n: int) -> NDArray[np.float32]:
    """Return zeros that begin with a line of the cache; sixteen numbers at a time then never lie across two."""
    spare = np.zeros(n + _LINE // 4, dtype=np.float32)
    first = -spare.ctypes.data % _LINE // 4
    return spare[first : first + n]
