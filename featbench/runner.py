"""From an experiment to results: every cell once, each result whole, what cells share done once."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import featbench
from featbench.blocks import Attempt, Block, Split, attempt, do_block, features_of, plan
from featbench.config import Cell, EnsembleCell, Experiment, filtered, load_experiment
from featbench.environment import describe
from featbench.errors import ConfigError
from featbench.evaluation import Evaluated, Prediction, identity, judge
from featbench.keys import cell_key, ensemble_key
from featbench.polls import Polls
from featbench.progress import SILENT, Progress
from featbench.quick import quick_experiment
from featbench.report import write_results
from featbench.results import frame
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
    """

    root: Path
    records: list[dict[str, Any]]
    n_reused: int

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
        return sum(r["status"] in ("failed", "timeout") for r in self.records)


def run(
    config: str | Path | Experiment,
    *,
    output: str | Path | None = None,
    overrides: Sequence[str] = (),
    filters: Sequence[str] = (),
    quick: bool = False,
    force: bool = False,
    budget_s: float | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run an experiment.

    Cells whose result is in the folder already, made by the same code and libraries from the same images,
    are not run again.

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
    budget_s : float, optional
        Seconds after which no further cell is begun; the next run makes those that are missing.
    progress : Progress, optional
        Is told what happens.

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
    progress = progress or SILENT
    if quick:
        experiment = quick_experiment(experiment)
    cells = filtered(experiment, filters)
    with Store(output or Path("runs") / experiment.name) as store:
        _refuse_mixture(store, experiment)
        runner = _Runner(store, experiment, progress, force, budget_s)
        store.write_run(_started(experiment, cells, filters, runner.environment))
        progress.begin(cells)
        try:
            records = list(runner.records(cells))
        finally:
            progress.end()
            if store.cell_ids():  # nothing was made where the data could not be read
                write_results(store)
        return Run(store.root, records, runner.n_reused)


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
        "environment": environment,
    }


class _Runner:
    """Walks over the blocks in order, judges what they predict, and writes it down."""

    def __init__(
        self, store: Store, experiment: Experiment, progress: Progress, force: bool, budget_s: float | None
    ) -> None:
        self.store, self.experiment, self.progress, self.force = store, experiment, progress, force
        self.deadline = float("inf") if budget_s is None else time.perf_counter() + budget_s
        self.environment = describe()
        self.n_reused = 0

    def records(self, cells: Sequence[Cell | EnsembleCell]) -> Iterator[dict[str, Any]]:
        timing = self.experiment.timing
        for split in plan(cells, self.experiment.splits, timing, self.progress.stage):
            yield from self._of_split(split)

    def _of_split(self, split: Split) -> Iterator[dict[str, Any]]:
        """Yield the records of the pipelines, and then of the ensembles that they vote in."""
        asked = [cell for cell in split.ensembles if not self._is_made(cell, split)]
        polls = Polls(asked, split.data, self.store)
        for block in split.blocks:
            yield from self._of_block(block, split, polls)
        for ensemble in split.ensembles:
            yield self._of_ensemble(ensemble, split, polls)

    def _of_block(self, block: Block, split: Split, polls: Polls) -> Iterator[dict[str, Any]]:
        """Yield the records of the cells on one extractor; its features live no longer than this."""
        keys = {cell.cell_id: cell_key(cell, split.data) for cell in block.cells}
        found = {cell.cell_id: self._finished(cell, keys[cell.cell_id]) for cell in block.cells}
        todo = replace(block, cells=tuple(cell for cell in block.cells if found[cell.cell_id] is None))
        features = self._features_of(block.cells[0], split.data)
        attempts = do_block(todo, split.data, features, self.progress.stage, self.deadline)
        for cell in block.cells:
            record = found[cell.cell_id]
            if record is not None:
                self._reuse(cell, record)
            elif (done := next(attempts, None)) is None:
                record = self._spent(cell, split)
            else:
                record = self._write(done, split, keys[cell.cell_id])
            polls.note(cell, record, features, late=time.perf_counter() > self.deadline)
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
        return features_of(cell, data, self.experiment.timing, self.store.root, self.progress.stage)

    def _is_made(self, cell: EnsembleCell, split: Split) -> bool:
        """Tell whether an ensemble is there already, if the members that are still to be made turn out well."""
        there = [self._finished(member, cell_key(member, split.data)) for member in cell.members]
        statuses = ["ok" if record is None else record["status"] for record in there]
        return self._finished(cell, ensemble_key(cell, split.data, statuses)) is not None

    def _finished(self, cell: Cell | EnsembleCell, key: str) -> dict[str, Any] | None:
        """Return the record that is there already and is the one that is asked for."""
        return None if self.force else self.store.finished(cell.cell_id, key)

    def _reuse(self, cell: Cell | EnsembleCell, record: dict[str, Any]) -> dict[str, Any]:
        self.n_reused += 1
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
