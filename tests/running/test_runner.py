"""A run from experiment to folder: what is there, what is shared, what is done again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import featbench
from featbench.config import Document, read_experiment
from featbench.errors import ConfigError, DataError
from featbench.results import COLUMNS, STATUSES
from featbench.runner import run
from featbench.store import Store

DIGITS: dict[str, Any] = {
    "dataset": "digits",
    "evidence": False,
    "extractors": ["raw", {"name": "hog", "cell": 4, "block": 1}],
    "preprocess": "standardize",
    "classifiers": [
        {"name": "knn", "search": {"n_neighbors": [1, 3]}},
        {"name": "svm", "search": {"reg": [1e-3, 1e-2, 1e-1]}},
    ],
    "selection": {"folds": 3},
    "timing": {"repeats": 2},
}

PROMISED = [
    "cell_id",
    "label",
    "dataset",
    "split",
    "seed",
    "train_size",
    "extractor",
    "preprocess",
    "classifier",
    "n_train",
    "n_test",
    "dim",
    "val_accuracy",
    "train_accuracy",
    "test_accuracy",
    "test_low",
    "test_high",
    "balanced_accuracy",
    "load_s",
    "fit_extractor_s",
    "transform_train_s",
    "transform_test_s",
    "search_s",
    "fit_s",
    "predict_s",
    "images_per_s",
    "latency_ms_p50",
    "latency_ms_p95",
    "peak_rss_mb",
    "status",
]


def plan(**changes: Any) -> Any:
    data = {k: v for k, v in {**DIGITS, **changes}.items() if v is not None}
    return read_experiment(Document("digits.yaml", data), "digits")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run(plan(), output=tmp_path_factory.mktemp("run"))


def test_every_column_is_there_and_filled(finished: Any) -> None:
    table = finished.to_frame()
    assert list(table.columns[: len(PROMISED)]) == PROMISED
    assert list(table.columns) == list(COLUMNS)
    assert set(table["status"]) <= set(STATUSES)
    rows = table[table["extractor"] != ""]
    assert len(rows) == 4
    missing = [c for c in PROMISED if rows[c].isna().any()]
    assert not missing
    assert (rows["test_low"] < rows["test_accuracy"]).all()
    assert (rows["test_accuracy"] < rows["test_high"]).all()
    assert (rows["test_accuracy"] > 0.7).all(), "digits are easy"


def test_baselines_are_what_they_are(finished: Any) -> None:
    rows = finished.to_frame().set_index("label")
    assert rows.loc["majority", "test_accuracy"] == pytest.approx(0.1, abs=0.02)
    assert rows.loc["chance", "test_accuracy"] == pytest.approx(0.1, abs=0.05)


def test_the_files_of_a_run(finished: Any) -> None:
    root = finished.root
    with (root / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert list(rows[0])[: len(PROMISED)] == PROMISED
    told = json.loads((root / "results.json").read_text())
    assert len(told["cells"]) == 6
    assert (
        told["recommended"]["digits"]
        == max((r for r in finished.records if r.get("val_accuracy")), key=lambda r: r["val_accuracy"])[
            "label"
        ]
    )
    assert "★" in (root / "results.md").read_text()
    assert "<table>" in (root / "report.html").read_text()
    assert not list(root.rglob(".writing-*"))


def test_csv_and_frame_agree(finished: Any) -> None:
    import pandas as pd

    read = pd.read_csv(
        finished.root / "results.csv",
        keep_default_na=False,
        na_values={c: [""] for c in ("dim", "val_accuracy")},
    )
    np.testing.assert_allclose(read["test_accuracy"], finished.to_frame()["test_accuracy"])
    assert list(read["label"]) == list(finished.to_frame()["label"])


def test_each_record_tells_all(finished: Any) -> None:
    record = finished.records[-1]
    assert np.array(record["selection"]["scores"]).shape == (3, 3), "every fold of every candidate is kept"
    assert record["phases"]["transform_test"]["shared"]
    assert not record["phases"]["fit"]["shared"]
    assert len(record["phases"]["predict"]["samples"]) >= 2
    assert record["environment"]["versions"]["numpy"] == np.__version__
    assert record["environment"]["threads"]["kernels"] == 1
    assert record["seed"] == 0
    assert record["data"]["fingerprint"]
    assert np.sum(record["scores"]["confusion"]) == record["n_test"]
    arrays = Store(finished.root).read_arrays(record)
    assert np.mean(arrays["predictions"] == arrays["truth"]) == record["test_accuracy"]


def test_features_are_made_once_for_the_cells_that_share_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from featbench import blocks

    made: list[str] = []
    real = blocks.extract
    monkeypatch.setattr(
        blocks, "extract", lambda c, *a: (made.append(c.name if c else "none"), real(c, *a))[1]
    )
    run(plan(), output=tmp_path)
    assert made == ["none", "raw", "hog"]


def test_a_second_run_makes_nothing_again(finished: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from featbench import blocks

    def forbidden(*_: Any) -> None:
        raise AssertionError("a finished cell was run again")

    monkeypatch.setattr(blocks, "extract", forbidden)
    again = run(plan(), output=finished.root)
    assert again.n_reused == 6
    assert again.records == finished.records


def test_other_code_or_images_are_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from featbench import keys

    small = plan(extractors=["raw"], classifiers=[{"name": "knn", "n_neighbors": 1}])
    run(small, output=tmp_path)
    assert run(small, output=tmp_path).n_reused == 3
    assert run(small, output=tmp_path, force=True).n_reused == 0
    monkeypatch.setattr(keys, "code_fingerprint", lambda: "another")
    assert run(small, output=tmp_path).n_reused == 0


def test_a_damaged_cell_is_made_again(tmp_path: Path) -> None:
    small = plan(extractors=["raw"], classifiers=[{"name": "knn", "n_neighbors": 1}])
    first = run(small, output=tmp_path)
    path = tmp_path / "cells" / f"{first.records[-1]['cell_id']}.json"
    path.write_text(path.read_text()[:100])
    second = run(small, output=tmp_path)
    assert second.n_reused == 2
    assert second.records[-1]["test_accuracy"] == first.records[-1]["test_accuracy"]


def test_another_experiment_in_the_folder_is_kept_and_not_mixed_in(tmp_path: Path) -> None:
    run(plan(extractors=["raw"], classifiers=[{"name": "knn", "n_neighbors": 1}]), output=tmp_path)
    second = run(plan(extractors=["raw"], classifiers=[{"name": "knn", "n_neighbors": 3}]), output=tmp_path)
    assert len(second.records) == 3
    assert len(list((tmp_path / "cells").glob("*.json"))) == 4
    assert "1 row of another experiment" in (tmp_path / "results.md").read_text()


def test_a_pair_that_does_not_fit_is_a_row_with_a_reason(tmp_path: Path) -> None:
    result = run(
        plan(extractors=["raw", "hue"], classifiers=[{"name": "knn", "n_neighbors": 1}]), output=tmp_path
    )
    row = result.records[-1]
    assert row["status"] == "skipped"
    assert row["reason"]
    assert result.n_failed == 0
    assert result.records[-2]["status"] == "ok"


def test_a_plugin_that_breaks_is_one_failed_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from featbench.classifiers.svm import SVM

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug in a plug-in")

    monkeypatch.setattr(SVM, "fit", broken)
    monkeypatch.setattr(SVM, "fit_path", broken)
    result = run(plan(extractors=["raw"]), output=tmp_path)
    assert [r["status"] for r in result.records] == ["ok", "ok", "ok", "failed"]
    assert result.records[-1]["reason"] == "ZeroDivisionError: a bug in a plug-in"
    assert "broken" in result.records[-1]["traceback"]
    assert "traceback" not in (tmp_path / "results.json").read_text()
    monkeypatch.undo()
    mended = run(plan(extractors=["raw"]), output=tmp_path, retry_failed=True)
    assert mended.n_reused == 3, "a failure is never taken for a result"
    assert mended.records[-1]["status"] == "ok"


def test_an_interruption_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from featbench.classifiers.svm import SVM

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SVM, "fit_path", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(plan(), output=tmp_path)
    assert "1 row of the run" not in (tmp_path / "results.md").read_text()
    assert "3 rows of the run not there yet" in (tmp_path / "results.md").read_text()
    monkeypatch.undo()
    assert run(plan(), output=tmp_path).n_reused == 3


def test_a_spent_budget_begins_no_further_row(tmp_path: Path) -> None:
    result = run(plan(), output=tmp_path, budget_s=0.0)
    assert {r["status"] for r in result.records} == {"skipped"}
    later = run(plan(), output=tmp_path)
    assert {r["status"] for r in later.records} == {"ok"}
    assert later.n_reused == 0


def test_outer_folds_judge_every_image_once(tmp_path: Path) -> None:
    result = run(
        plan(extractors=["raw"], splits=4, classifiers=[{"name": "knn", "n_neighbors": 1}]), output=tmp_path
    )
    rows = [r for r in result.records if r["extractor"]]
    assert [r["split"] for r in rows] == [0, 1, 2, 3]
    assert sum(r["n_test"] for r in rows) == 1797
    assert len({r["data"]["fingerprint"] for r in rows}) == 4
    assert "mean and deviation of 4" in (tmp_path / "results.md").read_text()


def test_seeds_are_rows_of_their_own(tmp_path: Path) -> None:
    small = plan(extractors=["raw"], seeds=[0, 1], classifiers=[{"name": "knn", "n_neighbors": 1}])
    rows = [r for r in run(small, output=tmp_path).records if r["extractor"]]
    assert [r["seed"] for r in rows] == [0, 1]
    assert rows[0]["data"]["fingerprint"] != rows[1]["data"]["fingerprint"], (
        "digits draw their split from the seed"
    )


def test_the_same_experiment_gives_the_same_figures(finished: Any, tmp_path: Path) -> None:
    again = run(plan(), output=tmp_path)
    for one, two in zip(finished.records, again.records, strict=True):
        assert one["selection"] == two["selection"]
        assert one["scores"] == two["scores"]
        assert one["test_accuracy"] == two["test_accuracy"]


def test_errors_before_any_cell(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        featbench.run("no-such-config", output=tmp_path / "x")
    assert not (tmp_path / "x").exists()
    missing = read_experiment(
        Document("x", {**DIGITS, "dataset": {"name": "folder", "root": str(tmp_path / "nowhere")}}), "x"
    )
    with pytest.raises(DataError, match="nowhere"):
        run(missing, output=tmp_path / "y")
    assert not list((tmp_path / "y").glob("results.*"))


def test_data_sets_of_one_name_and_other_parameters_are_told_apart(tmp_path: Path) -> None:
    """They are two tables, not two splits of one."""
    knn = {"name": "knn", "n_neighbors": 1}
    two = plan(
        dataset=None,
        datasets=["digits", {"name": "digits", "test_size": 0.5}],
        extractors=["raw"],
        classifiers=[knn],
    )
    records = run(two, output=tmp_path).records
    assert list(dict.fromkeys(r["dataset"] for r in records)) == ["digits", "digits (digits(test_size=0.5))"]
    assert "mean and deviation" not in (tmp_path / "results.md").read_text()
    assert run(two, output=tmp_path).n_reused == len(records)


def test_folds_that_cannot_be_drawn_are_refused_before_a_label_is_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="selection: holdout must be less than the 1346 training images"):
        run(plan(selection={"holdout": 5000}), output=tmp_path)
    assert Store(tmp_path).openings() == []
