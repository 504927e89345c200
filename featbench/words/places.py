"""Where patches lie in images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featbench.types import FeatureMatrix, Indices

__all__ = ["Places"]


@dataclass(frozen=True, eq=False)
class Places:
    """The patches of several images, one image's after another's.

    Attributes
    ----------
    positions : ndarray of float32, (m, 2)
        Centre of a patch, row and column in pixels; (0, 0) is the centre of the first pixel, so that a patch
        of 6 × 6 pixels whose first is (0, 0) has its centre at (2.5, 2.5).
    sizes : ndarray of float32, (m,)
        Side of a patch, in pixels.
    angles : ndarray of float32, (m,)
        How far a patch is turned, in degrees clockwise as OpenCV counts them; 0 where it is upright.
    offsets : ndarray of int64, (n_images + 1,)
        Image i has the patches ``offsets[i]`` to ``offsets[i + 1] - 1``; there may be none.
    grids : tuple of Grid or None
        Where all images have the same patches, upright and at whole pixels, in rows and columns: one grid a
        size, in the order of the patches, so that a descriptor may work on whole grids.
    """

    positions: FeatureMatrix
    sizes: FeatureMatrix
    angles: FeatureMatrix
    offsets: Indices
    grids: tuple[PatchGrid, ...] | None = None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.offsets) - 1

    def of_images(self, start: int, stop: int) -> Places:
        """Return the places of images `start` to ``stop - 1``, as views."""
        offsets = self.offsets[start : stop + 1]
        own = slice(int(offsets[0]), int(offsets[-1]))
        return Places(
            positions=self.positions[own],
            sizes=self.sizes[own],
            angles=self.angles[own],
            offsets=offsets - offsets[0],
            grids=self.grids,
        )

    def pixels(self) -> Indices:
        """Return the row and column of the pixel that each centre lies in, (m, 2).

        A centre half-way between two pixels, as patches of an even side have them, belongs to the one before.
        """
        return np.ceil(self.positions.astype(np.float64) - 0.5).astype(np.int64)


@dataclass(frozen=True, eq=False)
class PatchGrid:
    """The first pixels of square patches of one size, row by row.

    Attributes
    ----------
    tops, lefts : ndarray of int64, (rows,) and (cols,)
        In pixels, ascending, evenly spaced; all patches lie inside the image.
    size : int
        Side of a patch, in pixels.
    """

    tops: Indices
    lefts: Indices
    size: int
