"""From an experiment to results: every cell once, each result whole, what cells share done once."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import featbench
from featbench.cache import Cache
from featbench.config import (
    Cell,
    EnsembleCell,
    Experiment,
    claims_of,
    filtered,
    load_experiment,
    without_voters,
)
from featbench.config.executor import with_jobs
from featbench.errors import ConfigError
from featbench.executors import refuse_apart
from featbench.machine import Speed, pinned_threads
from featbench.progress import SILENT, Progress
from featbench.quick import quick_experiment
from featbench.report import write_results
from featbench.results import FAILED, frame
from featbench.reuse import Reuse
from featbench.store import Store
from featbench.walk import Walk

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
    without_voters : tuple of str
        Ensembles that filters left out because they left out some of the rows that vote in them.
    """

    root: Path
    records: list[dict[str, Any]]
    n_reused: int
    n_standing: int = 0
    without_voters: tuple[str, ...] = ()

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
    if experiment.timing.isolate or timeout_s is not None:
        refuse_apart(experiment.executor)  # before anything is written
    cells = filtered(experiment, filters)
    with pinned_threads(), Store(output or Path("runs") / experiment.name) as store:
        speed = Speed()
        _refuse_mixture(store, experiment)
        kept = None if cache is False else Cache(None if cache is True else cache)
        reuse = Reuse(store, force, retry_failed, timeout_s)
        walk = Walk(reuse, experiment, progress, budget_s, kept)
        started = _started(experiment, cells, filters, walk.environment)
        store.write_run(started)
        progress.begin(cells)
        try:
            place = {cell.cell_id: i for i, cell in enumerate(cells)}
            made = _up_to_failure(walk.records(cells), fail_fast)
            records = sorted(made, key=lambda record: place[record["cell_id"]])
        finally:
            progress.end()
            if store.cell_ids():  # nothing was made where the data could not be read
                store.write_run({**started, "machine": speed.to_json()})
                write_results(store)
        gone = without_voters(experiment, cells)
        return Run(store.root, records, walk.n_reused, walk.n_standing, gone)


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
    program = Path(sys.argv[0])
    # `python -m featbench` is told by the file that it runs.
    called = "python -m featbench" if program.match("featbench/__main__.py") else program.name
    return {
        "name": experiment.name,
        "command": f"{called} {shlex.join(sys.argv[1:])}"
        if called.startswith(("featbench", "python -m"))
        else None,
        "version": featbench.__version__,
        "cells": [cell.cell_id for cell in cells],
        "filters": list(filters),
        "quick": experiment.quick,
        "reproduces": claims_of(experiment, cells),
        "environment": environment,
    }


def _up_to_failure(records: Generator[dict[str, Any]], fail_fast: bool) -> Iterator[dict[str, Any]]:
    with closing(records):
        for record in records:
            yield record
            if fail_fast and record["status"] in FAILED:
                return
