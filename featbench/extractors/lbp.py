"""Histograms of local binary patterns: what texture an image has, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from featbench.base import Cost, Extractor
from featbench.errors import InputError, must_be
from featbench.extractors.grids import cell_edges, check_grid
from featbench.extractors.lbp_codes import Circle, label_table, labels_of, n_labels
from featbench.extractors.raw import to_grey
from featbench.numerics.threads import kernel, spread
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["LBP", "MOST_ROTATED", "Method", "Points", "Radius", "lbp"]

_MOST_POINTS, MOST_ROTATED = 24, 16  # beyond, tables and histograms grow out of use
_BATCH_PIXELS = 1 << 15  # labelled at a time, 2 bytes a pixel: within a cache
_PIXELS_PER_THREAD = 1 << 16  # about half a millisecond, the price of starting a thread several times over

Points = Annotated[int, Bounds(ge=4, le=_MOST_POINTS)]
Radius = Annotated[float, Bounds(gt=0, le=100)]
Method = Literal["uniform", "nri_uniform", "ror"]


@dataclass(kw_only=True, eq=False, repr=False)
class LBP(Extractor):
    """Histograms of local binary patterns: what texture an image has.

    Each pixel is compared with neighbours on a circle around it; which of them are at least as bright is its
    pattern. Edges, corners, spots and flat regions have patterns of their own, and they stay the same when
    the light changes.

    Parameters
    ----------
    points : int or list of int, default=8
        Neighbours on the circle, 4 to 24; for ``ror`` at most 16. A list has several circles, one histogram
        each.
    radius : float or list of float, default=1.0
        Radius of the circle, in pixels, up to 100. As many as there are `points`, or one for all.
    method : {"uniform", "nri_uniform", "ror"}, default="uniform"
        What is counted: ``uniform`` the number of bright neighbours where they are next to each other, and
        all other patterns as one, ``points + 2`` in all, the same for a rotated image; ``nri_uniform`` tells
        where they begin as well, ``points * (points - 1) + 3``; ``ror`` all patterns that no rotation makes
        equal, 36 for 8 points.
    grid : int, default=1
        Cells a side of the grid that an image is cut into; each has histograms of its own.

    Notes
    -----
    Labels equal scikit-image's ``local_binary_pattern``, border included, where neighbours are black. A
    histogram sums to 1. Features are ordered circle, cell row, cell column, label; for ``ror`` labels are
    ranks of scikit-image's. Colour is turned into grey first, by the luma of ITU-R BT.601. "Rotated" holds
    for rotations by a step of the circle, and between pixels as far as interpolation does.

    Pictures: ``patterns``, each pixel's label of the first circle as a brightness.

    References
    ----------
    T. Ojala, M. Pietikäinen and T. Mäenpää, "Multiresolution gray-scale and rotation invariant texture
    classification with local binary patterns", PAMI 24(7), 2002, https://doi.org/10.1109/TPAMI.2002.1017623

    T. Ahonen, A. Hadid and M. Pietikäinen, "Face description with local binary patterns", PAMI 28(12), 2006,
    https://doi.org/10.1109/TPAMI.2006.244
    """

    any_size: ClassVar[bool] = True

    points: Points | list[Points] = 8
    radius: Radius | list[Radius] = 1.0
    method: Method = "uniform"
    grid: Annotated[int, Bounds(ge=1)] = 1

    def _feature_names(self) -> AnyArray:
        """Return names such as ``lbp[circle 0: 8 points, radius 1; cell 0,1; 3 ones]``."""
        cells = [f"cell {r},{c}" for r, c in product(range(self.grid), repeat=2)]
        names = [
            f"lbp[circle {i}: {points} points, radius {radius:g}; {cell}; {label}]"
            for i, (points, radius) in enumerate(self._circles())
            for cell in cells
            for label in _label_names(points, self.method)
        ]
        return np.asarray(names, dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return ``patterns``: each pixel's label of the first circle as a brightness, 0 to 255."""
        grey = _grey(images)
        points, radius = self._circles()[0]
        labels = labels_of(grey, Circle(points, radius, *grey.shape[1:]), label_table(points, self.method))
        brightest = n_labels(points, self.method) - 1
        return {"patterns": np.rint(labels * (255 / brightest)).astype(np.uint8)}

    def _circles(self) -> list[tuple[int, float]]:
        """Return points and radius of every circle, or say what is wrong with them."""
        points, radii = np.ravel(self.points).tolist(), np.ravel(self.radius).tolist()
        if not points:
            raise InputError(must_be("LBP", "points", "one integer or more", self.points))
        points = points * len(radii) if len(points) == 1 else points
        radii = radii * len(points) if len(radii) == 1 else radii
        if len(points) != len(radii):
            raise InputError(
                must_be("LBP", "radius", f"one, or as many as points ({len(points)})", self.radius)
            )
        if self.method == "ror" and max(points) > MOST_ROTATED:
            raise InputError(must_be("LBP", "points", f'≤ {MOST_ROTATED} for method="ror"', self.points))
        return list(zip(points, radii, strict=True))

    def _n_features(self, shape: tuple[int, ...]) -> int:
        check_grid("LBP", shape, self.grid)
        return self.grid**2 * sum(n_labels(points, self.method) for points, _ in self._circles())

    def cost(self, n: int, shape: tuple[int, ...]) -> Cost:
        """Return luma, the comparisons of every pixel with its neighbours, a count each, and a division of counts."""
        pixels, length = shape[0] * shape[1], self._n_features(shape)
        a_pixel = 6 if len(shape) == 3 else 0  # as `RawPixels`
        for points, radius in self._circles():
            # A neighbour between pixels is the mean of means, three of two products and a sum; then it is compared, and
            # its bit added.
            between = Circle(points, radius, *shape[:2]).n_between
            a_pixel += points * 2 + between * 9 + 1
        return Cost(float(n) * (pixels * a_pixel + length), float(n) * (math.prod(shape) + 4 * length))

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        return lbp(images, circles=self._circles(), method=self.method, grid=self.grid)


def lbp(
    images: ImageArray,
    *,
    circles: Sequence[tuple[int, float]] = ((8, 1.0),),
    method: Method = "uniform",
    grid: int = 1,
) -> FeatureMatrix:
    """Compute histograms of local binary patterns; see `LBP`.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        At least `grid` pixels high and wide.
    circles : sequence of (int, float)
        Points and radius in pixels of each circle.
    method, grid
        As in `LBP`.

    Returns
    -------
    ndarray of float32, (n, sum over circles of grid * grid * labels)
    """
    grey = _grey(images)
    parts = [_histograms(grey, points, radius, method, grid) for points, radius in circles]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _grey(images: ImageArray) -> ImageArray:
    return np.ascontiguousarray(to_grey(images) if images.ndim == 4 else images)


def _histograms(grey: ImageArray, points: int, radius: float, method: Method, grid: int) -> FeatureMatrix:
    n, height, width = grey.shape
    circle, table = Circle(points, radius, height, width), label_table(points, method)
    features = np.empty((n, grid, grid, n_labels(points, method)), dtype=np.float32)
    rows, cols = cell_edges(height, grid), cell_edges(width, grid)
    batch = max(1, _BATCH_PIXELS // (height * width))

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, batch):
            last = min(first + batch, stop)
            _count(labels_of(grey[first:last], circle, table), rows, cols, features[first:last])

    spread(work, n, least=max(1, _PIXELS_PER_THREAD // (height * width)))
    return features.reshape(n, -1)


def _label_names(points: int, method: str) -> list[str]:
    if method == "uniform":
        return [f"{k} ones" for k in range(points + 1)] + ["other"]
    if method == "ror":
        table = label_table(points, method)
        smallest = np.unique(table, return_index=True)[1]  # of its rotations a pattern's smallest comes first
        return [f"{pattern:0{points}b}" for pattern in smallest]
    turned = [f"{k} ones, turn {turn}" for k in range(1, points) for turn in range(points)]
    return ["0 ones", *turned, f"{points} ones", "other"]


@kernel
def _count(labels: Any, rows: Any, cols: Any, features: Any) -> None:
    """Fill ``features (n, grid, grid, labels)`` from labels ``(n, h, w)``."""
    n, grid, _, size = features.shape
    # Two histograms take turns: neighbours share a label, and their counts need not wait for each other.
    counts = np.empty((2, size), np.int64)
    for i in range(n):
        for r in range(grid):
            for c in range(grid):
                counts[:] = 0
                for y in range(rows[r], rows[r + 1]):
                    for x in range(cols[c], cols[c + 1]):
                        counts[x & 1, labels[i, y, x]] += 1
                pixels = (rows[r + 1] - rows[r]) * (cols[c + 1] - cols[c])
                for k in range(size):
                    features[i, r, c, k] = (counts[0, k] + counts[1, k]) / pixels
