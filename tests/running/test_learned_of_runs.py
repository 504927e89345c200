"""What records of whole runs tell of loss curves and sizes of models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from featbench.archives import read_arrays
from featbench.config import Document, read_experiment
from featbench.model import export
from featbench.report import summarize_run
from featbench.report.charts.cost import cost_chart
from featbench.report.charts.learning import loss_chart
from featbench.report.table import columns_of
from featbench.runner import run
from featbench.store import Store

pytestmark = pytest.mark.long

# Solvers add up losses in float32, and seven digits are kept.
SUMMED = 1e-5

GRID: dict[str, Any] = {
    "dataset": "digits",
    "extractors": ["raw", {"name": "hog", "cell": 4, "block": 1}],
    "classifiers": [
        {"name": "softmax", "reg": 0.01},
        {"name": "svm", "reg": 0.01},
        {"name": "knn", "n_neighbors": 3},
        {"name": "sklearn", "estimator": "GaussianNB"},
    ],
    "ensembles": [
        {"cells": ["raw -> softmax", "hog -> softmax"]},
        {"cells": ["raw -> svm", "raw -> softmax"]},
        {"cells": ["raw -> sklearn", "raw -> softmax"]},
    ],
    "selection": "none",
    "timing": {"repeats": 1},
    "evidence": True,
    "images": "none",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    plan = read_experiment(Document("grid.yaml", GRID), "grid")
    return run(plan, output=tmp_path_factory.mktemp("run"), cache=False)


def by_label(finished: Any) -> dict[str, dict[str, Any]]:
    assert {record["status"] for record in finished.records} == {"ok"}
    return {record["label"].replace(" → standardize", ""): record for record in finished.records}


def named(finished: Any, start: str, end: str) -> dict[str, Any]:
    (found,) = [r for label, r in by_label(finished).items() if label.startswith(start) and end in label]
    return found


def test_a_curve_ends_at_the_objective_that_the_row_reached(finished: Any) -> None:
    for record in by_label(finished).values():
        linear = record["classifier"].startswith(("softmax", "svm"))
        assert ("loss_curve" in record) == linear
        if linear:
            numbers, losses = zip(*record["loss_curve"], strict=True)
            assert list(numbers) == list(range(record["optimum"]["n_iter"] + 1))
            assert losses[-1] == pytest.approx(record["optimum"]["objective"], rel=SUMMED)
            assert losses[-1] < losses[0]


def test_a_model_has_the_bytes_of_the_arrays_that_are_exported(finished: Any, tmp_path: Path) -> None:
    for classifier in ("softmax", "knn"):
        record = named(finished, "hog", f"→ {classifier}")
        folder = tmp_path / classifier
        export(finished.root / "cells" / f"{record['cell_id']}.json", folder)
        arrays = [array for path in folder.rglob("*.npz") for array in read_arrays(path).values()]
        assert record["model_mb"] == sum(array.nbytes for array in arrays) / 1e6
    # Rows in float32, as many as there are images to learn from.
    assert record["model_bytes"]["classifier"] > 4 * record["n_train"] * record["dim"]


def test_what_is_not_known_is_not_told(finished: Any) -> None:
    assert named(finished, "hog", "sklearn")["model_mb"] is None
    assert "model_mb" not in by_label(finished)["chance"]


def test_members_count_what_they_share_once(finished: Any) -> None:
    raw = named(finished, "raw", "softmax")["model_bytes"]
    hog, svm = named(finished, "hog", "softmax")["model_mb"], named(finished, "raw", "svm")["model_bytes"]
    apart, shared, unknown = (r for label, r in by_label(finished).items() if label.startswith("ensemble"))
    assert apart["model_mb"] == pytest.approx(sum(raw.values()) / 1e6 + hog)
    assert shared["model_bytes"] == {**raw, "classifier": raw["classifier"] + svm["classifier"]}
    assert unknown["model_bytes"]["classifier"] is None
    assert unknown["model_mb"] is None


def test_an_ensemble_is_as_sure_as_the_mean_of_its_members(finished: Any) -> None:
    store = Store(finished.root)
    ensembles = [r for label, r in by_label(finished).items() if label.startswith("ensemble")]
    kinds = [record["evidence"]["confidence"] for record in ensembles]
    assert kinds == ["probability", "margin", "probability"]  # an SVM's shares are none
    members = [named(finished, start, "softmax") for start in ("raw", "hog")]
    both = [store.read_arrays(member)["predictions"] for member in members]
    sure = [store.read_evidence(member)["confidence"] for member in members]
    together = store.read_evidence(ensembles[0])["confidence"]
    said = store.read_arrays(ensembles[0])["predictions"]
    agreed = (both[0] == both[1]) & (both[0] == said)
    assert agreed.mean() > 0.7
    np.testing.assert_allclose(together[agreed], np.mean(sure, axis=0)[agreed], rtol=SUMMED)
    for record in ensembles:
        confidence = store.read_evidence(record)["confidence"]
        assert confidence.shape == (record["n_test"],)
        assert 0 <= confidence.min() <= confidence.max() <= 1 + SUMMED


def test_reports_show_them(finished: Any) -> None:
    summary = summarize_run(Store(finished.root))
    (dataset,) = summary.datasets
    assert "model MB" in [column.heading for column in columns_of([dataset])]
    told = pd.read_csv(finished.root / "results.csv").set_index("cell_id")["model_mb"]
    meant = {record["cell_id"]: record.get("model_mb") for record in finished.records}
    assert {name: None if pd.isna(size) else size for name, size in told.items()} == meant
    sizes, losses = cost_chart(dataset), loss_chart(dataset)
    assert sizes is not None
    (drawn,) = [choice for name, choice in sizes.choices if name == "model size"]
    known = [size for size in meant.values() if size is not None]
    assert sorted(value["cost"] for value in drawn["data"]["values"]) == pytest.approx(sorted(known))
    assert losses is not None
    assert len(losses.choices) == 4
    cells = json.loads((finished.root / "results.json").read_text())["cells"]
    assert {cell["cell_id"]: cell.get("model_mb") for cell in cells} == meant


def test_a_networks_training_is_told_behind_whatever_has_no_curve(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    network = {"name": "cnn", "architecture": "small", "epochs": 3, "device": "cpu"}
    asked = {
        **{name: GRID[name] for name in ("dataset", "selection", "timing")},
        "extractors": [network],
        "classifiers": ["own_head", {"name": "knn", "n_neighbors": 3}, {"name": "softmax", "reg": 0.01}],
        "evidence": False,
    }
    finished = run(read_experiment(Document("net.yaml", asked), "net"), output=tmp_path, cache=False)
    head, knn, softmax = (named(finished, "cnn", f"→ {name}") for name in ("own_head", "knn", "softmax"))
    assert head["loss_curve"] == knn["loss_curve"]
    assert [number for number, _ in head["loss_curve"]] == [1, 2, 3]
    assert head["loss_curve"][-1][1] < head["loss_curve"][0][1]
    assert softmax["loss_curve"][-1][1] == pytest.approx(softmax["optimum"]["objective"], rel=SUMMED)
    assert head["model_bytes"]["extractor"] == knn["model_bytes"]["extractor"] > 10_000
    assert head["model_mb"] < softmax["model_mb"] < knn["model_mb"]
