"""Results in a tracking folder, by the real MLflow."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest
from made_up import cell, folder

from featbench.errors import MissingExtraError
from featbench.records.tracking import track

needs_mlflow = pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None,
    reason="mlflow-skinny, of the extra [mlflow], is not installed",
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    failed = cell("hue → svm", status="failed", reason="why")
    return folder(tmp_path / "run", cell("hog → svm"), failed)


def runs_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=folder.resolve().as_uri())
    experiment = client.get_experiment_by_name("run")
    return sorted(client.search_runs([experiment.experiment_id]), key=lambda r: r.data.params["extractor"])


@needs_mlflow
def test_a_cell_is_a_run_with_its_origin(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = track(run, tmp_path / "mlruns")
    assert (done.n_written, done.n_there, done.experiment) == (2, 0, "run")
    good, bad = runs_in(tmp_path / "mlruns", monkeypatch)
    assert good.data.params["chosen.k"] == "3"
    assert good.data.params["classifier"] == "svm"
    assert good.data.metrics["test_accuracy"] == 0.6
    assert good.data.metrics["fit_s"] == 1.0
    assert good.data.tags["featbench.code"] == "c0de"
    assert good.data.tags["featbench.cpu"] == "a processor"
    assert good.info.run_name == "hog → svm"
    assert (good.info.status, bad.info.status) == ("FINISHED", "FAILED")
    assert bad.data.tags["featbench.reason"] == "why"
    assert good.info.start_time == 1767323045000  # 2026-01-02T03:04:05Z
    (told,) = (tmp_path / "mlruns").rglob("hog-svm-0-0.json")
    assert json.loads(told.read_text())["label"] == "hog → svm"
    assert len(list((tmp_path / "mlruns").rglob("hog-svm-0-0-*.npz"))) == 1


@needs_mlflow
def test_a_second_export_adds_what_is_new(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track(run, tmp_path / "mlruns")
    assert track(run, tmp_path / "mlruns").n_written == 0
    newer = folder(
        tmp_path / "b" / "run", cell("hog → svm", made="2026-02-02T03:04:05+00:00"), cell("raw → knn")
    )
    done = track(newer, tmp_path / "mlruns")
    assert (done.n_written, done.n_there) == (2, 0)
    assert len(runs_in(tmp_path / "mlruns", monkeypatch)) == 4


@needs_mlflow
def test_the_environment_is_left_as_it_was(run: Path, tmp_path: Path) -> None:
    before = dict(os.environ)
    track(run, tmp_path / "mlruns")
    assert dict(os.environ) == before


def test_without_mlflow_the_extra_is_named(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "mlflow" else find(name, *more)
    )
    with pytest.raises(MissingExtraError, match=r"mlflow-skinny.*featbench\[mlflow\]"):
        track(run, tmp_path / "mlruns")
