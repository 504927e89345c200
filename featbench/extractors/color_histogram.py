"""How often each colour occurs, in each part of an image."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from featbench.base import Cost, Extractor
from featbench.extractors.color_spaces import CHANNELS, CONVERSION_OPERATIONS, Space, check_colour, to_space
from featbench.extractors.grids import cell_edges, check_grid
from featbench.numerics.threads import kernel, spread
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["ColorHistogram", "color_histogram"]

_BATCH_PIXELS = 1 << 14  # converted at a time, 12 bytes a pixel: within a cache
_PIXELS_PER_THREAD = 1 << 16  # about a millisecond, the price of starting a thread several times over
# Bins are counted from a little below their lower edge. Fractions of 8-bit numbers are at least 1 / 1530 of a
# turn from an edge, or on it: they fall on the right side for up to 64 bins whatever rounding does, and the
# greys of L*a*b*, on an edge but for the noise of their matrix, all fall on the same.
_LIFT = 1e-4


@dataclass(kw_only=True, eq=False, repr=False)
class ColorHistogram(Extractor):
    """How often each colour occurs, in each part of an image.

    Parameters
    ----------
    space : {"rgb", "hsv", "lab", "opponent"}, default="hsv"
        The coordinates of a colour: red, green, blue; hue, saturation, value; CIE L*a*b*, in which distances
        are more like those that we see; red against green, yellow against blue, and intensity.
    kind : {"joint", "marginal"}, default="joint"
        ``joint`` counts how often each combination of three bins occurs; ``marginal`` counts each of the three
        coordinates by itself, a far shorter row.
    bins : int, default=4
        Bins a coordinate, 1 to 64; ``joint`` has their third power.
    grid : int, default=1
        Cells a side of the grid that an image is cut into; each has a histogram of its own.
    soft : bool, default=False
        Whether a pixel shares its count between the nearest bins, linearly, so that no small change of a
        colour moves a whole count. The hue's last bin lies next to its first.

    Notes
    -----
    Coordinates are scaled to [0, 1]: hue in turns; L* from 0 to 100, a* and b* from −110 to 110; opponent
    colours over the range that they can have. Bin k covers [k / bins, (k + 1) / bins). Each histogram sums to
    1: one a cell where joint, three where marginal. Features are ordered cell row, cell column, then first,
    second, third coordinate's bin (``joint``) or coordinate, bin (``marginal``). Every pixel lies in one cell,
    and cells differ by one row or column of pixels at the most. Grey images are refused.

    Pictures: ``colours``, each pixel in the mean colour of the picture's pixels in its joint bin.

    References
    ----------
    M. J. Swain and D. H. Ballard, "Color indexing", IJCV 7(1), 1991, https://doi.org/10.1007/BF00130487

    K. van de Sande, T. Gevers and C. Snoek, "Evaluating color descriptors for object and scene recognition",
    PAMI 32(9), 2010, https://doi.org/10.1109/TPAMI.2009.154
    """

    any_size: ClassVar[bool] = True

    space: Space = "hsv"
    kind: Literal["joint", "marginal"] = "joint"
    bins: Annotated[int, Bounds(ge=1, le=64)] = 4
    grid: Annotated[int, Bounds(ge=1)] = 1
    soft: bool = False

    def _feature_names(self) -> AnyArray:
        """Return names such as ``color_histogram[cell 0,1; hue 3, saturation 0, value 2]``, bins from 0."""
        channels, bins = CHANNELS[self.space], range(self.bins)
        if self.kind == "joint":
            parts = [
                ", ".join(f"{c} {k}" for c, k in zip(channels, places, strict=True))
                for places in product(bins, repeat=3)
            ]
        else:
            parts = [f"{channel} {k}" for channel in channels for k in bins]
        cells = product(range(self.grid), repeat=2)
        names = [f"color_histogram[cell {r},{c}; {part}]" for r, c in cells for part in parts]
        return np.asarray(names, dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return ``colours``: each pixel in the mean colour of the picture's pixels in its joint bin."""
        images = np.ascontiguousarray(images)
        drawing = np.empty_like(images)
        for i, image in enumerate(images):
            place = np.minimum(to_space(image[None], self.space)[0] * self.bins + _LIFT, self.bins - 1)
            joint = place.astype(np.int64).reshape(-1, 3) @ [self.bins**2, self.bins, 1]
            counts = np.maximum(np.bincount(joint), 1)
            for channel in range(3):
                total = np.bincount(joint, weights=image[..., channel].ravel())
                drawing[i, ..., channel] = np.rint(total / counts)[joint].reshape(image.shape[:2])
        return {"colours": drawing}

    def _n_features(self, shape: tuple[int, ...]) -> int:
        check_colour("ColorHistogram", shape)
        check_grid("ColorHistogram", shape, self.grid)
        return self.grid**2 * (self.bins**3 if self.kind == "joint" else 3 * self.bins)

    def cost(self, n: int, shape: tuple[int, ...]) -> Cost:
        """Return conversion, bins and counts of every pixel, and a division of every count."""
        pixels, length = shape[0] * shape[1], self._n_features(shape)
        # A coordinate times the number of bins; where it is shared, what lies beyond the bin, and the rest of it.
        binned = 3 * (3 if self.soft else 1)
        # Two factors and a sum for each of eight places, or a sum for each of two in each coordinate; or just a sum.
        shared, alone = (8 * (2 + 1), 1) if self.kind == "joint" else (3 * 2, 3)
        counted = shared if self.soft else alone
        operations = pixels * (CONVERSION_OPERATIONS[self.space] + binned + counted) + length
        return Cost(float(n) * operations, float(n) * (3 * pixels + 4 * length))

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        return color_histogram(
            images, space=self.space, kind=self.kind, bins=self.bins, grid=self.grid, soft=self.soft
        )


def color_histogram(
    images: ImageArray,
    *,
    space: Space = "hsv",
    kind: Literal["joint", "marginal"] = "joint",
    bins: int = 4,
    grid: int = 1,
    soft: bool = False,
) -> FeatureMatrix:
    """Compute colour histograms; see `ColorHistogram`.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3)
        C-contiguous, at least `grid` pixels high and wide.
    space, kind, bins, grid, soft
        As in `ColorHistogram`.

    Returns
    -------
    ndarray of float32, (n, grid * grid * bins³) or (n, grid * grid * 3 * bins)
    """
    n, height, width = images.shape[:3]
    joint = kind == "joint"
    features = np.zeros((n, grid, grid, bins**3 if joint else 3 * bins), dtype=np.float32)
    rows, cols = cell_edges(height, grid), cell_edges(width, grid)
    batch = max(1, _BATCH_PIXELS // (height * width))

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, batch):
            last = min(first + batch, stop)
            values = to_space(images[first:last], space)
            _count(values, rows, cols, bins, joint, soft, space == "hsv", features[first:last])

    spread(work, n, least=max(1, _PIXELS_PER_THREAD // (height * width)))
    return features.reshape(n, -1)


@kernel
def _count(
    values: Any, rows: Any, cols: Any, bins: int, joint: bool, soft: bool, circular: bool, features: Any
) -> None:
    """Fill ``features (n, grid, grid, …)`` from coordinates ``(n, h, w, 3)``; `circular` is the first one."""
    n, height, width = values.shape[:3]
    grid = features.shape[1]
    low, high = np.zeros((2, 3, height, width), np.int32)
    share = np.zeros((3, height, width), np.float64)
    counts = np.empty(features.shape[3], np.float64)
    for i in range(n):
        for k in range(3):
            if soft:
                _two_bins(values[i, :, :, k], bins, circular and k == 0, low[k], high[k], share[k])
            else:
                _one_bin(values[i, :, :, k], bins, low[k])
        for r in range(grid):
            for c in range(grid):
                counts[:] = 0
                for y in range(rows[r], rows[r + 1]):
                    for x in range(cols[c], cols[c + 1]):
                        if not joint:
                            for k in range(3):
                                counts[k * bins + low[k, y, x]] += 1 - share[k, y, x]
                                counts[k * bins + high[k, y, x]] += share[k, y, x]
                        elif soft:
                            _share_jointly(low, high, share, y, x, bins, counts)
                        else:
                            counts[(low[0, y, x] * bins + low[1, y, x]) * bins + low[2, y, x]] += 1
                pixels = (rows[r + 1] - rows[r]) * (cols[c + 1] - cols[c])
                for k in range(counts.shape[0]):
                    features[i, r, c, k] = counts[k] / pixels


@kernel
def _one_bin(values: Any, bins: int, low: Any) -> None:
    """Write the bin of one coordinate of each pixel."""
    for y in range(low.shape[0]):
        for x in range(low.shape[1]):
            low[y, x] = min(np.int32(values[y, x] * bins + _LIFT), bins - 1)


@kernel
def _two_bins(values: Any, bins: int, circular: bool, low: Any, high: Any, share: Any) -> None:
    """Write the two bins with the nearest middles, and the share of the higher one."""
    for y in range(low.shape[0]):
        for x in range(low.shape[1]):
            position = values[y, x] * bins - 0.5
            below = np.int32(np.floor(position))
            share[y, x] = position - below
            if circular:
                low[y, x], high[y, x] = below % bins, (below + 1) % bins
            else:
                low[y, x], high[y, x] = max(below, 0), min(below + 1, bins - 1)


@kernel
def _share_jointly(low: Any, high: Any, share: Any, y: int, x: int, bins: int, counts: Any) -> None:
    """Share the count of one pixel among the eight combinations of its bins."""
    for way in range(8):
        place, weight = 0, 1.0
        for k in range(3):
            above = way >> k & 1
            place = place * bins + (high[k, y, x] if above else low[k, y, x])
            weight *= share[k, y, x] if above else 1 - share[k, y, x]
        counts[place] += weight
