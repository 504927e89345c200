"""From an experiment to results: every cell once, each result whole, what cells share done once."""

from __future__ import annotations

import shlex
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import featbench
from featbench.config import Cell, Component, EnsembleCell, Experiment, load_experiment
from featbench.environment import describe
from featbench.errors import FeatbenchError
from featbench.evaluation import Evaluated, evaluate, identity
from featbench.keys import cell_key, ensemble_key
from featbench.polls import Polls
from featbench.progress import SILENT, Progress
from featbench.report import write_results
from featbench.results import frame
from featbench.sealed import SealedDataset
from featbench.selection import make_folds
from featbench.stages import Features, Skipped, extract, load
from featbench.store import Store
from featbench.timing import Timing
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
    cells = list(experiment.cells())
    with Store(output or Path("runs") / experiment.name) as store:
        runner = _Runner(store, experiment, progress, force, budget_s)
        store.write_run(_started(experiment, cells, runner.environment))
        progress.begin(cells)
        try:
            records = list(runner.records(cells))
        finally:
            progress.end()
            if store.cell_ids():  # nothing was made where the data could not be read
                write_results(store)
        return Run(store.root, records, runner.n_reused)


def _started(
    experiment: Experiment, cells: Sequence[Cell | EnsembleCell], environment: dict[str, Any]
) -> dict[str, Any]:
    # The program's name alone: where it is installed is nobody's business.
    command = [Path(sys.argv[0]).name, *sys.argv[1:]]
    return {
        "name": experiment.name,
        "command": shlex.join(command) if command[0].startswith("featbench") else None,
        "version": featbench.__version__,
        "cells": [cell.cell_id for cell in cells],
        "environment": environment,
    }


class _Runner:
    """Walks the cells in order and keeps the stage that neighbours share."""

    def __init__(
        self, store: Store, experiment: Experiment, progress: Progress, force: bool, budget_s: float | None
    ) -> None:
        self.store, self.experiment, self.progress, self.force = store, experiment, progress, force
        self.deadline = float("inf") if budget_s is None else time.perf_counter() + budget_s
        self.environment = describe()
        self.names: dict[str, Component] = {}
        self.n_reused = 0

    def records(self, cells: Sequence[Cell | EnsembleCell]) -> Iterator[dict[str, Any]]:
        for (dataset, seed), of_seed in groupby(cells, key=lambda c: (c.dataset, c.seed)):
            self.progress.stage(f"loading {dataset.label}")
            splits, timing = load(dataset, self.experiment.splits, seed)
            splits = [self._named_apart(part, dataset) for part in splits]
            for split, of_split in groupby(of_seed, key=lambda c: c.split):
                data = splits[split]
                # Folds that cannot be drawn are refused here, before any test label is opened.
                make_folds(data.train.labels, data.train.groups, self.experiment.selection, seed)
                yield from self._of_split(list(of_split), data, timing)

    def _of_split(
        self, cells: Sequence[Cell | EnsembleCell], data: SealedDataset, load_timing: Timing
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of the pipelines, and then of the ensembles that they vote in."""
        ensembles = [cell for cell in cells if isinstance(cell, EnsembleCell)]
        polls = Polls([cell for cell in ensembles if not self._is_made(cell, data)], data, self.store)
        pipelines = [cell for cell in cells if isinstance(cell, Cell)]
        for _, of_extractor in groupby(pipelines, key=lambda c: c.extractor):
            yield from self._of_extractor(list(of_extractor), data, load_timing, polls)
        for ensemble in ensembles:
            key = ensemble_key(ensemble, data, polls.statuses(ensemble))
            make = partial(self._average, ensemble, data, polls)
            yield self._row(ensemble, data, load_timing, key, make)

    def _named_apart(self, data: SealedDataset, dataset: Component) -> SealedDataset:
        """Give a data set another name where one with other parameters has its name already."""
        if self.names.setdefault(data.name, dataset) == dataset:
            return data
        return replace(data, name=f"{data.name} ({dataset.label})")

    def _of_extractor(
        self, cells: Sequence[Cell], data: SealedDataset, load_timing: Timing, polls: Polls
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of the cells on one extractor; its features live no longer than this."""
        features = self._features_of(data, cells[0])
        for cell in cells:
            make = partial(self._evaluate, cell, data, features)
            record = self._row(cell, data, load_timing, cell_key(cell, data), make)
            polls.note(cell, record, features, late=time.perf_counter() > self.deadline)
            yield record

    def _row(
        self,
        cell: Cell | EnsembleCell,
        data: SealedDataset,
        load_timing: Timing,
        key: str,
        make: Callable[[], Evaluated],
    ) -> dict[str, Any]:
        """Return the record that is there, or that is made now."""
        start = time.perf_counter()
        record = None if self.force else self._finished(cell, key)
        reused = record is not None
        if record is None and start > self.deadline:
            spent = {**identity(cell, data), "status": "skipped", "reason": "the time budget was spent"}
            record = self.store.write_cell(spent)  # without a key: the next run makes it
        elif record is None:
            record = self._made(cell, data, load_timing, key, make)
        self.n_reused += reused
        self.progress.cell(cell, record, time.perf_counter() - start, reused=reused)
        return record

    def _features_of(self, data: SealedDataset, cell: Cell) -> Callable[[], Features]:
        """Return what makes a cell's features when they are first asked for; that they fail is told each time."""
        made: list[Features | Exception] = []
        extractor, seed = cell.extractor, cell.seed

        def features() -> Features:
            if not made:
                self.progress.stage(f"{extractor.label if extractor else 'baselines'} on {data.name}")
                repeats, selection = self.experiment.timing.repeats, self.experiment.selection
                try:
                    made.append(extract(extractor, data, selection, seed, repeats, self.store.root))
                except Exception as error:
                    made.append(error)
            if isinstance(made[0], Exception):
                raise made[0]
            return made[0]

        return features

    def _evaluate(self, cell: Cell, data: SealedDataset, features: Callable[[], Features]) -> Evaluated:
        made = features()
        self.progress.stage(f"{cell.label} on {data.name}")
        return evaluate(cell, data, made, self.experiment.timing.repeats, lambda: self._enter(cell, data))

    def _average(self, cell: EnsembleCell, data: SealedDataset, polls: Polls) -> Evaluated:
        self.progress.stage(f"{cell.label} on {data.name}")
        members = polls.members(cell, partial(self._features_of, data))
        return evaluate_ensemble(cell, data, members, lambda: self._enter(cell, data))

    def _is_made(self, cell: EnsembleCell, data: SealedDataset) -> bool:
        """Tell whether an ensemble is there already, if the members that are still to be made turn out well."""
        there = [self._finished(member, cell_key(member, data)) for member in cell.members]
        key = ensemble_key(cell, data, ["ok" if record is None else record["status"] for record in there])
        return not self.force and self._finished(cell, key) is not None

    def _finished(self, cell: Cell | EnsembleCell, key: str) -> dict[str, Any] | None:
        try:
            record = self.store.read_cell(cell.cell_id)
        except FeatbenchError:
            return None  # a damaged file is no result: the cell runs again
        done = record is not None and record["status"] in ("ok", "skipped") and record.get("key") == key
        return record if done else None

    def _made(
        self,
        cell: Cell | EnsembleCell,
        data: SealedDataset,
        load_timing: Timing,
        key: str,
        make: Callable[[], Evaluated],
    ) -> dict[str, Any]:
        arrays = {}
        try:
            evaluated = make()
            record, arrays = evaluated.record, evaluated.arrays
            record["phases"]["load"] = load_timing.to_json()
        except Skipped as reason:
            record = {**identity(cell, data), "status": "skipped", "reason": str(reason)}
        except Exception as error:
            record = {**identity(cell, data), **_failure(error)}
        return self.store.write_cell({**record, "key": key, "environment": self.environment}, arrays)

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


def _failure(error: Exception) -> dict[str, Any]:
    reason = str(error) if isinstance(error, FeatbenchError) else f"{type(error).__name__}: {error}"
    return {
        "status": "failed",
        "reason": reason,
        "traceback": "".join(traceback.format_exception(error)),
    }
