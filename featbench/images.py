"""What counts as a batch of images, and how a batch too large for memory is read.

A batch is an array, ``uint8 (n, h, w, 3)`` RGB or ``uint8 (n, h, w)`` grey, or an `ImageSource`, which
decodes its images when they are read. A list holds images whose sizes may differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.types import AnyArray, ImageArray, Indices

__all__ = [
    "ImageBatch",
    "ImageSource",
    "by_shape",
    "check_images",
    "check_sizes",
    "chunks",
    "image_shape",
    "mirrored",
    "take",
]


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


class _Mirrored(ImageSource):
    """Another source's images, left and right exchanged."""

    def __init__(self, source: ImageSource) -> None:
        self.image_shape = source.image_shape
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def read(self, indices: Indices) -> ImageArray:
        return np.ascontiguousarray(self._source.read(indices)[:, :, ::-1])


def mirrored(images: ImageBatch) -> ImageBatch:
    """Return the images with left and right exchanged: a copy of an array, a view of a source."""
    if isinstance(images, ImageSource):
        return _Mirrored(images)
    return np.ascontiguousarray(images[:, :, ::-1])


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


def by_shape(images: list[ImageArray]) -> Iterator[tuple[Indices, ImageArray]]:
    """Yield the images of each size as one array, with their positions in the list."""
    positions: dict[tuple[int, ...], list[int]] = {}
    for position, image in enumerate(images):
        positions.setdefault(image.shape, []).append(position)
    for rows in positions.values():
        yield np.asarray(rows, dtype=np.int64), np.stack([images[row] for row in rows])


def image_shape(images: ImageBatch) -> tuple[int, ...]:
    """Return the shape of one image, ``(h, w, 3)`` or ``(h, w)``."""
    return images.image_shape if isinstance(images, ImageSource) else images.shape[1:]


def check_images(images: Any, where: str) -> ImageBatch:
    """Accept a batch of images of one size, or say what is wrong with it.

    Parameters
    ----------
    images : array, list of arrays or ImageSource
        ``uint8 (n, h, w, 3)`` or ``uint8 (n, h, w)``; any memory layout, writable or not. A list holds
        single images, ``(h, w, 3)`` or ``(h, w)``.
    where : str
        Who asks, for the message.

    Returns
    -------
    ImageBatch
        The same images; an array is made C-contiguous where it was not, a list becomes an array.

    Raises
    ------
    InputError
        Anything else: floats, another number of channels, a single image without its leading axis, an image
        without pixels, images of differing sizes.
    """
    if isinstance(images, ImageSource):
        return images
    if isinstance(images, (list, tuple)):
        images = _stack(images, where)
    if not isinstance(images, np.ndarray):
        raise InputError(
            must_be(where, "images", "a NumPy array, a list of images or an ImageSource", type(images))
        )
    _check_pixels(images, where)
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


def _check_pixels(images: AnyArray, where: str) -> None:
    """Refuse what is not 8-bit, and say how to make it so where that is possible."""
    if images.dtype == np.uint8:
        return
    got: Any = Shown(images.dtype)
    remedy = "Turn the pixels into 0 to 255 and .astype(numpy.uint8)."
    if images.dtype == object:
        remedy = "An object array of images of differing sizes goes in as a list of uint8 arrays."
    elif images.dtype.kind == "f" and images.size:
        low, high = float(np.min(images)), float(np.max(images))  # NaN where any is NaN
        got = Shown(f"{images.dtype} from {low:g} to {high:g}")
        if low >= 0 and high <= 1:
            remedy = "Floats in [0, 1] become (images * 255).round().astype(numpy.uint8)."
        elif not np.isfinite(images).all():
            remedy = f"{int((~np.isfinite(images)).sum())} of the values are not finite: mend those first."
        else:
            remedy = "Only floats in [0, 1] have an obvious meaning: undo what normalised these, and round."
    raise InputError(must_be(where, "images", "of dtype uint8, 0 to 255", got, remedy))


def check_sizes(images: Any, where: str) -> ImageBatch | list[ImageArray]:
    """Accept what `check_images` does, and a list of images whose sizes differ.

    Parameters
    ----------
    images : array, list of arrays or ImageSource
    where : str
        Who asks, for the message.

    Returns
    -------
    ImageBatch, or list of ndarray of uint8
        A list only where sizes differ; its images are all in colour or all grey.

    Raises
    ------
    InputError
        As `check_images`, with the position of the image in the list.
    """
    if not isinstance(images, (list, tuple)) or len({np.shape(image) for image in images}) <= 1:
        return check_images(images, where)
    if len({np.ndim(image) for image in images}) > 1:
        remedy = "Turn the grey ones into colour with numpy.stack([image] * 3, axis=-1)."
        raise InputError(must_be(where, "images", "all in colour or all grey", Shown("both"), remedy))
    return [
        np.asarray(check_images(np.asarray(image)[None], f"{where}: image {i}"))[0]
        for i, image in enumerate(images)
    ]


def _stack(images: list[Any] | tuple[Any, ...], where: str) -> AnyArray:
    shapes = {np.shape(image) for image in images}
    if len(shapes) != 1:
        shown = ", ".join(str(s) for s in sorted(shapes)[:3]) or "an empty list"
        remedy = "Resize them to one size first." if shapes else "Pass an array of shape (0, h, w, 3)."
        raise InputError(must_be(where, "images", "all of one shape", Shown(shown), remedy))
    return np.stack([np.asarray(image) for image in images])
