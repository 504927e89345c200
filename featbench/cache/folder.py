"""The folder of a cache: entries found by their keys, damaged ones set aside, old ones removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from featbench.cache.entry import SUMS, Entry
from featbench.cache.places import cache_limit, cache_root
from featbench.cache.writing import Draft, remove_abandoned
from featbench.errors import StoreError

__all__ = ["Cache"]

_DAMAGED, _REMOVING = ".damaged-", ".removing-"


class Cache:
    """A folder that processes share.

    Parameters
    ----------
    root : path, optional
        Made when something is first written; `cache_root()` by default.
    limit : int, optional
        Bytes that it may hold; `cache_limit()` by default.

    Attributes
    ----------
    unwritable : str
        Why it could not be written; empty until somebody has found that and noted it here.
    """

    def __init__(self, root: str | Path | None = None, limit: int | None = None) -> None:
        self.root = cache_root() if root is None else Path(root)
        self.limit = cache_limit() if limit is None else limit
        self.unwritable = ""

    def holds(self, key: str) -> bool:
        """Tell whether there is an entry of a key, without verifying it or marking it as used."""
        return (self.root / key[:2] / key).is_dir()

    def find(self, key: str) -> Entry | None:
        """Return the entry of a key, verified and marked as used now; None where there is none.

        Raises
        ------
        StoreError
            It was damaged, and has been set aside.
        """
        entry = Entry(self.root / key[:2] / key)
        try:
            if not entry.folder.is_dir():
                return None
            entry.verify()
        except (OSError, StoreError) as error:
            if not entry.folder.is_dir():  # somebody removed it while it was read
                return None
            self.set_aside(entry)
            raise StoreError(str(error)) from error
        with contextlib.suppress(OSError):  # read-only, or removed; what is open stays readable
            os.utime(entry.folder / SUMS)
        return entry

    def draft(self) -> Draft:
        """Return a folder to write an entry in.

        Raises
        ------
        StoreError
            The cache cannot be written.
        """
        return Draft(self.root)

    def entries(self) -> list[Entry]:
        """Return all entries, the one used last at the end."""
        found = []
        for folder in self.root.glob("[0-9a-f][0-9a-f]/*"):
            with contextlib.suppress(OSError):  # somebody removed it
                found.append((Entry(folder).used, folder.name, Entry(folder)))
        return [entry for *_, entry in sorted(found, key=lambda told: told[:2])]

    def damaged(self) -> list[Path]:
        """Return the folders that were set aside."""
        return sorted(self.root.glob(f"{_DAMAGED}*"))

    def set_aside(self, entry: Entry) -> None:
        """Take a damaged entry out of the way, where it can be looked at until the cache is next pruned."""
        with contextlib.suppress(OSError):  # read-only, or somebody else did
            aside = tempfile.mkdtemp(dir=self.root, prefix=f"{_DAMAGED}{entry.key[:12]}-")
            entry.folder.rename(aside)

    def prune(self, to: int | None = None) -> list[Entry]:
        """Remove what was used longest ago until the rest takes `to` bytes or fewer; damaged entries first.

        Parameters
        ----------
        to : int, optional
            The cache's limit by default.

        Returns
        -------
        list of Entry
            Those that were removed.
        """
        remove_abandoned(self.root)
        for folder in self.root.glob(f"{_REMOVING}*"):
            shutil.rmtree(folder, ignore_errors=True)
        sizes = {}
        for entry in (*map(Entry, self.damaged()), *self.entries()):
            with contextlib.suppress(OSError):  # somebody removed it
                sizes[entry] = entry.n_bytes
        excess = sum(sizes.values()) - (self.limit if to is None else to)
        removed = []
        for entry, n_bytes in sizes.items():
            if excess <= 0:
                break
            if self._remove(entry):
                removed.append(entry)
            excess -= n_bytes
        return removed

    def _remove(self, entry: Entry) -> bool:
        """Take an entry away whole, and then apart; tell whether that was possible."""
        try:
            away = Path(tempfile.mkdtemp(dir=self.root, prefix=_REMOVING))
            entry.folder.rename(away)
        except OSError:
            with contextlib.suppress(OSError, UnboundLocalError):
                away.rmdir()
            return False
        shutil.rmtree(away, ignore_errors=True)
        return True
