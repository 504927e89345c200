"""Which image files there are and what their labels are: from folders, or from a CSV file.

A problem with one file does not stop the listing; the caller decides what becomes of it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from featbench.datasets.decode import IMAGE_SUFFIXES
from featbench.datasets.labelling import natural_key, readable
from featbench.errors import DataError, Shown, must_be

__all__ = ["Entry", "Listing", "list_folders", "list_images", "shown"]

_LAYOUT = "Put the images of each class into a folder of its own, or these folders into train/ and test/."
_PARTS = ("train", "test")
_VALIDATION = ("val", "valid", "validation", "dev")


@dataclass(frozen=True)
class Entry:
    """One image file.

    Attributes
    ----------
    path : Path
    label : str
        Class name.
    part : str or None
        ``"train"`` or ``"test"`` where the split is given.
    group : str or None
        Equal where images belong together, if that is told.
    """

    path: Path
    label: str
    part: str | None = None
    group: str | None = None


@dataclass
class Listing:
    """What was found.

    Attributes
    ----------
    entries : list of Entry
    notes : list of str
        What was passed over, and how much of it.
    problems : list of str
        What should be mended, a sentence each, beginning with the file.
    """

    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def shown(path: Path) -> str:
    """Return a path as text that can be encoded."""
    return readable(str(path))


def list_folders(root: Path) -> Listing:
    """List a folder of class folders, or one with ``train/`` and ``test/`` above them.

    Parameters
    ----------
    root : Path

    Returns
    -------
    Listing
        Classes, and the files of each, in natural order. Folders inside a class folder belong to the class.

    Raises
    ------
    DataError
        `root` is no folder or holds no class folders; a class folder without images; ``train/`` without ``test/``.
    """
    walker = _Walker()
    items = walker.items(root)
    folders = {readable(path.name): path for path, is_folder in items if is_folder}
    if set(_PARTS) <= folders.keys():
        others = [name for name in folders if name not in _PARTS]
        walker.listing.notes += [
            f"the folder {name}/ beside train/ and test/ was left out" for name in others
        ]
        for part in _PARTS:
            walker.classes(folders[part], walker.items(folders[part]), part)
    elif folders and all(name in (*_PARTS, *_VALIDATION) for name in folders):
        remedy = "Name the two folders train/ and test/, or put the class folders together under one."
        got = Shown(", ".join(f"{name}/" for name in folders))
        raise DataError(must_be(shown(root), "a split", "given as train/ and test/", got, remedy))
    else:
        walker.classes(root, items, None)
    walker.finish()
    return walker.listing


def list_images(root: Path) -> Listing:
    """List every image under a folder, whatever its subfolders are; or the one file that `root` is.

    Parameters
    ----------
    root : Path

    Returns
    -------
    Listing
        In natural order, folder by folder; labels are empty.

    Raises
    ------
    DataError
        `root` is not there, or there is no image under it.
    """
    walker = _Walker()
    if root.is_dir():
        walker.listing.entries += [Entry(file, "") for file in walker._files(root)]
        walker.finish()
    elif root.exists():
        walker.listing.entries.append(Entry(root, ""))
    else:
        remedy = "Correct the path; a relative one starts at the working folder."
        raise DataError(must_be("images", "the path", "an existing folder or file", shown(root), remedy))
    if not walker.listing.entries and not walker.listing.problems:
        got = Shown(f"none ({'; '.join(walker.listing.notes) or 'it is empty'})")
        raise DataError(must_be(shown(root), "images", "at least one", got))
    return walker.listing


class _Walker:
    """Walks folders, each once, and counts what is passed over."""

    def __init__(self) -> None:
        self.listing = Listing()
        self._seen: dict[tuple[int, int], Path] = {}
        self._hidden = 0
        self._loose = 0
        self._other: Counter[str] = Counter()

    def classes(self, folder: Path, items: list[tuple[Path, bool]], part: str | None) -> None:
        """List the class folders among the items of a folder."""
        known = len(self.listing.entries)
        for path, is_folder in items:
            if is_folder:
                self._class(path, part)
            else:
                self._loose += path.suffix.lower() in IMAGE_SUFFIXES
        if len(self.listing.entries) == known:
            got = Shown(f"{self._loose} images without a class" if self._loose else "an empty folder")
            raise DataError(must_be(shown(folder), "the folder", "one of class folders", got, _LAYOUT))

    def _class(self, folder: Path, part: str | None) -> None:
        problems, others = len(self.listing.problems), self._other.total()
        label = readable(folder.name)
        entries = [Entry(file, label, part) for file in self._files(folder)]
        if not entries and len(self.listing.problems) == problems:
            others = self._other.total() - others
            got = Shown(f"none{f', but {others} files of other kinds' if others else ''}")
            remedy = "Add images or remove the folder."
            raise DataError(
                must_be(shown(folder), "images", "at least one in every class folder", got, remedy)
            )
        self.listing.entries += entries

    def finish(self) -> None:
        """Write down what was passed over."""
        if self._hidden:
            self.listing.notes.append(f"hidden files and folders passed over: {self._hidden}")
        if self._loose:
            self.listing.notes.append(f"images beside the class folders, left out: {self._loose}")
        if self._other:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self._other.items()))
            self.listing.notes.append(f"files that are no images passed over: {kinds}")

    def _files(self, folder: Path) -> Iterator[Path]:
        for path, is_folder in self.items(folder):
            if is_folder:
                yield from self._files(path)
            elif path.suffix.lower() in IMAGE_SUFFIXES:
                yield path
            else:
                self._other[readable(path.suffix.lower()) or "without a suffix"] += 1

    def items(self, folder: Path) -> list[tuple[Path, bool]]:
        """Return what is in a folder, in natural order, and whether each is a folder; hidden ones are counted."""
        try:
            if not self._enter(folder):
                return []
            found = sorted(os.scandir(folder), key=lambda item: natural_key(item.name))
        except OSError as error:
            got = Shown(error.strerror or str(error))
            raise DataError(must_be(shown(folder), "the folder", "one that can be read", got)) from error
        items = []
        for item in found:
            if item.name.startswith(".") or item.name == "__MACOSX":
                self._hidden += 1
                continue
            try:
                items.append((Path(item.path), item.is_dir()))
            except OSError:  # a link to itself
                self.listing.problems.append(f"{shown(Path(item.path))}: the link leads back to itself")
        return items

    def _enter(self, folder: Path) -> bool:
        """Note a visit; a folder that links lead to a second time is a problem, and ends every loop."""
        status = folder.stat()
        identity = status.st_dev, status.st_ino
        first = self._seen.setdefault(identity, folder)
        if first == folder:
            return True
        self.listing.problems.append(
            f"{shown(folder)}: the link leads to a folder that is read already, {shown(first)}"
        )
        return False
