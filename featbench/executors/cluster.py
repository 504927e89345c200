"""A Dask cluster that is there already: its workers that run the same code with the same libraries."""

from __future__ import annotations

import logging
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from featbench.base import Extractor
from featbench.blocks import Attempt, do_block
from featbench.config import Cell
from featbench.config.executor import Dask
from featbench.errors import ConfigError, FeatbenchError, MissingExtraError
from featbench.executors.base import Elsewhere, Job
from featbench.executors.chunks import Chunk, describe_chunks, do_chunk, pack
from featbench.images import ImageBatch
from featbench.isolation import Failure
from featbench.jobs import differences, do_job, made_by
from featbench.sealed import SealedDataset
from featbench.spill import Parts, made_elsewhere
from featbench.stages import Features

__all__ = ["Cluster"]

_LOOK_S = 1.0  # how often the workers are counted while nothing else happens


class Cluster(Elsewhere):
    """The workers of a Dask cluster that run the same code with the same libraries as this process."""

    def __init__(
        self, asked: Dask, tell: Callable[[str], object], deadline: float, cache: str | bool
    ) -> None:
        super().__init__(tell, deadline, cache)
        try:
            import distributed
        except ImportError as error:
            raise MissingExtraError("executor: dask", "distributed", "dask") from error
        self.asked = asked
        self.dask: Any = distributed  # not all of it is typed
        # How a client tells that its scheduler is gone, which it logs with its traceback besides.
        self.signs = OSError, TimeoutError, futures.CancelledError, distributed.client.ClosedClientError
        self.lost: FeatbenchError | None = None
        self.log = logging.getLogger("distributed.client")
        self.level = self.log.level
        self.here = made_by()
        self.asked_already: dict[str, list[str]] = {}
        try:
            self.client = self.dask.Client(asked.address, timeout=asked.wait_s, set_as_default=False)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            remedy = "Start one with 'dask scheduler' and give its address."
            raise ConfigError(f"{asked.address}: no scheduler answers ({error}). {remedy}") from error
        self.log.setLevel(logging.CRITICAL)
        self.usable: set[str] = set()
        self.sent: dict[Any, tuple[set[str], Callable[..., Any], tuple[Any, ...]]] = {}

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.log.setLevel(self.level)

    def _places(self) -> int:
        """Return the number of usable workers, waiting for the first one.

        Raises
        ------
        ConfigError
            None came in time, or none of those that came can be used.
        """
        begin = time.monotonic()
        self._look()
        while not self.usable:
            if time.monotonic() - begin > self.asked.wait_s:
                refused = "; ".join(self._refusals()) or "none is there"
                raise ConfigError(
                    f"{self.asked.address}: no worker can be used: {refused}. Start workers with "
                    f"'dask worker {self.asked.address}' in the environment that the run was started in."
                )
            time.sleep(min(_LOOK_S, self.asked.wait_s))
            self._look()
        return len(self.usable)

    def _look(self) -> None:
        """Count the workers, and ask those that have not been asked by which code they work."""
        try:
            there = set(self.client.nthreads())
            new = sorted(there - set(self.asked_already))
            answers = self.client.run(made_by, workers=new, on_error="return") if new else {}
        except self.signs as error:
            raise self._gone() from error
        for address, answer in answers.items():
            self._take_down(address, answer)
        self.usable = {address for address in there if self.asked_already.get(address) == []}

    def _gone(self) -> FeatbenchError:
        self.lost = FeatbenchError(
            f"{self.asked.address}: the scheduler is gone. What is finished is kept; start a scheduler and workers, "
            "and the same command goes on from there."
        )
        return self.lost

    def _take_down(self, address: str, answer: Any) -> None:
        """Note what differs on a worker, and say so."""
        if isinstance(answer, OSError):
            return  # it went away while it was asked
        if isinstance(answer, Mapping):
            told = differences(self.here, answer)
        else:
            told = [f"it cannot say by which code it works ({type(answer).__name__}: {answer})"]
        self.asked_already[address] = told
        if told:
            warnings.warn(f"executor: {self._refusals()[-1]}", RuntimeWarning, stacklevel=2)

    def _refusals(self) -> list[str]:
        """Return what differs on the workers that are not used, a sentence each."""
        return [
            f"worker {address} is not used, it differs: {', '.join(told)}"
            for address, told in self.asked_already.items()
            if told
        ]

    def _at_once(self) -> int:
        return max(Counter(urlsplit(address).hostname for address in self.usable).values(), default=1)

    def _told(self) -> dict[str, Any]:
        return {"name": "dask", "at_once": self._at_once()}

    def _submit(self, text: str) -> Any:
        return self._send(do_job, text)

    def _send(self, function: Callable[..., Any], *arguments: Any) -> Any:
        key = f"featbench-{uuid4().hex}"
        # No other workers: one that has not been asked might differ.
        workers = sorted(self.usable)
        try:
            future = self.client.submit(function, *arguments, key=key, pure=False, workers=workers)
        except self.signs as error:
            raise self._gone() from error
        self.sent[future] = set(workers), function, arguments
        return future

    def _wait(self, flying: dict[Any, Any]) -> Iterable[Any]:
        """Wait for futures; a job whose workers are all gone goes to those that came."""
        while True:
            try:
                with self.client.as_current():
                    done = self.dask.wait(list(flying), timeout=_LOOK_S, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                self._places()
                for future in [future for future in flying if not self.sent[future][0] & self.usable]:
                    _, function, arguments = self.sent.pop(future)
                    future.cancel()
                    flying[self._send(function, *arguments)] = flying.pop(future)
            except self.signs as error:
                raise self._gone() from error
            else:
                for future in done:
                    self.sent.pop(future)
                return list(done)

    def _done_here(self, job: Job) -> Iterator[Attempt] | None:
        """Judge rows here whose features are so many that all workers make them."""
        data, least = job.split.data, self.asked.spread
        n = len(data.train) + len(data.test_labels)
        is_large = least is not None and n >= least and job.block.cells[0].extractor is not None
        return self._spread(job) if is_large else None

    def _spread(self, job: Job) -> Iterator[Attempt]:
        cell, data = job.block.cells[0], job.split.data
        told = {"executor": {**self._told(), "spread_over": len(self.usable)}}
        assert isinstance(cell, Cell)

        def features() -> Features:
            with made_elsewhere(partial(self._parts, cell, data)):
                return job.features()

        for done in do_block(job.block, data, features, self.tell, self.deadline):
            if self.lost is not None:
                raise self.lost  # which is not the row's failure
            yield replace(done, told=told)

    def _parts(
        self, cell: Cell, data: SealedDataset, extractor: Extractor, batches: Sequence[ImageBatch]
    ) -> Parts | None:
        described = describe_chunks(cell, data, batches, self._places(), self._at_once())
        files = pack(extractor) if described else None
        return self._rows(described, files) if described and files else None

    def _rows(self, chunks: Iterable[Chunk], files: dict[str, bytes]) -> Parts:
        """Yield the rows of chunks as they come home, two of them under way for each worker."""
        waiting, flying = iter(chunks), dict[Any, int]()
        while True:
            while len(flying) < 2 * self._places() and (chunk := next(waiting, None)) is not None:
                first, text = chunk
                flying[self._send(do_chunk, text, files)] = first
            if not flying:
                return
            for future in list(self._wait(flying)):
                yield flying.pop(future), self._result(future)

    def _result(self, future: Any) -> Any:
        """Return what a worker made.

        Raises
        ------
        FeatbenchError
            The scheduler is gone, and with it the way to the worker.
        Exception
            Raised there.
        """
        try:
            return future.result()
        except self.signs as error:
            if future.status == "error":  # a worker's own
                raise
            raise self._gone() from error

    def _failure(self, error: Exception) -> Failure:
        if error is self.lost:
            raise error  # which is not the rows' failure
        if isinstance(error, self.dask.KilledWorker):
            error = FeatbenchError(f"the workers that began it were lost, one after another: {error}")
        return super()._failure(error)
