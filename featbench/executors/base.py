"""Executors: jobs in, and what became of their cells out, in this process or in others."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from featbench.answers import read_answer
from featbench.blocks import Attempt, Block, Split, do_block
from featbench.evaluation import Evaluated, identity
from featbench.isolation import Failure
from featbench.jobs import describe_job
from featbench.stages import Features

__all__ = ["AnyJob", "Elsewhere", "Executor", "Here", "Job"]


@dataclass(frozen=True, eq=False)
class Job:
    """A block that is to be done.

    Attributes
    ----------
    split : Split
    block : Block
        The cells that are still to be made; perhaps none.
    features : callable
        Makes the block's features here.
    """

    split: Split
    block: Block
    features: Callable[[], Features]


AnyJob = TypeVar("AnyJob", bound=Job)
Done = Iterator[tuple[AnyJob, Iterator[Attempt]]]


class Executor(Protocol):
    """Does jobs, in an order of its own."""

    def run(self, jobs: Iterable[AnyJob]) -> Done[AnyJob]:
        """Yield each job with what became of its cells, fewer where the time was spent.

        Jobs are taken from their iterator in the calling thread, and no earlier than they can be begun.
        """

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class Here:
    """One block after another in this process."""

    def __init__(self, tell: Callable[[str], object], deadline: float) -> None:
        self.tell, self.deadline = tell, deadline

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def run(self, jobs: Iterable[AnyJob]) -> Done[AnyJob]:
        """Do the cells of a job while they are asked for."""
        for job in jobs:
            yield job, do_block(job.block, job.split.data, job.features, self.tell, self.deadline)


class Elsewhere(ABC):
    """As many jobs in flight as there are places."""

    def __init__(self, tell: Callable[[str], object], deadline: float, cache: str | bool) -> None:
        self.tell, self.deadline, self.cache = tell, deadline, cache

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None: ...

    @abstractmethod
    def _places(self) -> int:
        """Return how many jobs may be in flight, one or more."""

    @abstractmethod
    def _at_once(self) -> int:
        """Return how many jobs share a machine."""

    @abstractmethod
    def _submit(self, text: str) -> Any:
        """Send a job out and return its future."""

    @abstractmethod
    def _wait(self, flying: dict[Any, AnyJob]) -> Iterable[Any]:
        """Return futures that are done, one or more; lost ones may have been put in others' places."""

    @abstractmethod
    def _told(self) -> dict[str, Any]:
        """Return what records tell of where they were made."""

    def run(self, jobs: Iterable[AnyJob]) -> Done[AnyJob]:
        """Send jobs out, and yield those that come home."""
        flying: dict[Any, AnyJob] = {}
        home: list[tuple[AnyJob, list[Attempt]]] = []
        waiting, trouble = iter(jobs), None
        while True:
            try:
                # Before what came home is looked at, which may take long: no place waits for that.
                yield from self._send_out(waiting if trouble is None else iter(()), flying)
            except Exception as error:  # such as images that cannot be read: what is under way is finished
                trouble = error
            for job, attempts in home:
                yield job, iter(attempts)
            if not flying:
                break
            done = [(flying.pop(future), future) for future in list(self._wait(flying))]
            home = [(job, self._attempts(job, future)) for job, future in done]
        if trouble is not None:
            raise trouble

    def _send_out(self, waiting: Iterator[AnyJob], flying: dict[Any, AnyJob]) -> Done[AnyJob]:
        """Fill the places, and yield the jobs that do not go out."""
        while len(flying) < self._places() and (job := next(waiting, None)) is not None:
            if not job.block.cells or time.perf_counter() > self.deadline:
                yield job, iter(())
            elif (attempts := self._done_here(job)) is not None:
                yield job, attempts
            else:
                flying[self._submit(self._describe(job))] = job
                self.tell(f"{len(flying)} at once, {job.block.cells[0].label} the last")

    def _done_here(self, job: Job) -> Iterator[Attempt] | None:  # noqa: ARG002 - for overriding
        """Return the attempts of a job that does not go out as a whole."""
        return None

    def _describe(self, job: Job) -> str:
        left = self.deadline - time.perf_counter()
        seconds = None if left == float("inf") else left
        at_once, cache = self._at_once(), self.cache
        return describe_job(job.block, job.split.data, at_once=at_once, seconds=seconds, cache=cache)

    def _attempts(self, job: Job, future: Any) -> list[Attempt]:
        told = {"executor": self._told()}
        try:
            return read_answer(self._result(future), job.block, told)
        except Exception as error:
            why, data = self._failure(error).to_json(), job.split.data
            failed = (Evaluated({**identity(cell, data), **why}, {}) for cell in job.block.cells)
            return [
                Attempt(cell, record, 0.0, told) for cell, record in zip(job.block.cells, failed, strict=True)
            ]

    def _result(self, future: Any) -> Any:
        """Return what was made of a job."""
        return future.result()

    def _failure(self, error: Exception) -> Failure:
        """Return what to tell of a job that failed as a whole; what is no job's failure is raised."""
        return Failure.of(error)
