"""What counts as a batch of images, and how a batch too large for memory is read.

A batch is an array, ``uint8 (n, h, w, 3)`` RGB or ``uint8 (n, h, w)`` grey, or an `ImageSource`, which
decodes its images when they are read. A list holds images whose sizes may differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.image_errors import bad_dtype, bad_kind, bad_shape, is_masked
from featbench.types import ImageArray, Indices

__all__ = [
    "ImageBatch",
    "ImageSource",
    "augmented",
    "by_shape",
    "check_images",
    "check_sizes",
    "chunks",
    "cropped",
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


# Pixels by which a crop is shifted at most, up or down and to the sides.
_SHIFT = 4


class _Cropped(ImageSource):
    """Another source's images, each shifted by its own offset."""

    def __init__(self, source: ImageSource, offsets: Indices) -> None:
        self.image_shape = source.image_shape
        self._source, self._offsets = source, offsets

    def __len__(self) -> int:
        return len(self._source)

    def read(self, indices: Indices) -> ImageArray:
        return _shifted(self._source.read(indices), self._offsets[indices])


def cropped(images: ImageBatch, seed: int | Sequence[int]) -> ImageBatch:
    """Return of each image, padded by 4 pixels, a random part of its size: shifted by up to 4 pixels.

    Parameters
    ----------
    images : ImageBatch
    seed : int or sequence of int
        Draws the shifts. That of an image depends on it and on the image's position alone.

    Returns
    -------
    ImageBatch
        A copy of an array, a view of a source. What was outside is reflected about the outermost pixels.
    """
    offsets = np.random.default_rng(seed).integers(0, 2 * _SHIFT + 1, (len(images), 2))
    return _Cropped(images, offsets) if isinstance(images, ImageSource) else _shifted(images, offsets)


def _shifted(images: ImageArray, offsets: Indices) -> ImageArray:
    """Return the parts that begin at some row and column, ``(n, 2)``, of the padded images."""
    # Which pixel stands where in a padded line, and from there in the part.
    rows, cols = (
        np.pad(np.arange(extent), _SHIFT, mode="reflect")[first[:, None] + np.arange(extent)]
        for extent, first in zip(images.shape[1:3], offsets.T, strict=True)
    )
    parts: ImageArray = images[np.arange(len(images))[:, None, None], rows[:, :, None], cols[:, None, :]]
    return parts


def augmented(images: ImageBatch, how: str, seed: int) -> list[ImageBatch]:
    """Return training images and what joins them to learn from; each batch in the order of the first.

    Parameters
    ----------
    images : ImageBatch
    how : {"none", "flip", "crops", "flip_crops"}
        The images alone; with their mirror images; with one random crop of each; with their mirror images, and one
        crop of each and of its mirror image.
    seed : int
        Draws the crops.

    Returns
    -------
    list of ImageBatch
        One, two, two or four, the images themselves first.
    """
    whole = [images, mirrored(images)] if how.startswith("flip") else [images]
    crops = [cropped(batch, [seed, i]) for i, batch in enumerate(whole)] if how.endswith("crops") else []
    return whole + crops


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
        Anything else, with what would make it a batch: floats, another number of channels, a single image
        without its leading axis, an image without pixels, hidden pixels, images of differing sizes.
    """
    if isinstance(images, (list, tuple)):
        listed = _listed(images, where)
        shapes = sorted({image.shape for image in listed})
        if len(shapes) > 1:
            shown = Shown(", ".join(map(str, shapes[:3])) + (", …" if len(shapes) > 3 else ""))
            raise InputError(
                must_be(where, "images", "all of one shape", shown, "Resize them to one size first.")
            )
        return np.stack(listed)
    return _checked(images, where, any_size=False)


def _checked(images: Any, where: str, *, any_size: bool) -> ImageBatch:
    """Accept an array or a source; `any_size` where a list of differing sizes would have done."""
    if isinstance(images, ImageSource):
        return images
    if not isinstance(images, np.ndarray) or is_masked(images):
        raise bad_kind(images, where)
    if images.dtype != np.uint8:
        raise bad_dtype(images, where, any_size=any_size)
    if error := bad_shape(images.shape, where):
        raise error
    return np.ascontiguousarray(images)


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
    if not isinstance(images, (list, tuple)):
        return _checked(images, where, any_size=True)
    listed = _listed(images, where)
    return listed if len({image.shape for image in listed}) > 1 else np.stack(listed)


def _listed(images: list[Any] | tuple[Any, ...], where: str) -> list[ImageArray]:
    """Accept one or more single images, all in colour or all grey, C-contiguous."""
    if not images:
        remedy = "Pass an array of shape (0, h, w, 3)."
        raise InputError(must_be(where, "images", "one or more in a list", Shown("an empty list"), remedy))
    listed = [_image(image, where, f"image {i}") for i, image in enumerate(images)]
    if len({image.ndim for image in listed}) > 1:
        remedy = "Turn the grey ones into colour with numpy.stack([image] * 3, axis=-1)."
        raise InputError(must_be(where, "images", "all in colour or all grey", Shown("both"), remedy))
    return listed


def _image(image: Any, where: str, what: str) -> ImageArray:
    """Accept one image of a list; `what` is its place there, such as ``"image 3"``."""
    if image is None or is_masked(image):
        raise bad_kind(image, where, what)
    try:
        pixels = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as reason:  # a ragged list, a tensor on another device
        raise bad_kind(image, where, what) from reason
    if not pixels.ndim:
        raise bad_kind(image, where, what)
    if pixels.dtype != np.uint8:
        raise bad_dtype(pixels, where, what)
    if error := bad_shape(pixels.shape, where, what):
        raise error
    return np.ascontiguousarray(pixels)
