"""Patches as SIFT descriptors: histograms of gradient directions in 4 × 4 parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.extractors.raw import to_grey
from featbench.extractors.sift import take_roots
from featbench.extractors.sift_dense import GridDescriber
from featbench.extractors.sift_sums import DIMENSIONS
from featbench.types import FeatureMatrix, ImageArray
from featbench.words.parts import Descriptor
from featbench.words.places import PatchGrid, Places

__all__ = ["SIFTPatch"]

_DIAMETERS = 6  # a descriptor is six times as wide as its keypoint's diameter
# Pixels: OpenCV 4.10 writes beyond its buffer where a descriptor's surroundings have fewer than 128 (its issue 26139).
_LEAST = 7


@dataclass(kw_only=True, eq=False, repr=False)
class SIFTPatch(Descriptor):
    """SIFT: which way grey levels change, in eight directions, in each of 4 × 4 parts of a patch.

    A patch of side s is the descriptor of a keypoint in its middle, of a diameter of s / 6 and the patch's angle:
    parts are s / 4 wide.

    Parameters
    ----------
    root : bool, default=False
        Whether to divide each descriptor by its sum and take square roots (RootSIFT), so that Euclidean distances
        become Hellinger distances of the histograms.

    Notes
    -----
    Descriptors are those of OpenCV's ``SIFT.compute`` for keypoints of octave 0, but that those of grids, which
    are far quicker, may differ from it in the last digit, as `featbench.extractors.SIFT` tells. Numbers are whole, 0 to
    255, or with `root` in [0, 1], ordered part row, part column, direction; 0° is a gradient towards larger
    columns of the patch, 90° towards smaller rows. A flat patch has zeros. What lies outside the image counts as
    flat. Colour is turned into grey first, by the luma of ITU-R BT.601.

    A keypoint is a pixel: the one that the middle of the patch lies in, and where the middle lies between two
    pixels, as for all even sides, the one before.

    Patches, and images, have at least 7 pixels a side.

    Deviations from Lowe, as for any keypoint of octave 0: patches of every size are described in the image smoothed
    to 1.6 pixels, instead of in proportion to their size, and keypoints are rounded to pixels. Parts reach over
    a patch's edges, by half their width; this is Lowe's own.

    References
    ----------
    D. G. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60(2), 2004,
    https://doi.org/10.1023/B:VISI.0000029664.99615.94

    R. Arandjelović and A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR
    2012, https://doi.org/10.1109/CVPR.2012.6248018
    """

    root: bool = False

    def length(self, channels: int) -> int:  # noqa: ARG002 - colour becomes grey
        """Return 128."""
        return DIMENSIONS

    def describe(self, images: ImageArray, places: Places) -> FeatureMatrix:
        """Describe patches: by grids where there are some, by OpenCV where there are none.

        Raises
        ------
        InputError
            Patches or images of fewer than 7 pixels a side.
        """
        _check_sides(places.sizes, images.shape[1:3])
        rows = np.zeros((len(places.sizes), DIMENSIONS), dtype=np.float32)
        if not len(rows):
            return rows
        grey = np.ascontiguousarray(to_grey(images) if images.ndim == 4 else images)
        if places.grids is not None:
            _describe_grids(grey, places.grids, rows.reshape(len(grey), -1, DIMENSIONS))
        else:
            _describe_points(grey, places, rows)
        if self.root:
            take_roots(rows)
        return rows


def _check_sides(sizes: FeatureMatrix, shape: tuple[int, ...]) -> None:
    if not len(sizes):
        return
    constraint = f"at least {_LEAST} pixels a side"
    if sizes.min() < _LEAST:
        got, remedy = Shown(f"{sizes.min():g}"), "Take larger patches."
        raise InputError(must_be("SIFTPatch", "patches", constraint, got, remedy))
    if min(shape) < _LEAST:
        got, remedy = Shown(f"{shape[0]} × {shape[1]}"), "Enlarge the images."
        raise InputError(must_be("SIFTPatch", "images", constraint, got, remedy))


def _describe_grids(grey: ImageArray, grids: tuple[PatchGrid, ...], rows: FeatureMatrix) -> None:
    """Fill ``rows (n, patches of all grids, 128)``."""
    first = 0
    for grid in grids:
        before = (grid.size - 1) // 2
        shape = (1, 1, len(grid.tops), len(grid.lefts), DIMENSIONS)
        last = first + shape[2] * shape[3]
        points = (grid.tops + before, grid.lefts + before)
        describer = GridDescriber(grey.shape[1], grey.shape[2], *points, (grid.size / _DIAMETERS,))
        for i in range(len(grey)):
            describer.describe(grey[i : i + 1], rows[i, first:last].reshape(shape))
        first = last


def _describe_points(grey: ImageArray, places: Places, rows: FeatureMatrix) -> None:
    import cv2

    sift: Any = cv2.SIFT.create()
    numbers = np.column_stack([places.pixels(), places.sizes / _DIAMETERS, places.angles % 360]).tolist()
    for i, image in enumerate(grey):
        own = slice(places.offsets[i], places.offsets[i + 1])
        keypoints = [cv2.KeyPoint(c, r, size, angle) for r, c, size, angle in numbers[own]]  # of octave 0
        if keypoints:
            _, rows[own] = sift.compute(image, keypoints)
