"""From an experiment to results: every cell once, each result whole, what cells share done once."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import featbench
from featbench.blocks import Attempt, Split, attempt, features_of, plan
from featbench.cache import Cache
from featbench.config import Cell, EnsembleCell, Experiment, claims_of, filtered, load_experiment
from featbench.config.executor import Local, with_jobs
from featbench.errors import ConfigError
from featbench.evaluation import Evaluated, Prediction, identity, judge
from featbench.executors import Job, make_executor
from featbench.keys import cell_key, ensemble_key
from featbench.machine import Speed, described, pinned_threads
from featbench.polls import Polls
from featbench.progress import SILENT, Progress
from featbench.quick import quick_experiment
from featbench.report import write_results
from featbench.results import FAILED, frame
from featbench.sealed import SealedDataset
from featbench.stages import Features
from featbench.store import Store
from featbench.voting import evaluate_ensemble

if TYPE_CHECKING:
    import pandas

__all__ = ["Progress", "Run", "run"]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    root : Path
        The folder that holds it.
    records : list of dict
        One a cell, in the order of the experiment.
    n_reused : int
        Cells that were there already and were not run again.
    n_standing : int
        Failures of earlier runs that were not run again.
    """

    root: Path
    records: list[dict[str, Any]]
    n_reused: int
    n_standing: int = 0

    def to_frame(self) -> pandas.DataFrame:
        """Return a data frame with a row a cell and the columns of ``results.csv``."""
        return frame(self.records)

    @property
    def n_done(self) -> int:
        """How many pipelines were measured; the rows of chance and majority are none."""
        return sum(r["status"] == "ok" and bool(r["extractor"]) for r in self.records)

    @property
    def n_failed(self) -> int:
        """How many cells failed or timed out."""
        return sum(r["status"] in FAILED for r in self.records)


def run(
    config: str | Path | Experiment,
    *,
    output: str | Path | None = None,
    overrides: Sequence[str] = (),
    filters: Sequence[str] = (),
    quick: bool = False,
    force: bool = False,
    retry_failed: bool = False,
    fail_fast: bool = False,
    timeout_s: float | None = None,
    budget_s: float | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    cache: str | Path | bool = True,
) -> Run:
    """Run an experiment.

    Cells whose result is in the folder already, made by the same code and libraries from the same images,
    are not run again, nor are those that failed so.

    Parameters
    ----------
    config : str, path or Experiment
        A YAML file, the name of a packaged config, or an experiment in hand.
    output : path, optional
        Folder for the results; ``runs/<name of the experiment>`` by default.
    overrides : sequence of str, optional
        ``path=value`` each, which beat the file.
    filters : sequence of str, optional
        ``key=pattern,pattern`` each; rows that match all are run, with those of chance and majority.
    quick : bool, optional
        Run every pipeline once on a small sample, in a folder of its own; test labels stay closed.
    force : bool, optional
        Run every cell again.
    retry_failed : bool, optional
        Run those again that failed.
    fail_fast : bool, optional
        Begin no further cell after one that failed, be it in an earlier run.
    timeout_s : float, optional
        Seconds after which a cell is ended, and those whose features take longer; each runs in a process of its own.
    budget_s : float, optional
        Seconds after which no further cell is begun; the next run makes those that are missing.
    jobs : int, optional
        Blocks of rows that are made at once, each in a process of its own; the experiment's `executor` by default.
    progress : Progress, optional
        Is told what happens.
    cache : path or bool, optional
        Where features are kept, so that no run makes them twice: a folder, by default that of
        `featbench.cache.cache_root`; with False they are made and timed anew.

    Returns
    -------
    Run

    Raises
    ------
    ConfigError
        The experiment cannot be run as it is written.
    DataError
        Its data cannot be read. A cell that fails later on is recorded and raises nothing.
    StoreError
        The folder cannot be written.
    """
    experiment = config if isinstance(config, Experiment) else load_experiment(config, overrides)
    experiment = replace(experiment, executor=with_jobs(experiment.executor, jobs))
    progress = progress or SILENT
    if quick:
        experiment = quick_experiment(experiment)
    cells = filtered(experiment, filters)
    with pinned_threads(), Store(output or Path("runs") / experiment.name) as store:
        speed = Speed()
        _refuse_mixture(store, experiment)
        kept = None if cache is False else Cache(None if cache is True else cache)
        runner = _Runner(store, experiment, progress, _Again(force, retry_failed, timeout_s), budget_s, kept)
        started = _started(experiment, cells, filters, runner.environment)
        store.write_run(started)
        progress.begin(cells)
        try:
            place = {cell.cell_id: i for i, cell in enumerate(cells)}
            made = _up_to_failure(runner.records(cells), fail_fast)
            records = sorted(made, key=lambda record: place[record["cell_id"]])
        finally:
            progress.end()
            if store.cell_ids():  # nothing was made where the data could not be read
                store.write_run({**started, "machine": speed.to_json()})
                write_results(store)
        return Run(store.root, records, runner.n_reused, runner.n_standing)


def _refuse_mixture(store: Store, experiment: Experiment) -> None:
    if not (store.root / "run.json").exists():
        return
    if bool(store.read_run().get("quick")) != experiment.quick:
        there, asked = ("whole", "quick") if experiment.quick else ("quick", "whole")
        raise ConfigError(
            f"{store.root}: holds a {there} run, and a {asked} one is not mixed in. Choose another --output, or leave "
            "it out."
        )


def _started(
    experiment: Experiment,
    cells: Sequence[Cell | EnsembleCell],
    filters: Sequence[str],
    environment: dict[str, Any],
) -> dict[str, Any]:
    # The program's name alone: where it is installed is nobody's business.
    command = [Path(sys.argv[0]).name, *sys.argv[1:]]
    return {
        "name": experiment.name,
        "command": shlex.join(command) if command[0].startswith("featbench") else None,
        "version": featbench.__version__,
        "cells": [cell.cell_id for cell in cells],
        "filters": list(filters),
        "quick": experiment.quick,
        "reproduces": claims_of(experiment, cells),
        "environment": environment,
    }


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


def _up_to_failure(records: Generator[dict[str, Any]], fail_fast: bool) -> Iterator[dict[str, Any]]:
    with closing(records):
        for record in records:
            yield record
            if fail_fast and record["status"] in FAILED:
                return


@dataclass(frozen=True)
class _Again:
    """What of that which is there already is made again."""

    force: bool
    retry_failed: bool
    timeout_s: float | None


class _Runner:
    """Walks over the blocks in order, judges what they predict, and writes it down."""

    def __init__(
        self,
        store: Store,
        experiment: Experiment,
        progress: Progress,
        again: _Again,
        budget_s: float | None,
        cache: Cache | None,
    ) -> None:
        self.store, self.experiment, self.progress, self.again = store, experiment, progress, again
        self.deadline = float("inf") if budget_s is None else time.perf_counter() + budget_s
        self.environment, self.cache = described(), cache
        self.n_reused = self.n_standing = 0

    def records(self, cells: Sequence[Cell | EnsembleCell]) -> Generator[dict[str, Any]]:
        """Yield the records of the cells as they are made."""
        asked, kept = self.experiment.executor, None if self.cache is None else self.cache.root
        limit = self.again.timeout_s
        apart = self.store.root if self.experiment.timing.isolate or limit is not None else None
        with make_executor(asked, self.progress.stage, self.deadline, kept, apart, limit) as executor:
            for task, attempts in executor.run(self._tasks(cells)):
                yield from self._of_block(task, attempts)
                task.of.n_left -= 1
                if not task.of.n_left:
                    for ensemble in task.split.ensembles:
                        yield self._of_ensemble(ensemble, task.split, task.of.polls)

    def _tasks(self, cells: Sequence[Cell | EnsembleCell]) -> Iterator[_Task]:
        """Load splits one after another, and yield their blocks with what is there of them already."""
        timing = self.experiment.timing
        for split in plan(cells, self.experiment.splits, timing, self.progress.stage):
            asked = [cell for cell in split.ensembles if not self._is_made(cell, split)]
            of = _OfSplit(Polls(asked, split.data, self.store), len(split.blocks))
            for block in split.blocks:
                keys = {cell.cell_id: cell_key(cell, split.data) for cell in block.cells}
                found = {cell.cell_id: self._finished(cell, keys[cell.cell_id]) for cell in block.cells}
                todo = replace(block, cells=tuple(cell for cell in block.cells if found[cell.cell_id] is None))
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
        record = self._finished(cell, key)
        if record is not None:
            return self._reuse(cell, record)
        if start > self.deadline:
            return self._spent(cell, split)
        made = attempt(cell, split.data, partial(self._average, cell, split, polls))
        return self._write(Attempt(cell, made, time.perf_counter() - start), split, key)

    def _average(self, cell: EnsembleCell, split: Split, polls: Polls) -> Evaluated:
        self.progress.stage(f"{cell.label} on {split.data.name}")
        members = polls.members(cell, lambda member: self._features_of(member, split.data))
        return evaluate_ensemble(cell, split.data, members, lambda: self._enter(cell, split.data))

    def _features_of(self, cell: Cell, data: SealedDataset) -> Callable[[], Features]:
        return features_of(
            cell, data, self.experiment.timing, self.store.root, self.progress.stage, self.cache
        )

    def _is_made(self, cell: EnsembleCell, split: Split) -> bool:
        """Tell whether an ensemble is there already, if the members that are still to be made turn out well."""
        there = [self._finished(member, cell_key(member, split.data)) for member in cell.members]
        statuses = ["ok" if record is None else record["status"] for record in there]
        return self._finished(cell, ensemble_key(cell, split.data, statuses)) is not None

    def _finished(self, cell: Cell | EnsembleCell, key: str) -> dict[str, Any] | None:
        """Return the record that is there already and is the one that is asked for."""
        if self.again.force:
            return None
        retry, limit = self.again.retry_failed, self.again.timeout_s
        return self.store.finished(cell.cell_id, key, retry_failed=retry, timeout_s=limit)

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
