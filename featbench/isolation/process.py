"""A child process as its parent sees it: what it says, what it writes, how it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from featbench.isolation.failures import Failure

__all__ = ["LOOK_EVERY_S", "Child", "child_process"]

LOOK_EVERY_S = 0.02
"""Seconds between two looks at a child that says nothing: 50 µs of work each."""

# A child that has answered may end by itself, so that what it cleans up at its exit is cleaned up.
_GRACE_S = 2.0
# At the limit a child has so long to write where it was.
_LAST_WORDS_S = 0.5
_KEPT_BYTES = 16_000


@dataclass
class Child:
    """A child process.

    Attributes
    ----------
    process : Popen
        The leader of a process group of its own.
    pipe : Connection
    output : int
        File descriptor of what it writes.
    written : bytes
        The end of that.
    silent : bool
        Whether nothing can write there any more.
    """

    process: subprocess.Popen[bytes]
    pipe: Connection
    output: int
    written: bytes = b""
    silent: bool = False

    def next_message(self, deadline: float, look: Callable[[int], object]) -> tuple[Any, ...]:
        """Wait for what the child says next, reading what it writes.

        Parameters
        ----------
        deadline : float
            By `time.monotonic`.
        look : callable
            Is called with the child's process number every now and then.

        Raises
        ------
        TimeoutError
            It was not said in time.
        EOFError
            The child is gone.
        """
        while True:
            ended = self.process.poll() is not None  # before the pipe is looked at, which may hold last words
            if self.pipe.poll():
                return self._receive()
            if ended:
                raise EOFError
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            wait([self.pipe] if self.silent else [self.pipe, self.output], min(left, LOOK_EVERY_S))
            self._read_output()
            look(self.process.pid)

    def _receive(self) -> tuple[Any, ...]:
        try:
            message: tuple[Any, ...] = self.pipe.recv()
        except (EOFError, OSError):
            raise
        except Exception as error:  # a value that cannot be put together here is the task's failure
            reason = (
                f"the result of the task cannot be read in this process ({type(error).__name__}: {error})"
            )
            return "failure", Failure("exception", reason, "")
        return message

    def _read_output(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while content := os.read(self.output, 1 << 16):
                self.written = (self.written + content)[-_KEPT_BYTES:]
            self.silent = True

    def _last_words(self, seconds: float) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self._read_output()
        return self.written.decode(errors="replace")

    def too_late(self, timeout_s: float) -> Failure:
        """End a child that took too long, and say where it was."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGABRT)  # which faulthandler answers with the stack
        words = self._last_words(_LAST_WORDS_S)
        self.kill()
        return Failure.too_late(timeout_s, words)

    def post_mortem(self) -> Failure:
        """Say how a child ended that did not answer."""
        words = self._last_words(_GRACE_S)
        return Failure.of_end(self.process.returncode, words)

    def kill(self) -> None:
        """End the child and the processes that it left, which outlive it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@contextmanager
def child_process() -> Iterator[Child]:
    """Start an interpreter that waits for a task; on leaving it is gone, with its group."""
    pipe, theirs = Pipe()
    output, writes = os.pipe()
    os.set_blocking(output, False)
    # Where modules are looked for must be settled before this one is found.
    program = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from featbench.isolation.serving import serve; serve({theirs.fileno()})"
    )
    try:
        with theirs, os.fdopen(writes, "wb") as sink:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        child = Child(process, pipe, output)
        try:
            yield child
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
        finally:
            child.kill()
            process.wait()
    finally:
        pipe.close()
        os.close(output)
