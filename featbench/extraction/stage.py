"""Rows on their way into a file: whole up to the last chunk, whenever the machine stops.

::

    OUTPUT.partial/rows.npy        room for every row, filled from the top
    OUTPUT.partial/progress.json   how many of them are on the disk, and what they were made of
    OUTPUT.partial/extractor/      the extractor, fitted

Rows are flushed to the disk before ``progress.json`` promises them. They are written with ordinary writes into
space that is reserved at the start: through a memory map a full disk would kill the process without a word.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from featbench.disk import hold_folder, reserve
from featbench.errors import ConfigError, FeatbenchError, StoreError
from featbench.store import read_json, to_json, write_atomic
from featbench.text import counted
from featbench.types import AnyArray

__all__ = ["Stage"]

_WORDS = {
    "extractor": "the extractor or its parameters",
    "learned": "what the extractor has learned",
    "decoding": "the size of the images or how they become square",
    "files": "the image files",
    "versions": "the versions of libraries",
    "code": "the code of featbench or of a plug-in",
}


@dataclass
class _Done:
    """What ``progress.json`` says.

    Attributes
    ----------
    n_files, n_rows : int
        Files that were read, and rows that they gave.
    problems : dict of str to str
        Why a file gave none, by its position.
    fitted : bool
        Whether the fitted extractor is there.
    fit_seconds, seconds : float
        Of the fit; of decoding, extracting and writing; over all sittings.
    without : str
        Fingerprint of the files that gave a row, once all were read, where the others may be removed.
    """

    n_files: int = 0
    n_rows: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    fitted: bool = False
    fit_seconds: float = 0.0
    seconds: float = 0.0
    without: str = ""


class Stage:
    """A folder beside the output that holds what is done of it.

    Parameters
    ----------
    folder : Path
    made_of : mapping
        Everything that decides the rows, in JSON's types; rows made of something else are not mixed in.
    anew : bool
        Drop rows that were made of something else rather than refuse to go on.

    Attributes
    ----------
    done : _Done
    keep : bool
        Whether anything is there to go on from. A folder that this sitting has made goes with it otherwise.
    """

    def __init__(self, folder: Path, made_of: Mapping[str, Any], *, anew: bool) -> None:
        self.folder, self.anew = folder, anew
        self.made_of: dict[str, Any] = json.loads(to_json(made_of))
        self.done = _Done()
        self.keep = False
        self._made: list[Path] = []
        self._lock: IO[str] | None = None
        self._file: IO[bytes] | None = None
        self._row_bytes = 0

    @property
    def rows_path(self) -> Path:
        """Where the rows are."""
        return self.folder / "rows.npy"

    @property
    def extractor_path(self) -> Path:
        """Where the fitted extractor is."""
        return self.folder / "extractor"

    def __enter__(self) -> Self:
        """Take the folder for this process, and find out how far an earlier one came.

        Raises
        ------
        ConfigError
            It holds rows that were made of something else.
        StoreError
            It cannot be written, or another process is writing there.
        """
        try:
            self._made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = hold_folder(self.folder, "extraction")
        except OSError as error:
            raise ConfigError(
                f"{self.folder}: cannot be written ({error.strerror}). Choose another --output."
            ) from error
        try:
            self._read()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        if not self.keep and self.folder in self._made:
            self.remove()  # while it is still held
            with contextlib.suppress(OSError):  # something else stands there by now
                for path in self._made[1:]:
                    path.rmdir()
        if self._lock is not None:
            self._lock.close()

    def _read(self) -> None:
        try:
            found = read_json(self.folder / "progress.json")
            before, done = found["made_of"], _Done(**found["done"])
        except (FeatbenchError, KeyError, TypeError):  # nothing was promised
            return
        differing = [words for key, words in _WORDS.items() if before.get(key) != self.made_of.get(key)]
        if not differing:
            self.done = done
        elif differing == [_WORDS["files"]] and done.without == self.made_of["files"]:
            # Those that gave no row were removed, and nothing else has changed.
            self.done = replace(done, n_files=done.n_rows, problems={}, without="")
        elif done.n_rows and not self.anew:
            back = "Put the files back as they were and" if _WORDS["files"] in differing else "To finish it,"
            raise ConfigError(
                f"{self.folder}: holds {counted(done.n_rows, 'row')} of an extraction that was interrupted, and since "
                f"then {' and '.join(differing)} changed; rows are not mixed. {back} repeat the earlier command; or "
                "make every row anew with --force, or choose another --output."
            )

    def open(self, d: int, dtype: np.dtype[Any], n_files: int) -> None:
        """Open the file of rows, where they stand or empty, with room for all.

        Parameters
        ----------
        d : int
            Length of a row.
        dtype : dtype
        n_files : int
            How many rows there can be.

        Raises
        ------
        StoreError
            There is no room for them.
        """
        self._row_bytes = d * dtype.itemsize
        header = _header(n_files, d, dtype)
        total = len(header) + n_files * self._row_bytes
        try:
            self._file = self.rows_path.open("r+b" if self.rows_path.exists() else "w+b")
            if self.rows_path.stat().st_size < len(header) + self.done.n_rows * self._row_bytes:
                self.done = _Done(
                    fitted=self.done.fitted, fit_seconds=self.done.fit_seconds
                )  # fewer rows than were promised
            reserve(self._file.fileno(), total)
            self._file.write(header)
            self._file.seek(len(header) + self.done.n_rows * self._row_bytes)
        except OSError as error:
            raise self._full(error, f" {total / 1e6:,.0f} MB are needed.") from error
        self.note()

    def append(self, rows: AnyArray, n_files: int, problems: Mapping[int, str], seconds: float) -> None:
        """Write the rows of the next files; once this returns they survive a crash.

        Parameters
        ----------
        rows : ndarray, (n, d)
        n_files : int
            How many files that makes.
        problems : mapping of int to str
            Why a file of these gave no row, by its position.
        seconds : float
            What they took.

        Raises
        ------
        StoreError
            The disk is full.
        """
        assert self._file is not None
        try:
            self._file.write(np.ascontiguousarray(rows).data)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._full(error, "") from error
        self.keep = True
        self.done.n_files = n_files
        self.done.n_rows += len(rows)
        self.done.problems.update({str(position): reason for position, reason in problems.items()})
        self.done.seconds += seconds
        self.note()

    def note(self) -> None:
        """Write down how far it is."""
        write_atomic(
            self.folder / "progress.json", to_json({"made_of": self.made_of, "done": asdict(self.done)})
        )

    def close(self, d: int, dtype: np.dtype[Any]) -> None:
        """Finish the file of rows: it is as long as there are rows, and says so."""
        assert self._file is not None
        header = _header(self.done.n_rows, d, dtype)
        self._file.seek(0)
        self._file.write(header)
        self._file.truncate(len(header) + self.done.n_rows * self._row_bytes)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None

    def remove(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _full(self, error: OSError, needed: str) -> StoreError:
        return StoreError(
            f"{self.folder}: cannot be written ({error.strerror}).{needed} Nothing was written under the final name. "
            "Free space and run the same command again, which goes on from there; or choose another --output and "
            "remove this folder."
        )


def _header(n: int, d: int, dtype: np.dtype[Any]) -> bytes:
    """Return the head of a ``.npy`` file; NumPy leaves room in it, so that it is as long for any `n`."""
    buffer = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (n, d)}
    np.lib.format.write_array_header_1_0(buffer, described)
    return buffer.getvalue()
