"""Patches as histograms of local binary patterns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, cos, floor, radians, sin
from typing import Annotated, Any

import numpy as np

from featbench.errors import InputError, must_be
from featbench.extractors.lbp import MOST_ROTATED, Method, Points, Radius
from featbench.extractors.lbp_codes import Circle, label_table, labels_of, n_labels
from featbench.extractors.raw import to_grey
from featbench.numerics.threads import kernel
from featbench.parameters import Bounds
from featbench.types import FeatureMatrix, ImageArray
from featbench.words.cutting import cut
from featbench.words.parts import Descriptor
from featbench.words.places import Places

__all__ = ["LBPPatch"]


@dataclass(kw_only=True, eq=False, repr=False)
class LBPPatch(Descriptor):
    """How often each local binary pattern occurs in a patch: what texture it has.

    Parameters
    ----------
    points : int, default=8
        Neighbours on the circle, 4 to 24; for ``ror`` at most 16.
    radius : float, default=1.0
        Radius of the circle, in pixels, up to 100.
    method : {"uniform", "nri_uniform", "ror"}, default="uniform"
        What is counted, as in `featbench.extractors.LBP`.
    size : int or None, default=None
        None counts the patterns of the image's own pixels: all whose centres lie in the patch, turned as it is.
        A number resizes and turns patches upright first, to so many pixels a side, so that patterns grow with
        patches and turn with them.

    Notes
    -----
    A histogram sums to 1; it is zero where no pixel's centre lies in the patch. Patterns are those of
    `featbench.extractors.LBP`, which equal scikit-image's: neighbours beyond the border of the image are black.
    Without `size` they are the same for all patches that a pixel lies in, and upright in all: a pattern at the
    edge of a patch has neighbours outside. With `size` that is so as well: a margin is cut out with the patch, as
    `featbench.words.cutting.cut` tells, and beyond the border of the image its nearest pixel goes on. Colour is
    turned into grey first, by the luma of ITU-R BT.601.

    References
    ----------
    T. Ojala, M. Pietikäinen and T. Mäenpää, "Multiresolution gray-scale and rotation invariant texture
    classification with local binary patterns", PAMI 24(7), 2002, https://doi.org/10.1109/TPAMI.2002.1017623
    """

    points: Points = 8
    radius: Radius = 1.0
    method: Method = "uniform"
    size: Annotated[int, Bounds(ge=1)] | None = None

    def length(self, channels: int) -> int:  # noqa: ARG002 - colour becomes grey
        """Return how many different labels patterns have."""
        if self.method == "ror" and self.points > MOST_ROTATED:
            constraint = f'≤ {MOST_ROTATED} for method="ror"'
            raise InputError(must_be("LBPPatch", "points", constraint, self.points))
        return n_labels(self.points, self.method)

    def describe(self, images: ImageArray, places: Places) -> FeatureMatrix:
        """Count image by image."""
        rows = np.zeros((len(places.sizes), self.length(1)), dtype=np.float32)
        grey = np.ascontiguousarray(to_grey(images) if images.ndim == 4 else images)
        if self.size is None:
            self._count_pixels(grey, places, rows)
        else:
            self._count_resized(grey, places, self.size, rows)
        return rows

    def _count_pixels(self, grey: ImageArray, places: Places, rows: FeatureMatrix) -> None:
        circle, table = self._circle(*grey.shape[1:]), label_table(self.points, self.method)
        for i in range(len(grey)):
            first, last = int(places.offsets[i]), int(places.offsets[i + 1])
            if first == last:
                continue
            labels = labels_of(grey[i : i + 1], circle, table)[0]
            if places.grids is None:
                own = slice(first, last)
                _count_squares(
                    labels, places.positions[own], places.sizes[own], places.angles[own], rows[own]
                )
                continue
            for grid in places.grids:
                last = first + len(grid.tops) * len(grid.lefts)
                _count_grid(labels, grid.tops, grid.lefts, grid.size, rows[first:last])
                first = last

    def _count_resized(self, grey: ImageArray, places: Places, size: int, rows: FeatureMatrix) -> None:
        margin = ceil(self.radius)
        whole = size + 2 * margin
        wider = replace(places, sizes=places.sizes * np.float32(whole / size), grids=None)
        circle, table = self._circle(whole, whole), label_table(self.points, self.method)
        start = np.array([margin])
        for i in range(len(grey)):
            patches = cut(grey[i : i + 1], wider.of_images(i, i + 1), whole)
            for patch, row in zip(
                labels_of(patches, circle, table), range(*places.offsets[i : i + 2]), strict=True
            ):
                _count_grid(patch, start, start, size, rows[row : row + 1])

    def _circle(self, height: int, width: int) -> Circle:
        return Circle(self.points, self.radius, height, width)


@kernel
def _count_grid(labels: Any, tops: Any, lefts: Any, size: int, rows: Any) -> None:
    """Fill ``rows (patches, labels)``, patches row by row; along a row of them, the histogram slides."""
    counts, pixels, j = np.empty(rows.shape[1], np.int64), size * size, 0
    for top in tops:
        begin = end = -1  # of the columns counted
        for left in lefts:
            if end < 0 or 2 * (left - begin) >= size:
                counts[:] = 0
                begin = end = left
            for y in range(top, top + size):
                for x in range(begin, left):
                    counts[labels[y, x]] -= 1
                for x in range(end, left + size):
                    counts[labels[y, x]] += 1
            begin, end = left, left + size
            for k in range(rows.shape[1]):
                rows[j, k] = counts[k] / pixels
            j += 1


@kernel
def _count_squares(labels: Any, positions: Any, sides: Any, angles: Any, rows: Any) -> None:
    """Fill ``rows (patches, labels)`` from the pixels whose centres lie in each patch."""
    height, width = labels.shape
    counts = np.empty(rows.shape[1], np.int64)
    for j in range(len(rows)):
        row, col, half = float(positions[j, 0]), float(positions[j, 1]), 0.5 * float(sides[j])
        angle = radians(float(angles[j]))
        to_cols, to_rows = cos(angle), sin(angle)
        reach = half * (abs(to_cols) + abs(to_rows)) + 1.0  # and a pixel for rounding
        counts[:] = 0
        pixels = 0
        for y in range(max(0, floor(row - reach)), min(height, ceil(row + reach) + 1)):
            for x in range(max(0, floor(col - reach)), min(width, ceil(col + reach) + 1)):
                across = (x - col) * to_cols + (y - row) * to_rows
                down = (y - row) * to_cols - (x - col) * to_rows
                if -half <= across < half and -half <= down < half:
                    counts[labels[y, x]] += 1
                    pixels += 1
        for k in range(rows.shape[1]):
            rows[j, k] = counts[k] / max(pixels, 1)
