"""What counts as a batch of images, and how a batch too large for memory is read.

A batch is an array, ``uint8 (n, h, w, 3)`` RGB or ``uint8 (n, h, w)`` grey, or an `ImageSource`, which
decodes its images when they are read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.types import ImageArray, Indices

__all__ = ["ImageBatch", "ImageSource", "check_images", "chunks", "image_shape", "take"]


class ImageSource(ABC):
    """A sequence of images of one size that is decoded as it is read.

    Attributes
    ----------
    image_shape : tuple of int
        ``(h, w, 3)`` or ``(h, w)``, the shape of every image.
    """

    image_shape: tuple[int, ...]

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of images."""

    @abstractmethod
    def read(self, indices: Indices) -> ImageArray:
        """Decode the images at `indices`, in that order, to ``uint8 (len(indices), *image_shape)``."""


ImageBatch: TypeAlias = ImageArray | ImageSource


class _Selected(ImageSource):
    """Some images of another source."""

    def __init__(self, source: ImageSource, indices: Indices) -> None:
        self.image_shape = source.image_shape
        self._source, self._indices = source, indices

    def __len__(self) -> int:
        return len(self._indices)

    def read(self, indices: Indices) -> ImageArray:
        return self._source.read(self._indices[indices])


def take(images: ImageBatch, indices: Indices) -> ImageBatch:
    """Return the images at `indices`: a copy of an array, a view of a source."""
    if isinstance(images, ImageSource):
        return _Selected(images, np.asarray(indices, dtype=np.int64))
    return images[indices]


def chunks(images: ImageBatch, size: int) -> Iterator[ImageArray]:
    """Yield the images in order, `size` at a time; the last chunk may be shorter."""
    for start in range(0, len(images), size):
        stop = min(start + size, len(images))
        if isinstance(images, ImageSource):
            yield images.read(np.arange(start, stop, dtype=np.int64))
        else:
            yield images[start:stop]


def image_shape(images: ImageBatch) -> tuple[int, ...]:
    """Return the shape of one image, ``(h, w, 3)`` or ``(h, w)``."""
    return images.image_shape if isinstance(images, ImageSource) else images.shape[1:]


def check_images(images: Any, where: str) -> ImageBatch:
    """Accept a batch of images, or say what is wrong with it.

    Parameters
    ----------
    images : array or ImageSource
        ``uint8 (n, h, w, 3)`` or ``uint8 (n, h, w)``; any memory layout, writable or not.
    where : str
        Who asks, for the message.

    Returns
    -------
    ImageBatch
        The same images; an array is made C-contiguous where it was not.

    Raises
    ------
    InputError
        Anything else: a list of images of differing sizes, floats, another number of channels, a
        single image without its leading axis, an image without pixels.
    """
    if isinstance(images, ImageSource):
        return images
    if isinstance(images, (list, tuple)):
        images = _stack(images, where)
    if not isinstance(images, np.ndarray):
        raise InputError(
            must_be(where, "images", "a NumPy array, a list of equal images or an ImageSource", type(images))
        )
    if images.dtype != np.uint8:
        remedy = "Floats in [0, 1] become (images * 255).round().astype(numpy.uint8)."
        raise InputError(must_be(where, "images", "of dtype uint8, 0 to 255", Shown(images.dtype), remedy))
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        remedy = "A single image goes in as image[None]; drop an alpha channel with images[..., :3]."
        raise InputError(
            must_be(where, "images", "of shape (n, h, w, 3) or (n, h, w)", Shown(images.shape), remedy)
        )
    if images.ndim == 3 and images.shape[2] == 3:
        # Three columns of grey would be a strange picture; a colour image without its leading axis is common.
        remedy = "A single colour image goes in as image[None]."
        constraint = "more than 3 pixels wide where they are grey"
        raise InputError(must_be(where, "images", constraint, Shown(images.shape), remedy))
    if 0 in images.shape[1:]:
        raise InputError(must_be(where, "images", "at least one pixel high and wide", Shown(images.shape)))
    return np.ascontiguousarray(images)


def _stack(images: list[Any] | tuple[Any, ...], where: str) -> ImageArray:
    shapes = {np.shape(image) for image in images}
    if len(shapes) != 1:
        shown = ", ".join(str(s) for s in sorted(shapes)[:3]) or "an empty list"
        remedy = "Resize them to one size first." if shapes else "Pass an array of shape (0, h, w, 3)."
        raise InputError(must_be(where, "images", "all of one shape", Shown(shown), remedy))
    return np.stack([np.asarray(image) for image in images])
