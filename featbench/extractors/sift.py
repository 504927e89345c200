"""SIFT: histograms of gradient directions around points, on a grid or where OpenCV finds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from featbench.base import Extractor
from featbench.descriptors import LocalDescriptors
from featbench.errors import InputError, Shown, must_be
from featbench.extractors.grids import cell_edges, centred_points
from featbench.extractors.hog_strokes import draw_strokes
from featbench.extractors.raw import to_grey
from featbench.extractors.sift_dense import GridDescriber
from featbench.extractors.sift_keypoints import detected_descriptors, draw_keypoints
from featbench.extractors.sift_pooling import cells_of, pool
from featbench.extractors.sift_sums import DIMENSIONS
from featbench.images import check_images
from featbench.numerics.threads import kernel, spread
from featbench.parameters import Bounds, check_parameters
from featbench.types import AnyArray, FeatureMatrix, ImageArray, Indices

__all__ = ["SIFT", "dense_sift", "take_roots"]

_LEAST = 3  # pixels: one with neighbours on all sides
_BATCH_BYTES = 1 << 20  # of descriptors at a time: within a cache


Diameter = Annotated[float, Bounds(ge=1, le=256)]


@dataclass(kw_only=True, eq=False, repr=False)
class SIFT(Extractor):
    """SIFT: histograms of gradient directions around points.

    The surroundings of a point are cut into 4 × 4 parts, and each becomes a histogram of which way grey levels
    change in it, in eight directions: 128 numbers that say what the image looks like there and hardly change
    with light. `describe` returns them point by point; `transform` averages them over the cells of a grid.

    Parameters
    ----------
    keypoints : {"dense", "detected"}, default="dense"
        ``dense``: points on a regular grid, upright. ``detected``: the points that OpenCV finds, of the size
        and turned to the orientation that it finds for them.
    step : int, default=4
        Pixels from one point to the next. Read by ``dense`` only.
    sizes : float or list of float, default=4.0
        Diameters of the points, in pixels, 1 to 256; a part is 1.5 times as wide, the whole six times. A list
        has several descriptors a point. Read by ``dense`` only.
    root : bool, default=False
        Whether to divide each descriptor by its sum and take square roots (RootSIFT), so that Euclidean
        distances become Hellinger distances of the histograms.
    grid : int, default=4
        Cells a side of the grid that descriptors are averaged over, by the pixel that their point lies in.

    Notes
    -----
    Features are ordered cell row, cell column, part row, part column, direction: the mean of the descriptors of
    all sizes, zeros in a cell without a point, and the whole row divided by its Euclidean length. 0° is a
    gradient towards larger columns, 90° towards smaller rows, relative to the orientation of the point. An image
    without descriptors, such as a flat one, has zeros.

    Local descriptors are whole numbers from 0 to 255 as in OpenCV; with `root` they are in [0, 1] and of length
    1. Dense points stand `step` pixels apart, in the middle of the image, and are ordered size, row, column;
    what lies outside the image counts as flat. Scales are the diameters. An image of fewer than 3 × 3 pixels
    has no descriptors. Colour is turned into grey first, by the luma of ITU-R BT.601.

    Dense descriptors are those that OpenCV's ``SIFT.compute`` has for keypoints of angle 0 and octave 0, but
    for the last digit of sums, which now and then rounds to a neighbouring whole number.

    Deviations from Lowe, which ``dense`` shares with OpenCV at such keypoints: descriptors of every size are
    taken from the image smoothed to 1.6 pixels, instead of in proportion to their size. Averaging over a grid
    is ours.

    Pictures: ``strokes``, the mean descriptor of each cell, 4 × 4 parts with lines along their edges, as bright
    as they are strong; for ``detected`` also ``keypoints``, a circle around each point with its orientation.

    References
    ----------
    D. G. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60(2), 2004,
    https://doi.org/10.1023/B:VISI.0000029664.99615.94

    R. Arandjelović and A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR
    2012, https://doi.org/10.1109/CVPR.2012.6248018

    Examples
    --------
    >>> import numpy as np
    >>> from featbench.extractors import SIFT
    >>> images = np.zeros((10, 32, 32, 3), dtype=np.uint8)
    >>> SIFT(grid=2).fit_transform(images).shape
    (10, 512)
    >>> SIFT(step=8, sizes=[3.0, 4.5]).describe(images).values.shape
    (320, 128)
    """

    any_size: ClassVar[bool] = True
    describes: ClassVar[bool] = True

    keypoints: Literal["dense", "detected"] = "dense"
    step: Annotated[int, Bounds(ge=1)] = 4
    sizes: Diameter | list[Diameter] = 4.0
    root: bool = False
    grid: Annotated[int, Bounds(ge=1)] = 4

    def _feature_names(self) -> AnyArray:
        """Return names such as ``sift[cell 2,3; part 1,0; 45°]``."""
        names = [
            f"sift[cell {r},{c}; part {i},{j}; {45 * k}°]"
            for r, c in product(range(self.grid), repeat=2)
            for i, j, k in product(range(4), range(4), range(8))
        ]
        return np.asarray(names, dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return ``strokes``, the mean descriptor of each cell; ``keypoints`` where they are detected."""
        g = self.grid
        parts = self._extract(images).reshape(-1, g, g, 4, 4, 8).swapaxes(2, 3).reshape(-1, 4 * g, 4 * g, 8)
        clockwise = parts[..., -np.arange(8) % 8]  # strokes turn from columns towards larger rows
        drawn = {"strokes": draw_strokes(clockwise, first=-22.5, span=360.0)}
        if self.keypoints == "detected":
            drawn["keypoints"] = np.stack([draw_keypoints(image) for image in images])
        return drawn

    def _sizes(self) -> tuple[float, ...]:
        """Return the sizes of dense points, one or more."""
        sizes = np.ravel(self.sizes)
        if not len(sizes):
            raise InputError(must_be("SIFT", "sizes", "one number or more", self.sizes))
        return tuple(float(size) for size in sizes)

    def _n_features(self, shape: tuple[int, ...]) -> int:
        self._sizes()
        least = max(_LEAST, self.grid)
        if min(shape[:2]) < least:
            constraint = f"at least {least} × {least} pixels for grid={self.grid}"
            remedy = "Enlarge the images, or take fewer cells." if least > _LEAST else "Enlarge the images."
            raise InputError(must_be("SIFT", "images", constraint, Shown(f"{shape[0]} × {shape[1]}"), remedy))
        return self.grid**2 * DIMENSIONS

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        grey, grid = _grey(images), self.grid
        edges = [cell_edges(extent, grid) for extent in grey.shape[1:]]
        features = np.empty((len(grey), grid * grid, DIMENSIONS), dtype=np.float32)

        if self.keypoints == "detected":
            for i, found in enumerate(self._detected(grey)):
                pool(found.values[None], cells_of(found.positions, edges), features[i : i + 1])
            return features.reshape(len(grey), -1)
        sizes, rows, cols = self._sizes(), *(centred_points(extent, self.step) for extent in grey.shape[1:])
        cells = cells_of(_positions(rows, cols, len(sizes)), edges)
        batch = max(1, _BATCH_BYTES // (4 * DIMENSIONS * len(cells)))

        def dense(start: int, stop: int) -> None:
            describer = GridDescriber(grey.shape[1], grey.shape[2], rows, cols, sizes)
            values = np.empty((min(batch, stop - start), len(cells), DIMENSIONS), dtype=np.float32)
            shape = (len(sizes), len(rows), len(cols), DIMENSIONS)
            for first in range(start, stop, batch):
                last = min(first + batch, stop)
                part = values[: last - first]
                describer.describe(grey[first:last], part.reshape(-1, *shape))
                if self.root:
                    take_roots(part.reshape(-1, DIMENSIONS))
                pool(part, cells, features[first:last])

        spread(dense, len(grey))
        return features.reshape(len(grey), -1)

    def _describe(self, images: ImageArray) -> LocalDescriptors:
        sizes, n = self._sizes(), len(images)
        if min(images.shape[1:3]) < _LEAST:
            nothing = np.empty((0, DIMENSIONS), dtype=np.float32)
            return LocalDescriptors(nothing, nothing[:, :2], nothing[:, 0], np.zeros(n + 1, dtype=np.int64))
        if self.keypoints == "detected":
            return LocalDescriptors.join(self._detected(_grey(images)))
        values = dense_sift(images, step=self.step, sizes=sizes, root=self.root)
        rows, cols = (centred_points(extent, self.step) for extent in images.shape[1:3])
        positions = _positions(rows, cols, len(sizes))
        return LocalDescriptors(
            values.reshape(-1, DIMENSIONS),
            np.tile(positions, (n, 1)),
            np.tile(np.repeat(np.asarray(sizes, dtype=np.float32), len(rows) * len(cols)), n),
            np.arange(n + 1, dtype=np.int64) * len(positions),
        )

    def _detected(self, grey: ImageArray) -> list[LocalDescriptors]:
        """Return the descriptors of each image's keypoints."""
        found: dict[int, LocalDescriptors] = {}

        def work(start: int, stop: int) -> None:
            for i in range(start, stop):
                found[i] = detected_descriptors(grey[i])
                if self.root:
                    take_roots(found[i].values)

        spread(work, len(grey))
        return [found[i] for i in range(len(grey))]


def dense_sift(
    images: ImageArray, *, step: int = 4, sizes: Sequence[float] = (4.0,), root: bool = False
) -> FeatureMatrix:
    """Compute upright SIFT descriptors on a regular grid; see `SIFT`.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        At least 3 pixels high and wide; n may be 0.
    step : int
        Pixels from one point to the next. Rows and columns begin with half of what the steps leave over:
        ``(h - 1) % step // 2``, ``(w - 1) % step // 2``.
    sizes : sequence of float
        Diameters of the points, in pixels, 1 to 256.
    root : bool
        Whether to divide each descriptor by its sum and take square roots.

    Returns
    -------
    ndarray of float32, (n, sizes, rows, columns, 128)
        By size and by row and column of points; part row, part column and direction of a descriptor. Whole
        numbers from 0 to 255, or with `root` in [0, 1].

    Raises
    ------
    InputError
        Bad parameters or images; images too small, with the smallest legal size.
    """
    estimator = SIFT(step=step, sizes=list(sizes), root=root, grid=1)
    check_parameters(estimator)
    checked = check_images(images, "dense_sift")
    if not isinstance(checked, np.ndarray):
        remedy = "SIFT().describe takes an ImageSource."
        raise InputError(
            must_be("dense_sift", "images", "an array or a list of arrays", type(images), remedy)
        )
    estimator._n_features(checked.shape[1:])
    grey, diameters = _grey(checked), estimator._sizes()
    rows, cols = (centred_points(extent, step) for extent in grey.shape[1:])
    values = np.empty((len(grey), len(diameters), len(rows), len(cols), DIMENSIONS), dtype=np.float32)

    def work(start: int, stop: int) -> None:
        describer = GridDescriber(grey.shape[1], grey.shape[2], rows, cols, diameters)
        describer.describe(grey[start:stop], values[start:stop])
        if root:
            take_roots(values[start:stop].reshape(-1, DIMENSIONS))

    spread(work, len(grey))
    return values


def _grey(images: ImageArray) -> ImageArray:
    return np.ascontiguousarray(to_grey(images) if images.ndim == 4 else images)


def _positions(rows: Indices, cols: Indices, copies: int) -> FeatureMatrix:
    """Return row and column of every point of a grid, so many times."""
    points = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.tile(points.astype(np.float32), (copies, 1))


@kernel(any_order=True)
def take_roots(values: Any) -> None:
    """Replace descriptors by the square roots of their entries' shares; their sums are whole and so exact."""
    m, size = values.shape
    for j in range(m):
        value, total = values[j], np.float32(0)
        for k in range(size):
            total += value[k]
        share = np.float32(1) / max(total, np.float32(1))
        for k in range(size):
            value[k] = np.sqrt(value[k] * share)
