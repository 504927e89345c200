"""What a child's interpreter runs: one task, then its answer."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import resource
import signal
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from featbench.isolation.failures import Failure

__all__ = ["serve"]

_STATUS, _WHOM_TO_KILL = Path("/proc/self/status"), Path("/proc/self/oom_score_adj")


def serve(handle: int) -> None:
    """Do what the parent asks, and answer.

    Parameters
    ----------
    handle : int
        Of the child's end of the pipe. The parent sends a limit of memory and a task; it is sent
        ``("begun", moment)`` and then ``("value", result)`` or ``("failure", failure)``.
    """
    faulthandler.enable()  # a crash in compiled code tells the Python stack
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Where the system is out of memory, this is the process to kill, not the one that keeps the results.
    with contextlib.suppress(OSError):
        _WHOM_TO_KILL.write_text("1000")
    pipe = Connection(handle)
    try:
        asked = pipe.recv_bytes()
        threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
        memory_mb, task = pickle.loads(asked)  # noqa: S301 - its parent's; imports what the task needs, for seconds
        if memory_mb is not None:
            _limit_memory(memory_mb)
        pipe.send(("begun", time.monotonic()))
        result = task()
        try:
            pipe.send(("value", result))
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise TypeError(f"the result of the task cannot be sent to another process ({error})") from error
    except BaseException as error:  # SystemExit and KeyboardInterrupt are the task's as well
        pipe.send(("failure", Failure.of(error)))


def _end_with_parent(pipe: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        pipe.poll(None)  # the parent says nothing more: what comes is the end of the pipe
    os.killpg(0, signal.SIGKILL)


def _limit_memory(memory_mb: float) -> None:
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmData:"):
                limit = int(line.split()[1]) * 1024 + int(memory_mb * 1e6)
                # Unlike the address space, it leaves out files and libraries that are merely mapped.
                resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
