"""The pixels themselves, the baseline of every comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.base import Extractor
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, Float64Array, ImageArray

__all__ = ["RawPixels", "area_resize", "to_grey"]


@dataclass(kw_only=True, eq=False, repr=False)
class RawPixels(Extractor):
    """The pixels, row by row: what a classifier sees that knows nothing of images.

    The baseline of every table. Values stay whole numbers from 0 to 255, so that distances between them are
    exact.

    Parameters
    ----------
    grey : bool, default=False
        Whether to turn colour into grey first, by the luma of ITU-R BT.601.
    size : int or None, default=None
        Side in pixels that images are resized to, ``size`` × ``size`` whatever their proportions; None
        keeps them as they are.

    Notes
    -----
    Features are ordered row, column, channel. Grey is equal to Pillow's mode ``L``. A resized pixel is the
    mean of the area that it covers, rounded half up; parts of pixels count by their share. The sums are
    exact, so that the result is the same everywhere. Enlarging repeats pixels.

    Pictures: ``pixels``, the images in the size and colours that a classifier gets.

    References
    ----------
    ITU-R Recommendation BT.601-7 (2011), section 2.5.1, https://www.itu.int/rec/R-REC-BT.601
    """

    grey: bool = False
    size: Annotated[int, Bounds(ge=1)] | None = None

    def get_feature_names_out(self, input_features: AnyArray | None = None) -> AnyArray:  # noqa: ARG002
        """Return names such as ``raw[row 3, column 5, red]``."""
        height, width, *colour = self._shape(self.image_shape_)
        channels = [", red", ", green", ", blue"] if colour else [""]
        names = [
            f"raw[row {y}, column {x}{c}]" for y in range(height) for x in range(width) for c in channels
        ]
        return np.asarray(names, dtype=object)

    def pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return ``pixels``: the images in the size and colours that the classifier gets."""
        return {"pixels": self._pixels(images)}

    def _shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        size = shape[:2] if self.size is None else (self.size, self.size)
        return size if self.grey else size + shape[2:]

    def _pixels(self, images: ImageArray) -> ImageArray:
        if self.grey and images.ndim == 4:
            images = to_grey(images)
        return images if self.size is None else area_resize(images, self.size, self.size)

    def _n_features(self, shape: tuple[int, ...]) -> int:
        return int(np.prod(self._shape(shape)))

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        return self._pixels(images).reshape(len(images), -1).astype(np.float32)


def to_grey(images: ImageArray) -> ImageArray:
    """Return the luma of colour images, 0.299 R + 0.587 G + 0.114 B, rounded.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3)

    Returns
    -------
    ndarray of uint8, (n, h, w)
        Equal to Pillow's conversion to mode ``L``, which has the weights in units of 2⁻¹⁶.
    """
    weights = np.asarray([19595, 38470, 7471], dtype=np.uint32)
    grey = np.full(images.shape[:3], 1 << 15, dtype=np.uint32)
    for channel, weight in enumerate(weights):
        grey += images[..., channel] * weight
    return (grey >> 16).astype(np.uint8)


def area_resize(images: ImageArray, height: int, width: int) -> ImageArray:
    """Resize by the mean over the area that each new pixel covers, rounded half up.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
    height, width : int
        The new size, in pixels.

    Returns
    -------
    ndarray of uint8, (n, height, width, 3) or (n, height, width)
    """
    n, old_height, old_width = images.shape[:3]
    resized = np.empty((n, height, width, *images.shape[3:]), dtype=np.uint8)
    down, across = _overlap(old_height, height), _overlap(old_width, width)
    area = float(old_height * old_width)
    for i, image in enumerate(images):
        # Whole numbers below 2⁵³ all along, so that float64 and BLAS make no error in any order.
        rows = np.tensordot(down, image.astype(np.float64), axes=(1, 0))
        sums = np.tensordot(across, rows, axes=(1, 1)).swapaxes(0, 1)
        resized[i] = np.floor_divide(2 * sums + area, 2 * area)
    return resized


def _overlap(old: int, new: int) -> Float64Array:
    """Return, in units of 1 / `new` old pixels, what part of each old pixel lies in each new one."""
    starts, ends = np.arange(new)[:, None] * old, (np.arange(new)[:, None] + 1) * old
    lower, upper = np.arange(old) * new, (np.arange(old) + 1) * new
    overlap: Float64Array = np.minimum(ends, upper) - np.maximum(starts, lower).astype(np.float64)
    return np.maximum(overlap, 0)
