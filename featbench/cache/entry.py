"""One entry of a cache, as it lies on the disk: read, never written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from featbench.errors import StoreError
from featbench.store import read_json
from featbench.types import AnyArray

__all__ = ["DESCRIPTION", "SUMS", "Entry", "checksums"]

DESCRIPTION, SUMS = "entry.json", "SHA256SUMS"

# Folders whose checksums this process has verified, with what would differ if it were another one by now.
_verified: set[tuple[str, int, int]] = set()


@dataclass(frozen=True)
class Entry:
    """A folder that holds an entry.

    Parameters
    ----------
    folder : Path
        Its name is the entry's key.
    """

    folder: Path

    @property
    def key(self) -> str:
        """What it is found by."""
        return self.folder.name

    @property
    def n_bytes(self) -> int:
        """Of all its files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    @property
    def used(self) -> float:
        """When it was made or last read, in seconds since 1970."""
        return (self.folder / SUMS).stat().st_mtime

    def verify(self, *, again: bool = False) -> None:
        """Hold every file against its checksum; unless `again`, once in a process.

        Raises
        ------
        StoreError
            A file is missing, differs, or is one too many.
        OSError
            The entry cannot be read.
        """
        stat = self.folder.stat()
        stamp = (str(self.folder), stat.st_ino, stat.st_mtime_ns)
        if stamp in _verified and not again:
            return
        written = (self.folder / SUMS).read_bytes()
        found = checksums(self.folder)
        if written != found:
            differing = set(written.splitlines()) ^ set(found.splitlines())
            names = sorted({line[66:].decode("utf-8", "replace") for line in differing} - {""}) or [SUMS]
            told = ", ".join(names[:5])
            raise StoreError(f"entry {self.key[:12]}: is damaged: checksums differ for {told}.")
        _verified.add(stamp)

    def description(self) -> dict[str, Any]:
        """Return what ``entry.json`` tells.

        Raises
        ------
        StoreError
            It cannot be read.
        """
        told = read_json(self.folder / DESCRIPTION)
        if not isinstance(told, dict):
            raise StoreError(f"{self.folder / DESCRIPTION}: is no description of an entry.")
        return told

    def array(self, name: str, most: float) -> AnyArray:
        """Return an array: in memory, or, if it takes more than `most` bytes, mapped from its file.

        What is written into a mapped array stays in this process.

        Raises
        ------
        StoreError
            It cannot be read.
        """
        path = self.folder / f"{name}.npy"
        try:
            mapped = path.stat().st_size > most
            # As a plain array: nobody else needs to know that it is mapped.
            return np.asarray(np.load(path, mmap_mode="c" if mapped else None, allow_pickle=False))
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read ({error}).") from error


def checksums(folder: Path) -> bytes:
    """Return a line ``<sha256>  <name>`` for each file in a folder but the list of these lines itself."""
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name != SUMS:
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines).encode()
