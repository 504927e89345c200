"""A task, its limits, and what became of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from featbench.errors import ConfigError
from featbench.isolation.failures import Failure
from featbench.isolation.process import child_process
from featbench.timing.memory import read_parts

__all__ = ["Outcome", "run_in_child"]

Result = TypeVar("Result")


@dataclass
class Outcome(Generic[Result]):
    """What became of a task.

    Attributes
    ----------
    value : object
        What the task returned; None where it failed.
    failure : Failure or None
    start_s : float or None
        Seconds from the start of the process to the first line of the task; None where it never came to that.
    anonymous_mb, mapped_mb : float or None
        Highest resident memory of its own, and highest resident part of files, libraries and shared memory, in units of
        10⁶ bytes, as its parent saw it every 20 ms while the task ran, up to a violent end as well; None where the
        system does not tell.
    """

    value: Result | None = None
    failure: Failure | None = None
    start_s: float | None = None
    anonymous_mb: float | None = None
    mapped_mb: float | None = None

    def look(self, pid: int) -> None:
        """Note the memory that a process has now."""
        parts = read_parts(pid)
        if parts is not None:
            self.anonymous_mb = max(self.anonymous_mb or 0.0, parts[0])
            self.mapped_mb = max(self.mapped_mb or 0.0, parts[1])


def run_in_child(
    task: Callable[[], Result], *, timeout_s: float | None = None, memory_mb: float | None = None
) -> Outcome[Result]:
    """Call a function in a fresh process and wait for it.

    What the process writes reaches neither the terminal nor the output of this one. All processes of its group
    are killed when this returns or raises.

    Parameters
    ----------
    task : callable
        Can be pickled: a function of a module, or a `functools.partial` of one.
    timeout_s : float, optional
        Seconds from the start of the process after which it is killed.
    memory_mb : float, optional
        Memory that the task may take beyond what the process has when it begins, in units of 10⁶ bytes. Enforced by
        Linux alone.

    Returns
    -------
    Outcome

    Raises
    ------
    ConfigError
        The system is not POSIX.
    """
    if os.name != "posix":
        raise ConfigError(
            "a process for a row: needs a POSIX system. Leave out --timeout and timing.isolate."
        )
    outcome = Outcome[Result]()
    spawned = time.monotonic()
    deadline = float("inf") if timeout_s is None else spawned + timeout_s
    with child_process() as child:
        try:
            child.pipe.send((memory_mb, task))
            tag, told = child.next_message(deadline, lambda _: None)
            if tag == "begun":
                outcome.start_s = told - spawned
                tag, told = child.next_message(deadline, outcome.look)
            if tag == "value":
                outcome.value = told
            else:
                outcome.failure = told
        except TimeoutError:
            outcome.failure = child.too_late(timeout_s or 0.0)
        except (EOFError, ConnectionError):
            outcome.failure = child.post_mortem()
    return outcome
