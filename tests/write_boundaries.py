"""Something that happens at the n-th write below a folder: a kill, or a disk that is full from then on."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_MAKING = ("open", "os.mkdir", "os.rename", "os.chmod", "os.truncate", "os.utime")
_REMOVING = ("os.remove", "os.rmdir")


class _State:
    root = ""
    left = -1
    act: Any = None
    seen: tuple[str, ...] = ()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    """Count what changes the disk; an audit hook cannot be taken back, so it looks where nobody counts, too."""
    if not _State.root or event not in _MAKING + _REMOVING:
        return
    if event == "open" and not (isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
        return
    if not any(str(arg).startswith(_State.root) for arg in args if isinstance(arg, (str, os.PathLike))):
        return
    _State.seen += (event,)
    _State.left -= 1
    _State.act(event)


sys.addaudithook(_hook)


@contextmanager
def counted(root: Path, n: int = 0, act: Any = None) -> Iterator[type[_State]]:
    """Call ``act(event)`` at each write below `root`, with `_State.left` counting down from `n`."""
    _State.root, _State.left, _State.seen = str(root), n, ()
    _State.act = act or (lambda event: None)
    try:
        yield _State
    finally:
        _State.root = ""


def kill_at_once(_: str) -> None:
    if _State.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def full_from_then_on(event: str) -> None:
    """What takes room fails; files can be removed from a full disk."""
    if _State.left <= 0 and event not in _REMOVING:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_once(event: str) -> None:
    if _State.left == 0 and event not in _REMOVING:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_only(_: str) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))
