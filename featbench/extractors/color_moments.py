"""What colour an image has on average, how much it varies, and to which side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, ClassVar

import numpy as np

from featbench.base import Extractor
from featbench.extractors.color_spaces import CHANNELS, Space, check_colour, to_space
from featbench.extractors.grids import cell_edges, check_grid
from featbench.numerics.threads import kernel, spread
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["ColorMoments", "color_moments"]

_MOMENTS = ("mean", "deviation", "skewness")
_BATCH_PIXELS = 1 << 14  # converted at a time, 12 bytes a pixel: within a cache
_PIXELS_PER_THREAD = 1 << 16  # about a millisecond, the price of starting a thread several times over


@dataclass(kw_only=True, eq=False, repr=False)
class ColorMoments(Extractor):
    """What colour each part of an image has on average, how much it varies, and to which side.

    Nine numbers a cell: the shortest description of colour that is still of use.

    Parameters
    ----------
    space : {"rgb", "hsv", "lab", "opponent"}, default="lab"
        The coordinates of a colour: red, green, blue; hue, saturation, value; CIE L*a*b*, in which distances
        are more like those that we see; red against green, yellow against blue, and intensity.
    grid : int, default=1
        Cells a side of the grid that an image is cut into; each has moments of its own.

    Notes
    -----
    Coordinates are scaled to [0, 1]: hue in turns; L* from 0 to 100, a* and b* from −110 to 110; opponent
    colours over the range that they can have. The deviation is the root of the second central moment, the
    skewness the cube root, with its sign, of the third: all three are in the unit of the coordinate, and a
    flat cell has two zeros. Hue is averaged like any other coordinate, although it is a circle: reds on
    both sides of its end average to cyan. Features are ordered cell row, cell column, coordinate, moment. Grey
    images are refused.

    Pictures: ``means``, each cell in its mean red, green and blue.

    References
    ----------
    M. A. Stricker and M. Orengo, "Similarity of color images", SPIE 2420, 1995,
    https://doi.org/10.1117/12.205308
    """

    any_size: ClassVar[bool] = True

    space: Space = "lab"
    grid: Annotated[int, Bounds(ge=1)] = 1

    def _feature_names(self) -> AnyArray:
        """Return names such as ``color_moments[cell 0,1; L* deviation]``."""
        cells, channels = product(range(self.grid), repeat=2), CHANNELS[self.space]
        names = [
            f"color_moments[cell {r},{c}; {k} {m}]" for r, c in cells for k in channels for m in _MOMENTS
        ]
        return np.asarray(names, dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return ``means``: each cell in its mean red, green and blue."""
        images = np.ascontiguousarray(images)
        rows, cols = (cell_edges(extent, self.grid) for extent in images.shape[1:3])
        moments = color_moments(images, space="rgb", grid=self.grid).reshape(-1, self.grid, self.grid, 3, 3)
        means = np.rint(moments[..., 0] * 255).astype(np.uint8)
        return {"means": means.repeat(np.diff(rows), axis=1).repeat(np.diff(cols), axis=2)}

    def _n_features(self, shape: tuple[int, ...]) -> int:
        check_colour("ColorMoments", shape)
        check_grid("ColorMoments", shape, self.grid)
        return self.grid**2 * 9

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        return color_moments(images, space=self.space, grid=self.grid)


def color_moments(images: ImageArray, *, space: Space = "lab", grid: int = 1) -> FeatureMatrix:
    """Compute means, deviations and skewnesses; see `ColorMoments`.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3)
        C-contiguous, at least `grid` pixels high and wide.
    space, grid
        As in `ColorMoments`.

    Returns
    -------
    ndarray of float32, (n, grid * grid * 9)
    """
    n, height, width = images.shape[:3]
    features = np.empty((n, grid, grid, 3, 3), dtype=np.float32)
    rows, cols = cell_edges(height, grid), cell_edges(width, grid)
    batch = max(1, _BATCH_PIXELS // (height * width))

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, batch):
            last = min(first + batch, stop)
            _moments(to_space(images[first:last], space), rows, cols, features[first:last])

    spread(work, n, least=max(1, _PIXELS_PER_THREAD // (height * width)))
    return features.reshape(n, -1)


@kernel
def _moments(values: Any, rows: Any, cols: Any, features: Any) -> None:
    """Fill ``features (n, grid, grid, 3, 3)`` from coordinates ``(n, h, w, 3)``."""
    n, grid = features.shape[:2]
    for i in range(n):
        for r in range(grid):
            for c in range(grid):
                for k in range(3):
                    cell = values[i, rows[r] : rows[r + 1], cols[c] : cols[c + 1], k]
                    # Centred on one pixel first, so that a flat cell has deviations of exactly zero.
                    mean, origin = 0.0, np.float64(cell[0, 0])
                    for value in cell.flat:
                        mean += value - origin
                    mean /= cell.size
                    second = third = 0.0
                    for value in cell.flat:
                        d = value - origin - mean
                        second += d * d
                        third += d * d * d
                    features[i, r, c, k, 0] = origin + mean
                    features[i, r, c, k, 1] = np.sqrt(second / cell.size)
                    features[i, r, c, k, 2] = np.cbrt(third / cell.size)
