"""The pixels themselves, the baseline of every comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from featbench.base import Cost, Extractor
from featbench.errors import InputError, must_be
from featbench.images import chunks
from featbench.numerics.area import area_resize
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["RawPixels", "to_grey"]

_CHUNK = 1024  # images whose pixels are summed at once


@dataclass(kw_only=True, eq=False, repr=False)
class RawPixels(Extractor):
    """The pixels, row by row: what a classifier sees that knows nothing of images.

    The baseline of every table. Unless they are centred, values stay whole numbers from 0 to 255, so that
    distances between them are exact.

    Parameters
    ----------
    grey : bool, default=False
        Whether to turn colour into grey first, by the luma of ITU-R BT.601.
    size : int or None, default=None
        Side in pixels that images are resized to, ``size`` × ``size`` whatever their proportions; None
        keeps them as they are.
    center : bool, default=False
        Whether to subtract the mean training image, in colours and size as above.
    dtype : {"float32", "uint8"}, default="float32"
        ``uint8`` keeps the bytes, a quarter of the memory, for neighbours in whole numbers; not together
        with `center`.

    Attributes
    ----------
    mean_ : ndarray of float32, (d,)
        The mean training image where `center` is true, otherwise zeros.

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
    center: bool = False
    dtype: Literal["float32", "uint8"] = "float32"

    @property
    def any_size(self) -> bool:  # type: ignore[override]
        """Whether images may differ in size: where all are resized."""
        return self.size is not None

    @property
    def feature_dtype(self) -> np.dtype[Any]:
        """The dtype of feature rows."""
        return np.dtype(self.dtype)

    def _feature_names(self) -> AnyArray:
        """Return names such as ``raw[row 3, column 5, red]``."""
        height, width, *colour = self._shape(self.image_shape_)
        channels = [", red", ", green", ", blue"] if colour else [""]
        names = [
            f"raw[row {y}, column {x}{c}]" for y in range(height) for x in range(width) for c in channels
        ]
        return np.asarray(names, dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
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
        if self.center and self.dtype == "uint8":
            remedy = "Centred pixels are fractions and negative: take dtype='float32'."
            raise InputError(must_be("RawPixels", "dtype", "'float32' for center=True", self.dtype, remedy))
        return int(np.prod(self._shape(shape)))

    def cost(self, n: int, shape: tuple[int, ...]) -> Cost:
        """Return the sums behind luma and area means, a subtraction a number where centred, and the bytes."""
        height, width, channels = shape[0], shape[1], shape[2] if len(shape) == 3 else 1
        operations = 0
        if self.grey and channels == 3:  # three products, their sum, and a half that rounds it
            operations, channels = height * width * 6, 1
        if self.size is not None:  # each pixel times its share, added
            operations += 2 * height * width * channels
        d = int(np.prod(self._shape(shape)))
        operations += d if self.center else 0
        return Cost(float(n) * operations, float(n) * (math.prod(shape) + d * self.feature_dtype.itemsize))

    def _fit(self, images: Any, y: AnyArray | None) -> None:  # noqa: ARG002 - pixels have no labels
        self.mean_ = np.zeros(self.n_features_out_, dtype=np.float32)
        if not self.center:
            return
        # Whole numbers, summed exactly: the same mean in any order and on any number of threads.
        sums = np.zeros(self.n_features_out_, dtype=np.int64)
        batches = [i[None] for i in images] if isinstance(images, list) else chunks(images, _CHUNK)
        for batch in batches:
            sums += self._pixels(batch).reshape(len(batch), -1).sum(axis=0, dtype=np.int64)
        self.mean_ = (sums / max(len(images), 1)).astype(np.float32)

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        pixels = self._pixels(images).reshape(len(images), -1)
        if self.dtype == "uint8":
            return pixels if pixels.base is None else pixels.copy()  # type: ignore[return-value]
        features = pixels.astype(np.float32)
        return features - self.mean_ if self.center else features


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
