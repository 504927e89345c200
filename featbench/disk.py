"""What the system promises of folders and files: one writer at a time, and space that is there when it is needed."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import IO

from featbench.errors import StoreError

__all__ = ["hold_folder", "reserve"]


def hold_folder(folder: Path, what: str) -> IO[str]:
    """Take a folder for this process alone, until the file that is returned is closed.

    Parameters
    ----------
    folder : Path
        Must be there.
    what : str
        What writes into such folders, such as ``"run"``, for the message.

    Returns
    -------
    file

    Raises
    ------
    StoreError
        Another process holds it.
    """
    lock = (folder / ".lock").open("a")
    with contextlib.suppress(ImportError):  # no such lock on Windows
        import fcntl

        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StoreError(
                f"{folder}: another {what} is writing here. Wait for it, or choose another --output."
            ) from error
    return lock


def reserve(handle: int, n_bytes: int) -> None:
    """Make an open file so long, on disk space of its own where the system can promise that.

    A full disk is then found now, by an exception: where a mapped file finds it, the process is killed.

    Raises
    ------
    OSError
        There is no room.
    """
    try:
        os.posix_fallocate(handle, 0, n_bytes)
    except AttributeError:  # not there outside Linux
        os.truncate(handle, n_bytes)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise
        os.truncate(handle, n_bytes)
