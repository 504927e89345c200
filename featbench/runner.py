"""From an experiment to results: every cell once, each result whole, what cells share done once."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import featbench
from featbench.config import Cell, Component, Experiment, load_experiment
from featbench.environment import code_fingerprint, describe, source_fingerprint, versions
from featbench.errors import FeatbenchError
from featbench.evaluation import evaluate, identity
from featbench.report import write_results
from featbench.results import frame
from featbench.sealed import SealedDataset
from featbench.selection import make_folds
from featbench.stages import Features, Skipped, extract, load
from featbench.store import Store
from featbench.timing import Timing

if TYPE_CHECKING:
    import pandas

__all__ = ["Progress", "Run", "run"]


class Progress(Protocol):
    """What a run tells while it goes on; the command line draws it."""

    def begin(self, cells: Sequence[Cell]) -> None:
        """Tell which cells the run consists of."""

    def stage(self, text: str) -> None:
        """Tell what is being worked on."""

    def cell(self, cell: Cell, record: dict[str, Any], seconds: float, *, reused: bool) -> None:
        """Tell that a cell is done, or was there already."""

    def end(self) -> None:
        """Tell that no more will come."""


class _Silent:
    def begin(self, cells: Sequence[Cell]) -> None: ...
    def stage(self, text: str) -> None: ...
    def cell(self, cell: Cell, record: dict[str, Any], seconds: float, *, reused: bool) -> None: ...
    def end(self) -> None: ...


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
    progress = progress or _Silent()
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


def _started(experiment: Experiment, cells: Sequence[Cell], environment: dict[str, Any]) -> dict[str, Any]:
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

    def records(self, cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
        for (dataset, seed), of_seed in groupby(cells, key=lambda c: (c.dataset, c.seed)):
            self.progress.stage(f"loading {dataset.label}")
            splits, timing = load(dataset, self.experiment.splits, seed)
            splits = [self._named_apart(part, dataset) for part in splits]
            for split, of_split in groupby(of_seed, key=lambda c: c.split):
                data = splits[split]
                # Folds that cannot be drawn are refused here, before any test label is opened.
                make_folds(data.train.labels, data.train.groups, self.experiment.selection, seed)
                for extractor, of_extractor in groupby(of_split, key=lambda c: c.extractor):
                    yield from self._of_extractor(extractor, list(of_extractor), data, timing)

    def _named_apart(self, data: SealedDataset, dataset: Component) -> SealedDataset:
        """Give a data set another name where one with other parameters has its name already."""
        if self.names.setdefault(data.name, dataset) == dataset:
            return data
        return replace(data, name=f"{data.name} ({dataset.label})")

    def _of_extractor(
        self, extractor: Component | None, cells: list[Cell], data: SealedDataset, load_timing: Timing
    ) -> Iterator[dict[str, Any]]:
        """Yield the records of the cells on one extractor; its features live no longer than this."""
        made: Features | Exception | None = None
        for cell in cells:
            key = _key(cell, data)
            start = time.perf_counter()
            record = None if self.force else self._finished(cell, key)
            reused = record is not None
            if record is None and start > self.deadline:
                spent = {**identity(cell, data), "status": "skipped", "reason": "the time budget was spent"}
                record = self.store.write_cell(spent)  # without a key: the next run makes it
            elif record is None:
                if made is None:
                    self.progress.stage(f"{extractor.label if extractor else 'baselines'} on {data.name}")
                    made = self._features(extractor, data, cell)
                self.progress.stage(f"{cell.label} on {data.name}")
                record = self._cell(cell, data, made, load_timing, key)
            self.n_reused += reused
            self.progress.cell(cell, record, time.perf_counter() - start, reused=reused)
            yield record

    def _features(self, extractor: Component | None, data: SealedDataset, cell: Cell) -> Features | Exception:
        repeats = self.experiment.timing.repeats
        try:
            return extract(extractor, data, self.experiment.selection, cell.seed, repeats, self.store.root)
        except Exception as error:
            return error

    def _finished(self, cell: Cell, key: str) -> dict[str, Any] | None:
        try:
            record = self.store.read_cell(cell.cell_id)
        except FeatbenchError:
            return None  # a damaged file is no result: the cell runs again
        done = record is not None and record["status"] in ("ok", "skipped") and record.get("key") == key
        return record if done else None

    def _cell(
        self, cell: Cell, data: SealedDataset, made: Features | Exception, load_timing: Timing, key: str
    ) -> dict[str, Any]:
        arrays = {}
        try:
            if isinstance(made, Exception):
                raise made
            evaluated = evaluate(
                cell, data, made, self.experiment.timing.repeats, lambda: self._enter(cell, data)
            )
            record, arrays = evaluated.record, evaluated.arrays
            record["phases"]["load"] = load_timing.to_json()
        except Skipped as reason:
            record = {**identity(cell, data), "status": "skipped", "reason": str(reason)}
        except Exception as error:
            record = {**identity(cell, data), **_failure(error)}
        return self.store.write_cell({**record, "key": key, "environment": self.environment}, arrays)

    def _enter(self, cell: Cell, data: SealedDataset) -> None:
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


def _key(cell: Cell, data: SealedDataset) -> str:
    """Return a hash of all that a result is made of: what is asked, images, code, libraries."""
    made_of = {
        "spec": cell.spec(),
        "name": data.name,
        "data": data.summary["fingerprint"],
        "code": code_fingerprint(),
        "versions": versions(),
        "plugins": [source_fingerprint(c.cls) for c in (cell.extractor, cell.classifier) if c],
    }
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
