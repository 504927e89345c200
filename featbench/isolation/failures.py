"""Why a task gave nothing: what was raised, or how its process ended."""

from __future__ import annotations

import signal
import traceback
from dataclasses import dataclass

from featbench.errors import FeatbenchError

__all__ = ["FAILURES", "Failure"]

FAILURES = ("refused", "exception", "memory", "timeout", "killed", "exited")
"""A `FeatbenchError`; any other exception; no memory; no time; a signal; an exit without an answer."""

_ADVICE = {
    "SIGKILL": " Probably by the system, which was out of memory.",
    "SIGSEGV": " That is a fault in compiled code.",
}


@dataclass(frozen=True)
class Failure:
    """Why a task gave nothing.

    Attributes
    ----------
    kind : str
        One of `FAILURES`.
    reason : str
        A sentence.
    traceback : str
        That of the exception; otherwise the last of what the process wrote, with the Python stack where a signal
        ended it.
    """

    kind: str
    reason: str
    traceback: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Return what an exception comes to."""
        trace = "".join(traceback.format_exception(error))
        if isinstance(error, FeatbenchError):
            return cls("refused", str(error), trace)
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
        if isinstance(error, MemoryError):
            advice = "Take fewer images, an extractor with fewer numbers, or a machine with more memory."
            return cls("memory", f"out of memory ({reason}). {advice}", trace)
        return cls("exception", reason, trace)

    @classmethod
    def too_late(cls, timeout_s: float, written: str) -> Failure:
        """Return what becomes of a task that was ended at its limit."""
        reason = f"ended after {timeout_s:g} s, the limit. Raise --timeout to give it longer."
        return cls("timeout", reason, written)

    @classmethod
    def of_end(cls, code: int | None, written: str) -> Failure:
        """Return what the end of a process without an answer comes to.

        Parameters
        ----------
        code : int or None
            Exit code, negative for a signal; None where it has not ended, but closed its pipe.
        written : str
            The last of what it wrote.
        """
        if code is None:
            return cls("exited", "its process closed the pipe to its parent before it had a result.", written)
        if code >= 0:
            reason = f"its process ended itself with exit code {code} before it had a result."
            return cls("exited", reason, written)
        try:
            name = signal.Signals(-code).name
        except ValueError:  # most real-time signals have none
            name = f"signal {-code}"
        return cls("killed", f"its process was killed by {name}.{_ADVICE.get(name, '')}", written)

    def to_json(self) -> dict[str, str]:
        """Return what a record tells of it."""
        status = "timeout" if self.kind == "timeout" else "failed"
        return {"status": status, "failure": self.kind, "reason": self.reason, "traceback": self.traceback}
