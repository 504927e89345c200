"""The files that are read, and how: in chunks whose pixels are bounded, at one size or at their own."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from featbench.datasets.decode import Resize, count_pixels, decode_files
from featbench.datasets.labelling import readable
from featbench.datasets.listing import list_images
from featbench.errors import DataError, InputError, Shown, must_be
from featbench.types import ImageArray

__all__ = ["Decoding", "ImageFiles", "find_images", "fingerprint"]

# Files and bytes of pixels of a chunk: enough for every core, few enough that Ctrl-C waits a second or two
# and that the pixels stay small beside everything else.
_MOST_FILES = 512
_MOST_BYTES = 64 * 2**20
# So many at first, and twice as many whenever a chunk took less than a second, half as many after two: what is
# told of the progress moves soon, and a fast extractor does not wait for the disk after every few images.
_FIRST_FILES = 64
_SHORT_S, _LONG_S = 1.0, 2.0


@dataclass(frozen=True)
class ImageFiles:
    r"""Image files in the order of the rows.

    Attributes
    ----------
    paths : list of Path
    names : list of str
        Relative to the folder that was listed, with ``/``; bytes that are no UTF-8 are written as ``\xe9``.
    source : str
        What was listed.
    notes : list of str
        What was passed over.
    percent_names : dict of int to str
        Of names that hold bytes that are no UTF-8, by position: the bytes themselves, percent-encoded.
    """

    paths: list[Path]
    names: list[str]
    source: str
    notes: list[str]
    percent_names: dict[int, str] = field(default_factory=dict)

    def states(self) -> list[str]:
        """Return name, size and time of change of each file; their content is not read."""
        return [f"{name}\0{_state(path)}\0" for path, name in zip(self.paths, self.names, strict=True)]


def _state(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def fingerprint(states: Iterable[str]) -> str:
    """Return a hash of the states of files."""
    digest = hashlib.sha256()
    for state in states:
        digest.update(state.encode())
    return digest.hexdigest()


def find_images(images: str | Path | Sequence[str | Path]) -> ImageFiles:
    """List image files.

    Parameters
    ----------
    images : path, or sequence of path
        A folder, of which every image at any depth is taken; one file; or the files themselves.

    Returns
    -------
    ImageFiles

    Raises
    ------
    DataError
        No image is there, links in the folder lead back to themselves, or a list holds a folder.
    InputError
        No paths, but arrays of pixels for example.
    """
    if not isinstance(images, (str, os.PathLike)):
        paths = _listed(images)
        return _named(paths, [path.as_posix() for path in paths], f"a list of {len(paths):,} files", [])
    root = Path(images).expanduser()
    listing = list_images(root)
    if listing.problems:
        more = f"; and {len(listing.problems) - 1} more" if len(listing.problems) > 1 else ""
        raise DataError(f"{listing.problems[0]}{more}. Remove the link, or give the folder that it leads to.")
    paths = [entry.path for entry in listing.entries]
    base = root if root.is_dir() else root.parent
    names = [os.path.relpath(path, base).replace(os.sep, "/") for path in paths]
    return _named(paths, names, readable(str(images)), listing.notes)


def _named(paths: list[Path], names: list[str], source: str, notes: list[str]) -> ImageFiles:
    shown = [readable(name) for name in names]
    percent = {i: quote(os.fsencode(name)) for i, name in enumerate(names) if shown[i] != name}
    return ImageFiles(paths, shown, source, notes, percent)


def _listed(images: Any) -> list[Path]:
    """Return the paths of a list of files."""
    constraint = "a folder, a file or a list of files"
    remedy = "Features of images in memory need no files: extractor.fit_transform(images)."
    shape = getattr(images, "shape", None)
    got = type(images).__name__ if shape is None else f"{type(images).__name__} of shape {tuple(shape)}"
    paths: list[Path] = []
    try:
        for item in images:
            if not isinstance(item, (str, os.PathLike)):
                got = f"{type(images).__name__} that holds {type(item).__name__}" if shape is None else got
                raise InputError(must_be("extract", "images", constraint, Shown(got), remedy))
            paths.append(Path(item))
    except TypeError:
        raise InputError(must_be("extract", "images", constraint, Shown(got), remedy)) from None
    if not paths:
        raise DataError("extract: images must be at least one file; got an empty list.")
    for path in paths:
        if path.is_dir():
            remedy = "Give one folder alone, all of whose images are taken, or name the files in it."
            got = f"the folder {readable(str(path))}"
            raise DataError(must_be("extract", "what a list of images holds", "files", Shown(got), remedy))
    return paths


@dataclass(frozen=True)
class Decoding:
    """What becomes of a file's pixels.

    Attributes
    ----------
    size : int or None
        Height and width that every image is brought to; None keeps the images' own.
    resize : {"squash", "crop", "pad"}
    max_pixels : int
        As for `featbench.datasets.decode.decode`.
    """

    size: int | None
    resize: Resize
    max_pixels: int

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as a manifest writes them: `resize` means nothing to images that keep their size."""
        described = asdict(self)
        return {**described, "size": "keep", "resize": None} if self.size is None else described

    def chunks(self, paths: Sequence[Path], start: int) -> Iterator[tuple[int, int]]:
        """Yield ``(start, stop)`` of one chunk of files after another, from `start` on.

        How long one was worked on decides how many files the next one has.
        """
        most = min(_FIRST_FILES, _MOST_FILES)
        while start < len(paths):
            began = time.monotonic()
            stop = start + 1
            if self.size is not None:
                stop = start + max(1, min(most, _MOST_BYTES // (3 * self.size**2)))
            else:
                n_bytes = 3 * count_pixels(paths[start])
                while stop < len(paths) and stop - start < most:
                    n_bytes += 3 * count_pixels(paths[stop])
                    if n_bytes > _MOST_BYTES:
                        break
                    stop += 1
            stop = min(stop, len(paths))
            yield start, stop
            start = stop
            seconds = time.monotonic() - began
            if seconds < _SHORT_S:
                most = min(2 * most, _MOST_FILES)
            elif seconds > _LONG_S:
                most = max(most // 2, min(_FIRST_FILES, _MOST_FILES))

    def read(self, paths: Sequence[Path]) -> tuple[ImageArray | list[ImageArray], dict[int, str]]:
        """Decode files.

        Parameters
        ----------
        paths : sequence of Path

        Returns
        -------
        images : ndarray of uint8, (n, size, size, 3), or list of ndarray
            Those that can be decoded, in order.
        problems : dict of int to str
            Why the others cannot, by their position in `paths`.
        """
        if self.size is None:
            kept: list[ImageArray] = [np.empty((0, 0, 3), dtype=np.uint8)] * len(paths)
            problems = decode_files(paths, None, self.resize, self.max_pixels, kept)
            return [image for i, image in enumerate(kept) if i not in problems], problems
        images = np.empty((len(paths), self.size, self.size, 3), dtype=np.uint8)
        problems = decode_files(paths, self.size, self.resize, self.max_pixels, images)
        return (np.delete(images, list(problems), axis=0) if problems else images), problems
