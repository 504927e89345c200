"""Patches as the gradient histograms of Stanford's CS231n: 144 numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featbench.extractors.hog_cs231n import fill_cs231n_hog
from featbench.types import FeatureMatrix, ImageArray
from featbench.words.cutting import cut
from featbench.words.parts import Descriptor
from featbench.words.places import Places

__all__ = ["HOG144"]

_SIDE, _CELL, _ORIENTATIONS = 32, 8, 9
_BATCH_PATCHES = 256  # cut out at a time, 3 KB each: within a cache


@dataclass(kw_only=True, eq=False, repr=False)
class HOG144(Descriptor):
    """Patches resized to 32 × 32 pixels, and of these the course's histograms of oriented gradients.

    16 cells of 8 × 8 pixels have 9 orientations each, as ``hog`` has them with ``variant: cs231n``.

    Notes
    -----
    Numbers are mean gradient magnitudes in grey levels, ordered cell column, cell row, orientation. Patches are
    resized as `featbench.words.cutting.cut` tells: reduced by exact means of areas, enlarged bilinearly; turned
    ones are described in their own frame, and beyond the border of an image its nearest pixel goes on. What the
    course's histograms have of their own, such as the gradients that they drop, is written in
    `featbench.extractors.HOG`.

    References
    ----------
    CS231n: Convolutional Neural Networks for Visual Recognition, Stanford University, assignment 1,
    https://cs231n.github.io
    """

    def length(self, channels: int) -> int:  # noqa: ARG002 - colour becomes one luma
        """Return 144."""
        return (_SIDE // _CELL) ** 2 * _ORIENTATIONS

    def describe(self, images: ImageArray, places: Places) -> FeatureMatrix:
        """Describe patches, as many images at a time as stay in the cache."""
        rows = np.empty((len(places.sizes), self.length(1)), dtype=np.float32)
        first = 0
        while first < len(images):
            last = int(np.searchsorted(places.offsets, places.offsets[first] + _BATCH_PATCHES, side="right"))
            last = min(max(last - 1, first + 1), len(images))
            patches = cut(images[first:last], places.of_images(first, last), _SIDE)
            own = rows[places.offsets[first] : places.offsets[last]]
            fill_cs231n_hog(patches, _ORIENTATIONS, _CELL, own)
            first = last
        return rows
