"""What an extractor sees of image files, and learns from them, before it reads them for good."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np

from featbench.base import Extractor
from featbench.datasets.decode import FileImages, Resize, decode_files
from featbench.errors import ConfigError, DataError, InputError, Shown, must_be
from featbench.extraction.files import Decoding, ImageFiles
from featbench.extraction.unreadable import UnreadableFilesError
from featbench.types import ImageArray

__all__ = ["fit_extractor", "learns", "settle_decoding"]

_SIZE = 64
_LEAST_SIZE, _LARGEST_SIZE = 8, 1024  # those of the folder data set

# Of images that keep their sizes so many are learned from at the most, and so many bytes of pixels: there is
# no source of images of differing sizes, so they are all in memory.
_MOST_IMAGES = 2000
_MOST_BYTES = 256 * 2**20
_AT_ONCE = 512


def settle_decoding(extractor: Extractor, size: Any, resize: Resize, max_pixels: int) -> Decoding:
    """Settle the size of the images before anything is read.

    Parameters
    ----------
    extractor : Extractor
        Fitted or not.
    size : int, "keep" or None
    resize : {"squash", "crop", "pad"}
    max_pixels : int

    Returns
    -------
    Decoding

    Raises
    ------
    ConfigError
        The extractor learns from labels, or cannot take files of that size; no such `resize`.
    InputError
        `extractor` is none: a name, a class.
    """
    _check_extractor(extractor)
    name = type(extractor).__name__
    if resize not in get_args(Resize):
        remedy = "Squashing gives up the proportions, cropping the margins, padding some of the area."
        raise ConfigError(must_be("extract", "resize", "'squash', 'crop' or 'pad'", resize, remedy))
    if extractor.uses_labels and not hasattr(extractor, "image_shape_"):
        raise ConfigError(
            f"{name}: learns from labels, which a folder of images does not tell. Fit it on labelled images, save it "
            "with extractor.save(folder), and give that folder."
        )
    seen = getattr(extractor, "image_shape_", None)
    if seen is not None and (len(seen) != 3 or seen[0] != seen[1]):
        remedy = "Fit one on such images."
        constraint = "fitted on square colour images, as files are decoded to"
        raise ConfigError(must_be(name, "the extractor", constraint, Shown(f"one fitted on {seen}"), remedy))
    if size is None:
        size = _SIZE if seen is None else "keep" if seen[0] is None else int(seen[0])
    if size == "keep":
        if not extractor.any_size or (seen is not None and seen[0] is not None):
            why = "needs images of one size" if not extractor.any_size else f"was fitted on images of {seen}"
            raise ConfigError(
                f"{name}: {why}, so size cannot be 'keep'. Give a number of pixels, such as {_SIZE}."
            )
        return Decoding(None, resize, max_pixels)
    if not isinstance(size, int) or not _LEAST_SIZE <= size <= _LARGEST_SIZE:
        constraint = f"'keep', or pixels from {_LEAST_SIZE} to {_LARGEST_SIZE}"
        raise ConfigError(must_be("extract", "size", constraint, size))
    if seen is not None and seen[0] not in (None, size):
        raise ConfigError(
            f"{name}: was fitted on images of {seen[0]} × {seen[1]} pixels, and size is {size}. Leave size out."
        )
    return Decoding(size, resize, max_pixels)


def _check_extractor(value: Any) -> None:
    if isinstance(value, Extractor):
        return
    if isinstance(value, type) and issubclass(value, Extractor):
        got, remedy = f"the class {value.__name__}", f"Make one of it: {value.__name__}()."
    elif isinstance(value, str):
        got = f"the text {value!r}"
        remedy = f"featbench.extraction.choose_extractor({value!r}).extractor is the one of that name, if there is one."
    else:
        got, remedy = (
            f"a value of type {type(value).__name__}",
            "Make one, such as featbench.extractors.HOG().",
        )
    raise InputError(must_be("extract", "the extractor", "an Extractor object", Shown(got), remedy))


def learns(extractor: Extractor) -> bool:
    """Return whether an extractor has still to learn something from the images."""
    return not hasattr(extractor, "image_shape_") and type(extractor)._fit is not Extractor._fit


def fit_extractor(
    extractor: Extractor, files: ImageFiles, decoding: Decoding, *, skip_unreadable: bool
) -> Extractor:
    """Fit an extractor that reads no labels.

    Parameters
    ----------
    extractor : Extractor
        Not fitted yet.
    files : ImageFiles
    decoding : Decoding
    skip_unreadable : bool
        Learn from the files that can be read rather than refuse.

    Returns
    -------
    Extractor
        The same one, fitted on all the files; or, where images keep their sizes, on up to 2,000 drawn ones
        (256 MiB of pixels).

    Raises
    ------
    DataError
        None can be read.
    UnreadableFilesError
        The extractor has to learn, some cannot be read, and `skip_unreadable` is false.
    InputError
        The extractor refuses the images or its parameters.
    """
    if decoding.size is None:
        return _fit_sizes(extractor, files, decoding)
    shared = (decoding.size, decoding.resize, decoding.max_pixels)
    try:
        return extractor.fit(FileImages(files.paths, *shared))
    except DataError:  # a file that cannot be read, and the extractor reads them to learn
        problems: dict[int, str] = {}
        for start in range(0, len(files.paths), _AT_ONCE):
            found = decode_files(files.paths[start : start + _AT_ONCE], *shared)
            problems.update({start + position: reason for position, reason in found.items()})
        readable = [path for position, path in enumerate(files.paths) if position not in problems]
        if not readable or not skip_unreadable:
            raise UnreadableFilesError(problems) from None
        return extractor.fit(FileImages(readable, *shared))


def _fit_sizes(extractor: Extractor, files: ImageFiles, decoding: Decoding) -> Extractor:
    """Fit on drawn images that keep their sizes; on one where there is nothing to learn."""
    most = _MOST_IMAGES if learns(extractor) else 1
    sample: list[ImageArray] = []
    n_bytes, reason = 0, ""
    for position in np.random.default_rng(0).permutation(len(files.paths)):
        images, problems = decoding.read([files.paths[position]])
        if problems:
            reason = reason or problems[0]
            continue
        unsupported = extractor.supports(images[0].shape)
        if unsupported is not None:
            reason = reason or f"{files.names[position]}: {unsupported}"
            continue
        n_bytes += images[0].nbytes
        if sample and n_bytes > _MOST_BYTES:
            break
        sample.append(images[0])
        if len(sample) == most:
            break
    if not sample:
        raise DataError(f"{files.source}: no image can be used: {reason}")
    extractor.fit(sample)
    _open(extractor)
    return extractor


def _open(value: Any) -> None:
    """Let a fitted extractor, and those inside it, take images of any size.

    The images it saw may happen to have one size; `any_size` says that every other gives as many numbers.
    """
    if isinstance(value, (list, tuple)):
        for item in value:
            _open(item)
    elif isinstance(value, Extractor) and hasattr(value, "image_shape_"):
        value.image_shape_ = (None, None, 3)
        _open(list(vars(value).values()))
