"""Responses to the filter banks of texture classification, cell by cell or pixel by pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, ClassVar

import numpy as np

from featbench.base import Extractor
from featbench.descriptors import LocalDescriptors
from featbench.errors import InputError, Shown, must_be
from featbench.extractors.filtering import Planes, each_response
from featbench.extractors.filters import Bank, BankName, filter_bank, radius_of
from featbench.extractors.grids import cell_edges, centred_points
from featbench.numerics.threads import kernel
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["FilterBank", "filter_responses"]


@dataclass(kw_only=True, eq=False, repr=False)
class FilterBank(Extractor):
    """How strongly the edges, bars, spots and rings of a filter bank answer in each part of an image.

    The banks are those that textons are made of: a texture is known by which filters answer together at a
    pixel. As a row of features, responses are summed up over the cells of a grid; as local descriptors, they
    are the vector of all responses at a pixel.

    Parameters
    ----------
    bank : {"mr8", "lm", "schmid"}, default="mr8"
        ``mr8``: edges and bars of three sizes, each the strongest of six orientations, and two spots; 8
        responses that hardly change when an image is rotated. ``lm`` (Leung and Malik): edges and bars of
        three sizes and six orientations, and 12 spots; 48 responses. ``schmid``: 13 patterns of rings, which
        have no orientation.
    scale : float, default=1.0
        Factor of all sizes of the filters, 0.5 to 4. At 1 a filter covers 49 × 49 pixels.
    grid : int, default=4
        Cells a side of the grid that responses are summed up over.
    normalize : bool, default=True
        Whether each image is brought to mean 0 and deviation 1 first, so that light and contrast do not
        matter. Otherwise responses are in units of full brightness, black to white 1.
    contrast : bool, default=True
        Whether the responses at a pixel are compressed by Weber's law: with their length L, all are multiplied
        by log(1 + L / 0.03) / L.
    stride : int, default=4
        Pixels from one local descriptor to the next; features do not depend on it.

    Notes
    -----
    Features are, in each cell, the mean of a response's absolute value and its standard deviation, ordered
    cell row, cell column, response, statistic. A flat image has zeros. 0° is an edge or a bar that brightness
    changes across towards larger columns, 90° towards larger rows; σ is the deviation of a filter's Gaussian
    across it, in pixels. Images are mirrored at their borders, at most once: their sides must be more than half
    of a filter's, 25 pixels at scale 1. Colour is turned into grey first, by the luma of ITU-R BT.601.

    Local descriptors stand `stride` pixels apart, in the middle of the image; they have the responses there,
    in the order of the bank. Their scale is the side of the filters. An image too small for these has none.

    Deviations: Varma and Zisserman leave out what is closer to the border than the filters reach. For edges,
    whose filters of the other half of the circle are the negative ones, the maximum over orientations is that
    of absolute values, so that a half turn does not change it. An edge's response is positive where brightness
    rises. `scale` and the sums over a grid are ours.

    Pictures: ``responses``, for each response what one of its filters answers to most, and below it the answer;
    grey is none, brighter positive, darker negative.

    References
    ----------
    M. Varma and A. Zisserman, "A statistical approach to texture classification from single images", IJCV
    62(1–2), 2005, https://doi.org/10.1007/s11263-005-4635-4

    T. Leung and J. Malik, "Representing and recognizing the visual appearance of materials using
    three-dimensional textons", IJCV 43(1), 2001, https://doi.org/10.1023/A:1011126920638

    C. Schmid, "Constructing models for content-based image retrieval", CVPR 2001,
    https://doi.org/10.1109/CVPR.2001.990922

    Visual Geometry Group, Oxford, "Texture classification: filters", which has code for the three banks,
    https://www.robots.ox.ac.uk/~vgg/research/texclass/filters.html
    """

    any_size: ClassVar[bool] = True
    describes: ClassVar[bool] = True

    bank: BankName = "mr8"
    scale: Annotated[float, Bounds(ge=0.5, le=4)] = 1.0
    grid: Annotated[int, Bounds(ge=1)] = 4
    normalize: bool = True
    contrast: bool = True
    stride: Annotated[int, Bounds(ge=1)] = 4

    def _feature_names(self) -> AnyArray:
        """Return names such as ``filter_bank[cell 0,1; edge σ 2; mean]``."""
        names = [
            f"filter_bank[cell {r},{c}; {response}; {statistic}]"
            for r, c in product(range(self.grid), repeat=2)
            for response in self._bank().names
            for statistic in ("mean", "deviation")
        ]
        return np.asarray(names, dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return ``responses``: for each response what a filter answers to most, and below it the answer."""
        responses = np.empty((len(images), len(self._bank().names), *images.shape[1:3]), dtype=np.float32)
        self._visit(responses.__setitem__, images)
        # One unit of brightness for an image's responses: which of them are weak shows as well.
        strongest = np.abs(responses).max(axis=(1, 2, 3), keepdims=True)
        maps = np.divide(responses, strongest, out=np.zeros_like(responses), where=strongest > 0)
        # A convolution turns filters round; as they lie on the image, they look like what they answer to.
        tiles = [_fitted(self._bank().filters[i, ::-1, ::-1], maps.shape[2:]) for i in self._bank().shown]
        filters = np.broadcast_to(np.stack(tiles), maps.shape)
        return {"responses": _mosaic(np.concatenate([filters, maps], axis=2))}

    def _n_features(self, shape: tuple[int, ...]) -> int:
        mirrored = radius_of(self.scale) + 1
        least = max(mirrored, self.grid)
        if min(shape[:2]) < least:
            cause = f"scale={self.scale:g}" if mirrored >= self.grid else f"grid={self.grid}"
            constraint = f"at least {least} × {least} pixels for {cause}"
            remedy = "Enlarge the images, or take a smaller scale (0.5 at the least)."
            if mirrored < self.grid:
                remedy = "Enlarge the images, or take fewer cells."
            raise InputError(
                must_be("FilterBank", "images", constraint, Shown(f"{shape[0]} × {shape[1]}"), remedy)
            )
        return self.grid**2 * len(self._bank().names) * 2

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        return filter_responses(
            images,
            bank=self.bank,
            scale=self.scale,
            grid=self.grid,
            normalize=self.normalize,
            contrast=self.contrast,
        )

    def _describe(self, images: ImageArray) -> LocalDescriptors:
        n, height, width = images.shape[:3]
        rows, cols = centred_points(height, self.stride), centred_points(width, self.stride)
        large_enough = min(height, width) > radius_of(self.scale)
        if not large_enough:
            rows = rows[:0]
        values = np.empty((n, len(rows), len(cols), len(self._bank().names)), dtype=np.float32)

        def keep(i: int, responses: Planes) -> None:
            values[i] = np.moveaxis(responses[:, rows[:, None], cols], 0, -1)

        if large_enough:
            self._visit(keep, images)
        m = len(rows) * len(cols)
        positions = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(m, 2)
        return LocalDescriptors(
            values.reshape(n * m, values.shape[-1]),
            np.tile(positions.astype(np.float32), (n, 1)),
            np.full(n * m, 2 * radius_of(self.scale) + 1, dtype=np.float32),
            np.arange(n + 1, dtype=np.int64) * m,
        )

    def _visit(self, keep: Callable[[int, Planes], None], images: ImageArray) -> None:
        each_response(
            keep,
            images,
            bank=self.bank,
            scale=self.scale,
            normalize=self.normalize,
            contrast=self.contrast,
        )

    def _bank(self) -> Bank:
        return filter_bank(self.bank, self.scale)


def filter_responses(
    images: ImageArray,
    *,
    bank: BankName = "mr8",
    scale: float = 1.0,
    grid: int = 4,
    normalize: bool = True,
    contrast: bool = True,
) -> FeatureMatrix:
    """Compute means and deviations of filter responses on a grid; see `FilterBank`.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        At least `grid` pixels and half a filter high and wide.
    bank, scale, grid, normalize, contrast
        As in `FilterBank`.

    Returns
    -------
    ndarray of float32, (n, grid * grid * responses * 2)
    """
    height, width = images.shape[1:3]
    rows, cols = cell_edges(height, grid), cell_edges(width, grid)
    features = np.empty((len(images), grid, grid, len(filter_bank(bank, scale).names), 2), dtype=np.float32)

    def keep(i: int, responses: Planes) -> None:
        _summarise(responses, rows, cols, features[i])

    each_response(keep, images, bank=bank, scale=scale, normalize=normalize, contrast=contrast)
    return features.reshape(len(images), -1)


def _fitted(image: AnyArray, shape: tuple[int, ...]) -> AnyArray:
    """Return the middle of a filter, brought to a largest value of 1, with zeros around to fill `shape`."""
    radius = image.shape[0] // 2
    tile = np.zeros(shape)
    ours, theirs = [], []
    for extent in shape:
        reach = min(radius, (extent - 1) // 2)
        ours.append(slice(extent // 2 - reach, extent // 2 + reach + 1))
        theirs.append(slice(radius - reach, radius + reach + 1))
    tile[tuple(ours)] = (image / np.abs(image).max())[tuple(theirs)]
    return tile


def _mosaic(tiles: AnyArray) -> ImageArray:
    """Set tiles in [−1, 1], ``(n, tiles, 2 h, w)``, on ground of the proportions h × w; 0 becomes a middle grey."""
    n, count, height, width = tiles.shape
    across = math.isqrt(2 * count - 1) + 1
    lines = -(-count // across)
    whole = np.zeros((n, lines * across, height, width))
    whole[:, :count] = tiles
    whole = whole.reshape(n, lines, across, height, width).swapaxes(2, 3)
    return np.rint(127.5 + 127.5 * whole.reshape(n, lines * height, across * width)).astype(np.uint8)


@kernel
def _summarise(responses: Any, rows: Any, cols: Any, features: Any) -> None:
    """Fill ``features (grid, grid, responses, 2)`` from responses ``(responses, h, w)``."""
    grid = len(rows) - 1
    for k in range(len(responses)):
        for r in range(grid):
            for c in range(grid):
                # In float64 nothing that float32 shows is lost to the difference of squares.
                total = absolute = squares = 0.0
                for y in range(rows[r], rows[r + 1]):
                    for x in range(cols[c], cols[c + 1]):
                        value = np.float64(responses[k, y, x])
                        total += value
                        absolute += abs(value)
                        squares += value * value
                pixels = (rows[r + 1] - rows[r]) * (cols[c + 1] - cols[c])
                mean = total / pixels
                features[r, c, k, 0] = absolute / pixels
                features[r, c, k, 1] = np.sqrt(max(squares / pixels - mean * mean, 0.0))
