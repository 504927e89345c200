"""One's own images: a folder a class, or a CSV file that tells the labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from featbench.datasets.decode import MAX_PIXELS, FileImages, decode_files
from featbench.datasets.labelling import number_classes, readable
from featbench.datasets.labels_csv import list_csv
from featbench.datasets.listing import Entry, Listing, list_folders, shown
from featbench.datasets.splitting import split
from featbench.errors import DataError, Shown, must_be
from featbench.images import ImageBatch
from featbench.imagesets import Dataset, DatasetLoader, ImageSet
from featbench.parameters import Bounds
from featbench.text import first_few
from featbench.types import Groups, ImageArray, Indices, Labels

__all__ = ["Folder"]

# More pixels than this stay in their files and are decoded whenever they are read.
_MOST_BYTES = 4 * 2**30
# Files that are decoded between two looks at the keyboard: Ctrl-C waits for no more.
_AT_ONCE = 512


@dataclass(kw_only=True, eq=False, repr=False)
class Folder(DatasetLoader):
    """One's own images: one folder a class, or ``train/`` and ``test/`` above them, or a CSV file of labels.

    JPEG, PNG, WebP, BMP, TIFF, GIF and PPM files of any size, with 8 or 16 bits, grey, palette, alpha (laid on white),
    CMYK and EXIF-rotated ones, become upright RGB squares. Without a given split one is drawn: stratified by class,
    and where the CSV tells groups, each on one side. Hidden files and files that are no images are passed over and
    counted. What is larger than 4 GiB when decoded is decoded anew whenever it is read.

    Parameters
    ----------
    root : str
        The folder of the images.
    csv : str or None
        A CSV file with the columns file (relative to `root`), label and, if wanted, split (train or test) and group
        (equal where images belong together). Labels are text.
    size : int
        Height and width of the images that the extractors see, pixels.
    resize : {"squash", "crop", "pad"}
        How an image becomes square: its proportions, its margins, or some of the area (black) are given up.
    test_size : float
        Share of each class's images that is kept for the test where no split is given.
    max_images : int or None
        Use at most so many images, drawn by the seed, evenly over classes (and over train and test).
    on_error : {"stop", "skip"}
        Whether a file that cannot be read ends the run, or is left out and counted.
    max_pixels : int
        An image with more pixels is not decoded.
    """

    root: str
    csv: str | None = None
    size: Annotated[int, Bounds(ge=8, le=1024)] = 64
    resize: Literal["squash", "crop", "pad"] = "squash"
    test_size: Annotated[float, Bounds(gt=0, lt=1)] = 0.25
    max_images: Annotated[int, Bounds(ge=4)] | None = None
    on_error: Literal["stop", "skip"] = "stop"
    max_pixels: Annotated[int, Bounds(ge=1, le=178_956_970)] = MAX_PIXELS

    def load(self, seed: int = 0) -> Dataset:
        """List the files, decode them on all cores, and draw a split where none is given."""
        root = Path(self.root).expanduser()
        listing = self._list(root)
        notes = listing.notes
        _check_labels(shown(root), listing.entries)
        entries = _drawn(listing.entries, self.max_images, seed)
        if len(entries) < len(listing.entries):
            notes.append(f"{len(entries):,} of {len(listing.entries):,} images, drawn by the seed")
        images, good = self._decode(entries, listing.problems)
        self._refuse(listing.problems)
        if listing.problems:
            notes.append(f"files left out: {len(listing.problems)}: {first_few(listing.problems)}")
        if isinstance(images, FileImages):
            notes.append("images stay in their files: the times of extraction include decoding")
        entries = [entries[row] for row in good]
        classes, labels = number_classes([entry.label for entry in entries])
        _check_lost(shown(root), listing.entries, classes)
        groups = _group_numbers(entries)
        whole = ImageSet(images, labels, groups, [readable(os.path.relpath(e.path, root)) for e in entries])
        official = bool(entries) and entries[0].part is not None
        rows = _given(entries) if official else split(labels, groups, self.test_size, seed, classes)
        return Dataset(
            name=f"folder {readable(root.resolve().name)}",
            classes=classes,
            train=whole.take(rows[0]),
            test=whole.take(rows[1]),
            official_split=official,
            shareable=False,
            source=f"images under {readable(self.root)}",
            notes=tuple(notes),
        )

    def _list(self, root: Path) -> Listing:
        if not root.is_dir():
            remedy = "Correct the path; a relative one starts at the working folder."
            raise DataError(must_be("folder", "root", "an existing folder", shown(root), remedy))
        listing = list_folders(root) if self.csv is None else list_csv(Path(self.csv).expanduser(), root)
        self._refuse(listing.problems)
        return listing

    def _refuse(self, problems: Sequence[str]) -> None:
        if problems and self.on_error == "stop":
            raise DataError(f"{first_few(problems)}. Mend or remove what is named, or set on_error: skip.")

    def _decode(self, entries: Sequence[Entry], problems: list[str]) -> tuple[ImageBatch, Indices]:
        """Decode what can be decoded; return the images, the rows that they are, and add to the problems."""
        paths = [entry.path for entry in entries]
        lazy = len(paths) * self.size * self.size * 3 > _MOST_BYTES
        pixels: ImageArray | None = None
        if not lazy:
            pixels = np.empty((len(paths), self.size, self.size, 3), dtype=np.uint8)
        good = np.ones(len(paths), dtype=bool)
        for start in range(0, len(paths), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            out = None if pixels is None else pixels[part]
            bad = decode_files(paths[part], self.size, self.resize, self.max_pixels, out)
            good[[start + position for position in bad]] = False
            problems += bad.values()
        rows = np.flatnonzero(good)
        if pixels is None:
            kept = [paths[row] for row in rows]
            return FileImages(kept, self.size, self.resize, self.max_pixels), rows
        return (pixels if good.all() else pixels[rows]), rows


def _drawn(entries: list[Entry], most: int | None, seed: int) -> list[Entry]:
    """Draw at most so many entries: one of each class and part in turn, in a drawn order inside each."""
    if most is None or len(entries) <= most:
        return entries
    rng = np.random.default_rng(seed)
    turn: Counter[tuple[str, str | None]] = Counter()
    keys = []
    for row in rng.permutation(len(entries)):
        kind = entries[row].label, entries[row].part
        keys.append((turn[kind], row))
        turn[kind] += 1
    return [entries[row] for row in sorted(row for _, row in sorted(keys)[:most])]


def _check_labels(where: str, entries: Sequence[Entry]) -> None:
    """Refuse a single class before anything is decoded."""
    classes = {entry.label for entry in entries}
    if len(classes) < 2:
        remedy = "A classifier needs something to tell apart: add a folder, or a label, of another class."
        raise DataError(must_be(where, "classes", "at least two", sorted(classes), remedy))


def _check_lost(where: str, entries: Sequence[Entry], classes: Sequence[str]) -> None:
    """Refuse to go on without a class that was listed."""
    lost = {entry.label for entry in entries} - set(classes)
    if lost:
        got = Shown(f"none for {min(lost)!r}")
        remedy = "Every file of the class is damaged, or max_images is below the number of classes."
        raise DataError(must_be(where, "images that can be read", "there for every class", got, remedy))


def _group_numbers(entries: Sequence[Entry]) -> Groups | None:
    if entries[0].group is None:
        return None
    groups: Labels = number_classes([entry.group or "" for entry in entries])[1]
    return groups


def _given(entries: Sequence[Entry]) -> tuple[Indices, Indices]:
    in_test = np.array([entry.part == "test" for entry in entries])
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)
