"""One block after another on this machine, each of its stages in a fresh process.

So a stage's memory is its own, and one that crashes, hangs or takes all memory is a row's failure and not the end of
the run. Features go from one process to the next through the cache. Whoever does a stage loads the images itself, as
elsewhere, and test labels stay sealed there.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from featbench.answers import read_answer
from featbench.blocks import Attempt, Block, do_block
from featbench.config import Cell
from featbench.evaluation import Evaluated, Prediction, identity
from featbench.executors.base import AnyJob, Job
from featbench.isolation import Outcome, run_in_child
from featbench.jobs import describe_job, do_job, make_features
from featbench.sealed import SealedDataset

__all__ = ["Apart"]


class Apart:
    """Features in one process, and each row on them in another.

    Parameters
    ----------
    tell : callable
        Is told what is being done.
    deadline : float
        By `time.perf_counter`; no cell is begun after it.
    cache : Path or None
        Where features are kept; None for a folder that is gone at the end.
    scratch : Path
        On whose disk that folder lies.
    timeout_s : float or None
        Of each stage, from the start of its process on.
    """

    def __init__(
        self,
        tell: Callable[[str], object],
        deadline: float,
        cache: Path | None,
        scratch: Path,
        timeout_s: float | None,
    ) -> None:
        self.tell, self.deadline, self.timeout_s = tell, deadline, timeout_s
        self.cache, self.scratch = cache, scratch
        self.folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        if self.cache is None:
            self.folder = tempfile.TemporaryDirectory(dir=self.scratch, prefix=".features-")
            self.cache = Path(self.folder.name)
        return self

    def __exit__(self, *_: object) -> None:
        if self.folder is not None:
            self.folder.cleanup()

    def run(self, jobs: Iterable[AnyJob]) -> Iterator[tuple[AnyJob, Iterator[Attempt]]]:
        """Do the cells of a job while they are asked for."""
        for job in jobs:
            yield job, self._attempts(job)

    def _attempts(self, job: Job) -> Iterator[Attempt]:
        block, data = job.block, job.split.data
        if not block.cells or block.cells[0].extractor is None:  # nothing that could go wrong, nor be timed
            yield from do_block(block, data, job.features, self.tell, self.deadline)
            return
        features: Outcome[dict[str, Any]] | None = None
        for cell in block.cells:
            start = time.perf_counter()
            if start > self.deadline:
                return
            if features is None:
                self.tell(f"{block.cells[0].extractor.label} on {data.name}")
                features = self._in_child(make_features, block, data)
            done = self._row(cell, block, data, features)
            yield replace(done, seconds=time.perf_counter() - start)

    def _in_child(self, task: Callable[[str], Any], block: Block, data: SealedDataset) -> Outcome[Any]:
        text = describe_job(block, data, at_once=1, seconds=None, cache=str(self.cache))
        return run_in_child(partial(task, text), timeout_s=self.timeout_s)

    def _row(
        self, cell: Cell, block: Block, data: SealedDataset, features: Outcome[dict[str, Any]]
    ) -> Attempt:
        stages = {"features": _told(features)}
        made = features.value or {}
        if features.failure is not None:
            failed = self._failed(cell, data, features)
            failed.record["reason"] = f"features: {failed.record['reason']}"
            return Attempt(cell, failed, 0.0, {"stages": stages})
        if "status" in made:
            return Attempt(cell, Evaluated({**identity(cell, data), **made}, {}), 0.0, {"stages": stages})
        self.tell(f"{cell.label} on {data.name}")
        alone = replace(block, cells=(cell,))
        outcome = self._in_child(do_job, alone, data)
        stages["row"] = _told(outcome)
        told = {"start_s": outcome.start_s, "stages": stages}
        if outcome.failure is not None:
            return Attempt(cell, self._failed(cell, data, outcome), 0.0, told)
        assert outcome.value is not None
        (done,) = read_answer(outcome.value, alone, told)
        if isinstance(done.outcome, Prediction):
            _claim_features(done.outcome.record, made)
        return done

    def _failed(self, cell: Cell, data: SealedDataset, outcome: Outcome[Any]) -> Evaluated:
        assert outcome.failure is not None
        told: dict[str, Any] = {**identity(cell, data), **outcome.failure.to_json()}
        if outcome.failure.kind == "timeout":
            told["timeout_s"] = self.timeout_s
        return Evaluated(told, {})


def _claim_features(record: dict[str, Any], made: Mapping[str, Any]) -> None:
    """Let a record say that its features were made for it, where they come from the cache because they just were."""
    if not made["cache"]["hit"] and record["cache"]["hit"]:
        record["phases"] |= made["phases"]
        record["cache"] = made["cache"]


def _told(outcome: Outcome[Any]) -> dict[str, Any]:
    return {
        "start_s": outcome.start_s,
        "anonymous_mb": outcome.anonymous_mb,
        "mapped_mb": outcome.mapped_mb,
    }
