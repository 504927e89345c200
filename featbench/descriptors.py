"""Local descriptors: any number of rows an image, each with the place that it describes."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from featbench.types import FeatureMatrix, Indices

__all__ = ["LocalDescriptors"]


@dataclass(frozen=True, eq=False, repr=False)
class LocalDescriptors:
    """The local descriptors of several images, one image's after another's.

    It has the length and the items of a list of images: ``found[1]`` holds the descriptors of the second alone.

    Attributes
    ----------
    values : ndarray of float32, (m, D)
        One descriptor a row, C-contiguous.
    positions : ndarray of float32, (m, 2)
        Centre of the patch that a row describes, row and column in pixels; (0, 0) is the centre of the
        first pixel.
    scales : ndarray of float32, (m,)
        Side of that patch, or the diameter of a keypoint, in pixels.
    offsets : ndarray of int64, (n_images + 1,)
        Image i has the rows ``offsets[i]`` to ``offsets[i + 1] - 1``; there may be none.
    """

    values: FeatureMatrix
    positions: FeatureMatrix
    scales: FeatureMatrix
    offsets: Indices

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        n, (m, length) = len(self), self.values.shape
        images, descriptors = "image" if n == 1 else "images", "descriptor" if m == 1 else "descriptors"
        return f"LocalDescriptors({n} {images}, {m} {descriptors} of {length})"

    def __getitem__(self, image: int) -> LocalDescriptors:
        """Return the descriptors of one image; −1 is the last."""
        i = range(len(self))[operator.index(image)]
        return self.images(i, i + 1)

    def __iter__(self) -> Iterator[LocalDescriptors]:
        """Go through the images."""
        return map(self.__getitem__, range(len(self)))

    def images(self, start: int, stop: int) -> LocalDescriptors:
        """Return the descriptors of the images `start` to ``stop - 1``."""
        offsets = self.offsets[start : stop + 1]
        rows = slice(offsets[0], offsets[-1])
        return LocalDescriptors(
            self.values[rows], self.positions[rows], self.scales[rows], offsets - offsets[0]
        )

    @classmethod
    def join(cls, parts: Sequence[LocalDescriptors]) -> LocalDescriptors:
        """Return the images of one or more parts in order; all have descriptors of one length D."""
        ends = np.concatenate([np.diff(part.offsets) for part in parts])
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.positions for part in parts]),
            np.concatenate([part.scales for part in parts]),
            np.concatenate([[0], np.cumsum(ends)]).astype(np.int64),
        )
