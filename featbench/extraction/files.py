"""The files that are read, and how: in chunks whose pixels are bounded, at one size or at their own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from featbench.datasets.decode import Resize, count_pixels, decode_files
from featbench.datasets.labelling import readable
from featbench.datasets.listing import list_images
from featbench.errors import DataError
from featbench.types import ImageArray

__all__ = ["Decoding", "ImageFiles", "find_images"]

# Files and bytes of pixels of a chunk: enough for every core, few enough that Ctrl-C waits a second or two
# and that the pixels stay small beside everything else.
_MOST_FILES = 512
_MOST_BYTES = 64 * 2**20


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
    """

    paths: list[Path]
    names: list[str]
    source: str
    notes: list[str]

    def fingerprint(self) -> str:
        """Return a hash of the files' names, sizes and times of change; their content is not read."""
        digest = hashlib.sha256()
        for path, name in zip(self.paths, self.names, strict=True):
            try:
                status = path.stat()
                state = f"{status.st_size} {status.st_mtime_ns}"
            except OSError:
                state = "missing"
            digest.update(f"{name}\0{state}\0".encode())
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
        No image is there, or links in the folder lead back to themselves.
    """
    if not isinstance(images, (str, Path)):
        paths = [Path(path) for path in images]
        if not paths:
            raise DataError("extract: images must be at least one file; got an empty list.")
        names = [readable(path.as_posix()) for path in paths]
        return ImageFiles(paths, names, f"a list of {len(paths):,} files", [])
    root = Path(images).expanduser()
    listing = list_images(root)
    if listing.problems:
        more = f"; and {len(listing.problems) - 1} more" if len(listing.problems) > 1 else ""
        raise DataError(f"{listing.problems[0]}{more}. Remove the link, or give the folder that it leads to.")
    paths = [entry.path for entry in listing.entries]
    base = root if root.is_dir() else root.parent
    names = [readable(os.path.relpath(path, base).replace(os.sep, "/")) for path in paths]
    return ImageFiles(paths, names, readable(str(images)), listing.notes)


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
        """Yield ``(start, stop)`` of one chunk of files after another, from `start` on."""
        while start < len(paths):
            stop = start + 1
            if self.size is not None:
                stop = start + max(1, min(_MOST_FILES, _MOST_BYTES // (3 * self.size**2)))
            else:
                n_bytes = 3 * count_pixels(paths[start])
                while stop < len(paths) and stop - start < _MOST_FILES:
                    n_bytes += 3 * count_pixels(paths[stop])
                    if n_bytes > _MOST_BYTES:
                        break
                    stop += 1
            stop = min(stop, len(paths))
            yield start, stop
            start = stop

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
