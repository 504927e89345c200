"""Results in an MLflow tracking folder: one run a cell, with its parameters, figures, origin and files."""

from __future__ import annotations

import datetime
import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featbench.errors import MissingExtraError, StoreError
from featbench.records.tables import origin
from featbench.report import summarize_run
from featbench.results import to_row
from featbench.store import Store

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

__all__ = ["Tracked", "track"]

# What MLflow takes of a parameter and of a tag, in all versions that the extra allows.
_MOST_TEXT = 500
_FINISHED = {"ok": "FINISHED", "skipped": "KILLED"}
# Since 3.13 MLflow opens folders of files only where it is told so; and featbench reports to nobody.
_TOLD = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True)
class Tracked:
    """What was written.

    Attributes
    ----------
    folder : Path
    experiment : str
        MLflow's name for the run of featbench.
    n_written : int
        Cells that became runs.
    n_there : int
        Cells that were there already.
    """

    folder: Path
    experiment: str
    n_written: int
    n_there: int


def track(folder: Path, target: Path) -> Tracked:
    """Write the cells of a run into an MLflow tracking folder, those that are not there yet.

    Parameters
    ----------
    folder : Path
        Of a run of featbench.
    target : Path
        A tracking folder of files; made where it is missing.

    Returns
    -------
    Tracked

    Raises
    ------
    ConfigError
        A folder that holds no run.
    MissingExtraError
        MLflow is not installed.
    StoreError
        A file is damaged, or MLflow cannot write to the target.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise MissingExtraError(f"mlflow:{target}", "mlflow-skinny", "mlflow")
    store = Store(folder)
    summary = summarize_run(store)
    with _told():
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        try:
            client = MlflowClient(tracking_uri=target.resolve().as_uri())
            name = str(summary.run["name"])
            known = client.get_experiment_by_name(name)
            experiment = known.experiment_id if known else client.create_experiment(name)
            there = set(_there(client, experiment))
            fresh = [r for r in summary.records if (r["cell_id"], str(r.get("made"))) not in there]
            for record in fresh:
                _write(client, experiment, store, record)
        except (MlflowException, OSError) as error:
            raise StoreError(f"{target}: MLflow cannot write there ({error}).") from error
    return Tracked(target, name, len(fresh), len(summary.records) - len(fresh))


@contextmanager
def _told() -> Iterator[None]:
    """Set what MLflow reads from the environment, for as long as it works here."""
    before = {name: os.environ.get(name) for name in _TOLD}
    os.environ.update(_TOLD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _there(client: MlflowClient, experiment: str) -> Iterator[tuple[str, str]]:
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        for run in page:
            tags = run.data.tags
            yield tags.get("featbench.cell_id", ""), tags.get("featbench.made", "")
        token = page.token
        if not token:
            return


def _write(client: MlflowClient, experiment: str, store: Store, record: Mapping[str, Any]) -> None:
    row = to_row(record)
    tags = {"cell_id": record["cell_id"], "status": record["status"], "reason": record.get("reason")}
    tags |= {key: value for key, value in origin(record).items() if key != "spec"}
    named = {f"featbench.{key}": str(value)[:_MOST_TEXT] for key, value in tags.items() if value is not None}
    when = _milliseconds(record.get("made"))
    run = client.create_run(experiment, start_time=when, tags=named, run_name=record["label"][:_MOST_TEXT])
    run_id = run.info.run_id
    for key, value in _parameters(record).items():
        client.log_param(run_id, key, str(value)[:_MOST_TEXT])
    for key, value in row.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool) and key not in ("seed", "split"):
            client.log_metric(run_id, key, float(value), timestamp=when)
    cells = store.root / "cells"
    client.log_artifact(run_id, str(cells / f"{record['cell_id']}.json"))
    if record.get("arrays"):
        client.log_artifact(run_id, str(cells / Path(record["arrays"]).name))
    client.set_terminated(run_id, _FINISHED.get(record["status"], "FAILED"), end_time=when)


def _parameters(record: Mapping[str, Any]) -> dict[str, Any]:
    names = ("dataset", "split", "seed", "extractor", "preprocess", "classifier")
    chosen = (record.get("selection") or {}).get("parameters") or {}
    return {**{name: record[name] for name in names}, **{f"chosen.{k}": v for k, v in chosen.items()}}


def _milliseconds(made: str | None) -> int:
    when = datetime.datetime.fromisoformat(made) if made else datetime.datetime.now(datetime.UTC)
    return int(1000 * when.timestamp())
