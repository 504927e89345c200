"""Image files of any size and kind to upright RGB squares, on all cores.

What happens to a file, in this order: its header is read and its pixels are counted; a JPEG much larger than needed is
decoded at a half, a quarter or an eighth; EXIF's orientation is applied; 16 bits become the upper 8; a palette, grey,
CMYK and the like become RGB, and what is transparent lies on white; then it is resized. Colour profiles are not
applied. Of a file with several frames the first is taken.

A new pixel is the mean of the area that it covers, exactly (`area_resize`). Only where an image is enlarged along an
axis, and a mean would repeat its pixels, does Pillow's bilinear filter interpolate between them. Images of more than
2²⁴ pixels are first reduced to fewer, by rounded means over whole pixels.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image, ImageOps

from featbench.datasets.labelling import readable
from featbench.errors import DataError
from featbench.images import ImageSource
from featbench.numerics.area import area_resize
from featbench.numerics.threads import spread
from featbench.types import ImageArray, Indices

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "FileImages",
    "Resize",
    "count_pixels",
    "decode",
    "decode_files",
    "to_rgb",
]

Resize: TypeAlias = Literal["squash", "crop", "pad"]

MAX_PIXELS = 89_478_485
"""Pixels of the largest image that is decoded unless somebody asks for more: Pillow's own limit."""

_MOST_COPIED = 1 << 24  # pixels; a copy takes 8 bytes for each while it is made

# What Pillow may try on a file, whatever the file is called: nothing that runs another program (EPS does).
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")

# A file so called is meant to be an image; one that then cannot be decoded is a problem and not passed over.
IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".avif", ".jp2", ".jxl"}
)

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def decode(path: Path, size: int | None, resize: Resize, max_pixels: int) -> ImageArray:
    """Decode one file.

    Parameters
    ----------
    path : Path
    size : int or None
        Height and width of the result, pixels; None keeps the image's own.
    resize : {"squash", "crop", "pad"}
        Give up the proportions, the margins, or some of the area (which becomes black). Where a margin cannot be
        halved, the right or the lower one has the odd pixel.
    max_pixels : int
        A larger image is refused before its pixels are read.

    Returns
    -------
    ndarray of uint8, (size, size, 3) or (h, w, 3)

    Raises
    ------
    DataError
        Naming the file and the reason: it is missing, truncated, too large, or no image.
    """
    try:
        return _decode(path, size, resize, max_pixels)
    except _UnreadableError as error:
        reason = str(error)
    except Image.DecompressionBombError:
        reason = f"it has more pixels than any image should have; max_pixels allows {max_pixels:,}"
    except OSError as error:
        reason = error.strerror or _first_line(error, path)
    except Exception as error:  # a damaged image fails in as many ways as there are decoders
        reason = _first_line(error, path)
    raise DataError(f"{readable(str(path))}: cannot be read as an image: {reason}")


class _UnreadableError(Exception):
    """Why an image is not taken."""


def _first_line(error: Exception, path: Path) -> str:
    """Return what a decoder says, without the path, which is said already."""
    text = str(error).replace(repr(str(path)), "").strip()
    return text.splitlines()[0] if text else type(error).__name__


def _decode(path: Path, size: int | None, resize: Resize, max_pixels: int) -> ImageArray:
    if not path.is_file():  # a pipe or a device would be waited for without end
        raise _UnreadableError("it is no plain file" if path.exists() else "it is not there")
    with Image.open(path, formats=_FORMATS) as image:
        if image.width * image.height > max_pixels:
            measure = f"{image.width} × {image.height} pixels"
            raise _UnreadableError(f"it has {measure}, and max_pixels allows {max_pixels:,}")
        # An MPO, of a telephone, is a JPEG with another behind it.
        if size is not None and image.format in ("JPEG", "MPO"):
            # Saves decoding the rest. The decoder's own reduction is no exact mean; of the twice as many pixels that
            # it leaves at least, each new one is a mean again.
            image.draft(None, (2 * size, 2 * size))
        ImageOps.exif_transpose(image, in_place=True)
        upright = to_rgb(image)
        return np.asarray(upright) if size is None else _resized(upright, size, resize)


def count_pixels(path: Path) -> int:
    """Return height times width of an image, from the header of its file; 0 where it cannot be read."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            return image.width * image.height
    except Exception:  # `decode` will say what is wrong with it
        return 0


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to RGB, 8 bits.

    Parameters
    ----------
    image : Image
        Of 16 bits a channel the upper 8 are kept; transparent parts are laid on white.

    Returns
    -------
    Image
        Of mode RGB: `image` itself, where it is that already.

    Raises
    ------
    DataError
        Pixels are floats, or integers beyond 16 bits: what is black and white among them is not known.
    """
    if image.mode == "F":
        raise DataError(
            "its pixels are floats, whose black and white are not known; save it with 8 or 16 bits"
        )
    if image.mode in _DEEP:
        pixels = np.asarray(image).astype(np.int64)
        if pixels.min() < 0 or pixels.max() > 65535:
            raise _UnreadableError("its pixels are integers beyond 16 bits; save it with 8 or 16 bits")
        return Image.fromarray((pixels >> 8).astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        return white.convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _resized(image: Image.Image, size: int, resize: Resize) -> ImageArray:
    """Reduce or enlarge an RGB image to ``size × size``."""
    width, height = image.size
    if resize == "pad":
        longest = max(width, height)
        fitted = (max(1, round(height * size / longest)), max(1, round(width * size / longest)))
        upper, left = (size - fitted[0]) // 2, (size - fitted[1]) // 2
        padded = np.zeros((size, size, 3), dtype=np.uint8)
        padded[upper : upper + fitted[0], left : left + fitted[1]] = _squashed(image, *fitted)
        return padded
    if resize == "crop" and width != height:
        side = min(width, height)
        left, upper = (width - side) // 2, (height - side) // 2
        image = image.crop((left, upper, left + side, upper + side))
    return _squashed(image, size, size)


def _squashed(image: Image.Image, height: int, width: int) -> ImageArray:
    if image.width < width or image.height < height:
        return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0))
    excess = image.width * image.height / _MOST_COPIED
    if excess > 1:
        factor = math.ceil(math.sqrt(excess))
        image = image.reduce((min(factor, image.width // width), min(factor, image.height // height)))
    # Pillow holds four bytes a pixel: with the fourth, which means nothing, they are copied several times as fast.
    pixels = np.frombuffer(image.tobytes("raw", "RGBX"), dtype=np.uint8)
    reduced = np.empty((1, height, width, 3), dtype=np.uint8)
    area_resize(pixels.reshape(1, image.height, image.width, 4), height, width, out=reduced)
    resized: ImageArray = reduced[0]
    return resized


def decode_files(
    paths: Sequence[Path],
    size: int | None,
    resize: Resize,
    max_pixels: int,
    out: ImageArray | list[ImageArray] | None = None,
) -> dict[int, str]:
    """Decode files on all cores.

    Parameters
    ----------
    paths : sequence of Path
    size, resize, max_pixels
        As for `decode`.
    out : ndarray of uint8, (len(paths), size, size, 3), or list as long as `paths`, optional
        Receives the images; without it they are decoded and dropped, to find those that cannot be.

    Returns
    -------
    dict of int to str
        What `decode` says of an image that cannot be decoded, by its position; its place in `out` is left as it was.
    """
    problems: dict[int, str] = {}

    def work(start: int, stop: int) -> None:
        for position in range(start, stop):
            try:
                image = decode(paths[position], size, resize, max_pixels)
            except DataError as error:
                problems[position] = str(error)
            else:
                if out is not None:
                    out[position] = image

    with warnings.catch_warnings():
        # Pillow warns of odd metadata and of large images; the first do no harm, the second are bounded here.
        warnings.simplefilter("ignore")
        spread(work, len(paths))
    return dict(sorted(problems.items()))


class FileImages(ImageSource):
    """Images that stay in their files and are decoded whenever they are read.

    Parameters
    ----------
    paths : sequence of Path
    size, resize, max_pixels
        As for `decode`.
    """

    def __init__(self, paths: Sequence[Path], size: int, resize: Resize, max_pixels: int) -> None:
        self.image_shape = (size, size, 3)
        self._paths = list(paths)
        self._size, self._resize, self._max_pixels = size, resize, max_pixels

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, indices: Indices) -> ImageArray:
        """Decode the images at `indices`.

        Raises
        ------
        DataError
            A file has been changed or removed since the data set was loaded.
        """
        paths = [self._paths[index] for index in indices]
        images = np.empty((len(paths), *self.image_shape), dtype=np.uint8)
        problems = decode_files(paths, self._size, self._resize, self._max_pixels, images)
        for problem in problems.values():
            raise DataError(f"{problem}. It could be when the data set was loaded: start the run again.")
        return images
