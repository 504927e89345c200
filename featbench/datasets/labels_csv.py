"""A CSV file of file, label and, if wanted, split and group."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath
from typing import Any

from featbench.datasets.listing import Entry, Listing, shown
from featbench.errors import DataError, Shown, must_be, nearest

__all__ = ["list_csv"]

_REQUIRED = ("file", "label")
_OPTIONAL = ("split", "group")
_PARTS = ("train", "test")


def list_csv(path: Path, root: Path) -> Listing:
    """Read labels from a CSV file.

    Parameters
    ----------
    path : Path
        UTF-8, commas, a first line with the columns' names: ``file`` and ``label``, and if wanted ``split``
        (``train`` or ``test``) and ``group``. Every value is text, without the blanks around it: the labels
        ``1`` and ``01`` are two classes.
    root : Path
        Files are named relative to it, with ``/`` between folders, and lie under it.

    Returns
    -------
    Listing
        In the order of the lines. Columns of other names are left out, and noted.

    Raises
    ------
    DataError
        The file cannot be read, lacks a column or a value, names a file twice or one outside of `root`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _Reader(path, root).read(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        remedy = "Save the table as CSV with commas, in UTF-8; a relative path starts at the working folder."
        raise DataError(
            must_be(shown(path), "csv", "a CSV file that can be read", Shown(reason), remedy)
        ) from error


class _Reader:
    def __init__(self, path: Path, root: Path) -> None:
        self._path, self._root = path, root
        self._listing = Listing()
        self._lines: dict[PurePosixPath, int] = {}

    def read(self, rows: Any) -> Listing:
        names = [name.strip().lower() for name in next(rows, [])]
        columns = self._columns(names)
        for row in rows:
            if not any(value.strip() for value in row):
                continue  # an empty line
            if len(row) > len(names):
                where, remedy = (
                    f"{shown(self._path)}:{rows.line_num}",
                    "Put a value with commas into quotation marks.",
                )
                raise DataError(must_be(where, "values", f"{len(names)}, as columns are", len(row), remedy))
            values = {name: row[at].strip() if at < len(row) else "" for name, at in columns.items()}
            self._add(values, rows.line_num)
        if not self._listing.entries:
            got = Shown("a header alone")
            raise DataError(must_be(shown(self._path), "csv", "at least one line of file and label", got))
        return self._listing

    def _columns(self, names: list[str]) -> dict[str, int]:
        """Return the position of each column that is known."""
        for name in _REQUIRED:
            if name not in names:
                hint = nearest(name, [n for n in names if n])
                remedy = f"Rename {hint!r} to {name!r}." if hint else "Begin with the line: file,label"
                if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
                    remedy = "Separate the columns with commas."
                got = Shown(", ".join(names) or "an empty file")
                raise DataError(
                    must_be(shown(self._path), f"a column {name!r}", "in the first line", got, remedy)
                )
        doubled = [name for name in (*_REQUIRED, *_OPTIONAL) if names.count(name) > 1]
        if doubled:
            raise DataError(
                must_be(shown(self._path), f"the column {doubled[0]!r}", "there once", Shown("twice"))
            )
        others = [name for name in names if name not in (*_REQUIRED, *_OPTIONAL)]
        if others:
            self._listing.notes.append(f"columns of the CSV that mean nothing here: {', '.join(others)}")
        return {name: names.index(name) for name in (*_REQUIRED, *_OPTIONAL) if name in names}

    def _add(self, values: dict[str, str], line: int) -> None:
        where = f"{shown(self._path)}:{line}"
        for name, value in values.items():
            if not value:
                remedy = (
                    f"Fill it in, in every line, or drop the line{' or the column' * (name in _OPTIONAL)}."
                )
                raise DataError(must_be(where, name, "some text", Shown("nothing"), remedy))
        if values.get("split") not in (None, *_PARTS):
            remedy = "Validation images are drawn from the training set: mark them train."
            raise DataError(must_be(where, "split", "train or test", values["split"], remedy))
        file = PurePosixPath(values["file"])
        if file.is_absolute() or ".." in file.parts or "\0" in values["file"]:
            remedy = f"Name files relative to {shown(self._root)}, and keep them under it."
            raise DataError(must_be(where, "file", "a path inside the folder `root`", values["file"], remedy))
        if file in self._lines:
            got = Shown(f"{values['file']!r} in line {self._lines[file]} too")
            raise DataError(must_be(where, "file", "named once", got, "Remove one of the two lines."))
        self._lines[file] = line
        entry = Entry(self._root / file, values["label"], values.get("split"), values.get("group"))
        self._listing.entries.append(entry)
