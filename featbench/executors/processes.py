"""Several blocks at once on this machine, each in a process of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from featbench.executors.base import AnyJob, Elsewhere, Job
from featbench.isolation import Failure
from featbench.jobs import do_job

__all__ = ["Processes"]

_LOOK_S = 0.5  # how often a process looks whether the run is still there


class Processes(Elsewhere):
    """Several blocks at once, each in a process of this machine."""

    def __init__(self, n: int, tell: Callable[[str], object], deadline: float, cache: str | bool) -> None:
        super().__init__(tell, deadline, cache)
        self.n = n
        self.pool = _pool(n)

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(wait=True, kill_workers=True)

    def _places(self) -> int:
        return self.n

    def _at_once(self) -> int:
        return self.n

    def _told(self) -> dict[str, Any]:
        return {"name": "processes", "at_once": self.n}

    def _submit(self, text: str) -> Any:
        try:
            return self.pool.submit(do_job, text)
        except BrokenProcessPool as error:  # another job's process died since it was looked at: lost with it
            lost = futures.Future[bytes]()
            lost.set_exception(error)
            return lost

    def _wait(self, flying: dict[Any, AnyJob]) -> Iterable[Any]:
        done = futures.wait(flying, return_when=futures.FIRST_COMPLETED).done
        if not any(map(_is_lost, done)):
            return done
        # A process that dies takes the others along, and nobody knows which it was: each again, alone.
        futures.wait(flying)
        self.pool.shutdown(wait=True, kill_workers=True)
        self.pool = _pool(self.n)
        for future in [future for future in flying if _is_lost(future)]:
            job = flying.pop(future)
            flying[self._alone(job)] = job
        return flying

    def _alone(self, job: Job) -> Any:
        """Do a job in a pool of its own and return its future, done."""
        pool = _pool(1)
        try:
            future = pool.submit(do_job, self._describe(job))
            futures.wait([future])
            return future
        finally:
            pool.shutdown(wait=True, kill_workers=True)

    def _failure(self, error: Exception) -> Failure:
        if isinstance(error, BrokenProcessPool):
            told = " ".join(str(error).split())
            return Failure("killed", f"the process that made it was lost, the second time alone: {told}", "")
        return super()._failure(error)


def _pool(n: int) -> Any:
    from joblib.externals.loky import ProcessPoolExecutor

    return ProcessPoolExecutor(max_workers=n, initializer=_end_with, initargs=(os.getpid(),))


def _end_with(parent: int) -> None:
    """Let this process end with the one that started it, which cannot end it where it is killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _is_lost(future: Any) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)
