"""An entry in the making: a folder of its own, renamed whole at the end."""

from __future__ import annotations

import errno
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from featbench.cache.entry import DESCRIPTION, SUMS, Entry, checksums
from featbench.errors import StoreError
from featbench.store import to_json
from featbench.types import AnyArray

__all__ = ["MAKING", "Draft", "remove_abandoned"]

MAKING = ".making-"
_YOUNG_S = 60.0  # a folder that was just made may not be locked yet


class Draft:
    """A folder that nobody else sees as an entry; as a context it is gone at the end, unless it was finished.

    Parameters
    ----------
    root : Path
        Of the cache, on whose disk it lies.

    Attributes
    ----------
    folder : Path

    Raises
    ------
    StoreError
        It cannot be made.
    """

    def __init__(self, root: Path) -> None:
        try:
            self.folder = root / f"{MAKING}{uuid.uuid4().hex[:12]}"
            self.folder.mkdir(
                parents=True
            )  # with the permissions that the user gives to files that are shared
            self._lock = _lock(self.folder)
        except OSError as error:
            raise _unwritable(root, error) from error
        self._root, self._finished = root, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)

    def file(self, name: str) -> Path:
        """Return where an array of that name lies, for those who write its rows themselves."""
        return self.folder / f"{name}.npy"

    def finish(self, key: str, arrays: Mapping[str, AnyArray], description: Mapping[str, Any]) -> Entry:
        """Write arrays and description, and make the folder the entry `key`, unless another process was faster.

        Parameters
        ----------
        key : str
        arrays : mapping of str to ndarray
            One whose file is there already is not written again.
        description : mapping
            In JSON's types.

        Returns
        -------
        Entry
            Made here, or by another process from the same things.

        Raises
        ------
        StoreError
            It cannot be written.
        """
        entry = Entry(self._root / key[:2] / key)
        try:
            missing = {name: array for name, array in arrays.items() if not self.file(name).exists()}
            if sum(array.nbytes for array in missing.values()) > shutil.disk_usage(self._root).free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            # Nothing is forced onto the disk: what a power cut takes away, the checksums miss.
            for name, array in missing.items():
                np.save(self.file(name), array, allow_pickle=False)
            (self.folder / DESCRIPTION).write_text(to_json(description), encoding="utf-8")
            (self.folder / SUMS).write_bytes(checksums(self.folder))
            entry.folder.parent.mkdir(exist_ok=True)
            try:
                self.folder.rename(entry.folder)
                self._finished = True
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
        except OSError as error:
            raise _unwritable(self._root, error) from error
        return entry


def remove_abandoned(root: Path) -> None:
    """Remove what processes that are no more were writing."""
    for folder in root.glob(f"{MAKING}*"):
        try:
            if time.time() - folder.stat().st_mtime < _YOUNG_S:
                continue
            lock = _lock(folder)
        except OSError:  # somebody else removed it, or may remove it
            continue
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder for as long as this process lives; None where another holds it, or there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _unwritable(root: Path, error: OSError) -> StoreError:
    return StoreError(f"{root}: cannot be written ({error.strerror or error}).")
