"""The walk over the cells of a run: blocks in order, judged, and written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from featbench.blocks import Attempt, Split, attempt, features_of, plan
from featbench.cache import Cache
from featbench.config import Cell, EnsembleCell, Experiment
from featbench.config.executor import Local
from featbench.evaluation import Evaluated, Prediction, identity, judge
from featbench.evidence import Wanted, keep_thumbnails
from featbench.executors import Job, make_executor
from featbench.keys import cell_key, ensemble_key
from featbench.machine import described
from featbench.polls import Polls
from featbench.progress import Progress
from featbench.results import FAILED
from featbench.reuse import Reuse
from featbench.sealed import SealedDataset
from featbench.stages import Features
from featbench.voting import evaluate_ensemble

__all__ = ["Walk"]


@dataclass(eq=False)
class _OfSplit:
    """What the blocks of a split share: the votes of their rows, and how many of them are to come."""

    polls: Polls
    n_left: int


@dataclass(frozen=True, eq=False)
class _Task(Job):
    """A block with what is there of it already: all its cells, their keys, and the records of finished ones."""

    cells: tuple[Cell, ...]
    keys: Mapping[str, str]
    found: Mapping[str, dict[str, Any] | None]
    of: _OfSplit


class Walk:
    """Walks over the blocks in order, judges what they predict, and writes it down."""

    def __init__(
        self,
        reuse: Reuse,
        experiment: Experiment,
        progress: Progress,
        budget_s: float | None,
        cache: Cache | None,
    ) -> None:
        self.store, self.reuse, self.experiment, self.progress = reuse.store, reuse, experiment, progress
        self.deadline = float("inf") if budget_s is None else time.perf_counter() + budget_s
        self.environment, self.cache = described(), cache
        self.n_reused = self.n_standing = 0
        # Where test labels stay closed, nothing is shown of test images.
        evidence = experiment.evidence and not experiment.quick
        self.wanted = Wanted(evidence, evidence and experiment.images != "none")

    def records(self, cells: Sequence[Cell | EnsembleCell]) -> Generator[dict[str, Any]]:
        """Yield the records of the cells as they are made."""
        asked, kept = self.experiment.executor, None if self.cache is None else self.cache.root
        limit = self.reuse.timeout_s
        apart = self.store.root if self.experiment.timing.isolate or limit is not None else None
        with make_executor(asked, self.progress.stage, self.deadline, kept, apart, limit) as executor:
            for task, attempts in executor.run(self._tasks(cells)):
                yield from self._of_block(task, attempts)
                task.of.n_left -= 1
                if not task.of.n_left:
                    for ensemble in task.split.ensembles:
                        yield self._of_ensemble(ensemble, task.split, task.of.polls)
                    if self.wanted.images:
                        rows = [cell.cell_id for block in task.split.blocks for cell in block.cells]
                        keep_thumbnails(self.store, task.split.data, rows)

    def _tasks(self, cells: Sequence[Cell | EnsembleCell]) -> Iterator[_Task]:
        """Load splits one after another, and yield their blocks with what is there of them already."""
        timing = self.experiment.timing
        for split in plan(cells, self.experiment.splits, timing, self.progress.stage):
            asked = [cell for cell in split.ensembles if self.reuse.of_ensemble(cell, split.data) is None]
            of = _OfSplit(Polls(asked, split.data, self.store), len(split.blocks))
            for block in split.blocks:
                keys = {cell.cell_id: cell_key(cell, split.data) for cell in block.cells}
                found = {cell.cell_id: self.reuse.finished(cell, keys[cell.cell_id]) for cell in block.cells}
                missing = tuple(cell for cell in block.cells if found[cell.cell_id] is None)
                todo = replace(block, cells=missing, wanted=self.wanted)
                features = self._features_of(block.cells[0], split.data)
                yield _Task(split, todo, features, block.cells, keys, found, of)

    def _of_block(self, task: _Task, attempts: Iterator[Attempt]) -> Iterator[dict[str, Any]]:
        """Yield the records of the cells on one extractor; features made here live no longer than this."""
        elsewhere = self.experiment.executor != Local()
        for cell in task.cells:
            record = task.found[cell.cell_id]
            if record is not None:
                self._reuse(cell, record)
            elif (done := next(attempts, None)) is None:
                record = self._spent(cell, task.split)
            else:
                record = self._write(done, task.split, task.keys[cell.cell_id])
            # Where features are not here, rows vote at the end.
            late = elsewhere or time.perf_counter() > self.deadline
            task.of.polls.note(cell, record, task.features, late=late)
            yield record

    def _of_ensemble(self, cell: EnsembleCell, split: Split, polls: Polls) -> dict[str, Any]:
        start = time.perf_counter()
        key = ensemble_key(cell, split.data, polls.statuses(cell))
        record = self.reuse.finished(cell, key)
        if record is not None:
            return self._reuse(cell, record)
        if start > self.deadline:
            return self._spent(cell, split)
        made = attempt(cell, split.data, partial(self._average, cell, split, polls))
        return self._write(Attempt(cell, made, time.perf_counter() - start), split, key)

    def _average(self, cell: EnsembleCell, split: Split, polls: Polls) -> Evaluated:
        self.progress.stage(f"{cell.label} on {split.data.name}")
        members = polls.members(cell, lambda member: self._features_of(member, split.data))
        enter = partial(self._enter, cell, split.data)
        return evaluate_ensemble(cell, split.data, members, enter, evidence=self.wanted.evidence)

    def _features_of(self, cell: Cell, data: SealedDataset) -> Callable[[], Features]:
        return features_of(
            cell, data, self.experiment.timing, self.store.root, self.progress.stage, self.cache
        )

    def _reuse(self, cell: Cell | EnsembleCell, record: dict[str, Any]) -> dict[str, Any]:
        failed = record["status"] in FAILED
        self.n_standing += failed
        self.n_reused += not failed
        self.progress.cell(cell, record, 0.0, reused=True)
        return record

    def _spent(self, cell: Cell | EnsembleCell, split: Split) -> dict[str, Any]:
        spent = {**identity(cell, split.data), "status": "skipped", "reason": "the time budget was spent"}
        record = self.store.write_cell(spent)  # without a key: the next run makes it
        self.progress.cell(cell, record, 0.0, reused=False)
        return record

    def _write(self, done: Attempt, split: Split, key: str) -> dict[str, Any]:
        """Judge what waits for it, and write the cell."""
        cell, made, data = done.cell, done.outcome, split.data
        if isinstance(made, Prediction):
            made = attempt(cell, data, partial(judge, made, data, lambda: self._enter(cell, data)))
        record = {**made.record, "key": key, "environment": self.environment, **done.told}
        if record["status"] == "ok":
            record["phases"]["load"] = split.load.to_json()
        record = self.store.write_cell(record, made.arrays)
        self.progress.cell(cell, record, done.seconds, reused=False)
        return record

    def _enter(self, cell: Cell | EnsembleCell, data: SealedDataset) -> None:
        self.store.enter_opening(
            {
                "dataset": data.name,
                "fingerprint": data.summary["fingerprint"],
                "split": cell.split,
                "cell_id": cell.cell_id,
                "label": cell.label,
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
        )
