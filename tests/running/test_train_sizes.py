"""Learning curves, several seeds and several splits: what runs, and what tables make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench.config import Document, read_experiment
from featbench.errors import ConfigError, DataError
from featbench.model import export
from featbench.report import summarize_run
from featbench.runner import run
from featbench.store import Store

pytestmark = pytest.mark.long

CURVE: dict[str, Any] = {
    "dataset": "digits",
    "evidence": False,
    "extractors": ["raw", {"name": "hog", "cell": 4, "block": 1}],
    "classifiers": [{"name": "knn", "search": {"n_neighbors": [1, 3]}}, {"name": "softmax", "reg": 0.1}],
    "train_size": [100, 300, "all"],
    "exclude": [{"extractor": "hog*", "classifier": "softmax*"}],
    "ensembles": [{"best": 2}],
    "selection": {"folds": 3},
    "timing": {"repeats": 1},
}


def plan(**changes: Any) -> Any:
    data = {k: v for k, v in {**CURVE, **changes}.items() if v is not None}
    return read_experiment(Document("curve.yaml", data), "curve")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run(plan(), output=tmp_path_factory.mktemp("curve"))


def test_each_size_is_a_row_that_learned_from_so_many(finished: Any) -> None:
    table = finished.to_frame()
    assert set(table["status"]) == {"ok"}
    rows = table[table["extractor"] != ""]
    assert len(rows) == 3 * 3 + 3
    assert rows["train_size"].tolist() == [100] * 4 + [300] * 4 + [1346] * 4
    assert (rows["train_size"] == rows["n_train"]).all()
    assert len(table) == 12 + 2, "chance and majority once"
    curve = rows[rows["label"].str.startswith("raw → standardize → knn")]["test_accuracy"].tolist()
    assert curve == sorted(curve), "digits are learned from more images"
    assert curve[-1] > curve[0] + 0.02


def test_features_are_fitted_on_the_drawn_images_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from featbench.extractors.raw import RawPixels

    seen: list[int] = []
    real = RawPixels.fit

    def fit(self: Any, images: Any, y: Any = None) -> Any:
        seen.append(len(images))
        return real(self, images, y)

    monkeypatch.setattr(RawPixels, "fit", fit)
    small = plan(
        extractors=["raw"], classifiers=["softmax"], train_size=[100, 200], exclude=None, ensembles=None
    )
    run(small, output=tmp_path)
    assert {n for n in seen if n > 32} == {100, 200}  # 32 warm it up


def test_the_table_groups_sizes_and_recommends_one_of_the_largest(finished: Any) -> None:
    summary = summarize_run(Store(finished.root))
    (dataset,) = summary.datasets
    assert dataset.recommended is not None
    assert dataset.recommended.size == np.inf
    labels = [line.label for line in dataset.lines]
    pipelines = [line.pipeline for line in dataset.lines]
    assert labels[0] == dataset.recommended.label
    assert len({*pipelines}) == sum(a != b for a, b in zip(pipelines, [None, *pipelines], strict=False)), (
        "together"
    )
    assert labels[1:3] == [f"{labels[0]} · 300 images", f"{labels[0]} · 100 images"]
    assert labels[-2:] == ["chance", "majority"] or labels[-2:] == ["majority", "chance"]
    text = (finished.root / "results.md").read_text()
    assert "digits: 1,346 training and 451 test images" in text
    assert "· 100 images" in text


def test_a_size_that_is_added_later_runs_alone(tmp_path: Path) -> None:
    one = {"extractors": ["raw"], "classifiers": ["softmax"], "exclude": None, "ensembles": None}
    first = run(plan(**one, train_size=None), output=tmp_path)
    second = run(plan(**one, train_size=[100, "all"]), output=tmp_path)
    assert second.n_reused == 3
    kept = [r for r in second.records if not r["drawn"]]
    assert [r["made"] for r in kept] == [r["made"] for r in first.records]


def test_sizes_and_folds_that_cannot_be_are_refused_before_a_label_is_opened(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at most 1,346, the training images of digits; got 100, 5,000"):
        run(plan(train_size=[100, 5000]), output=tmp_path / "a")
    with pytest.raises(DataError, match="at least 3 in every class"):
        run(plan(train_size=[20, "all"]), output=tmp_path / "b")
    assert Store(tmp_path / "a").openings() == Store(tmp_path / "b").openings() == []


def test_a_model_is_made_of_the_drawn_images(finished: Any, tmp_path: Path) -> None:
    """Export refuses a pipeline that does not predict what the row did."""
    row = next(
        r
        for r in finished.records
        if r["label"].startswith("raw → standardize → softmax") and r["n_train"] == 100
    )
    exported = export(finished.root / "cells" / f"{row['cell_id']}.json", tmp_path / "model")
    assert exported.manifest["n_train"] == 100


def test_a_filter_runs_a_part_and_the_rest_goes_on_from_it(tmp_path: Path) -> None:
    part = run(plan(), output=tmp_path, filters=["extractor=raw", "train_size=100,300"])
    assert [r["label"] for r in part.records if r["extractor"]] == [
        f"raw → standardize → {c} · {n} images" for n in (100, 300) for c in ("knn", "softmax(reg=0.1)")
    ]
    assert [r["label"] for r in part.records[:2]] == ["chance", "majority"]
    whole = run(plan(), output=tmp_path)
    assert whole.n_reused == len(part.records)
    again = run(plan(), output=tmp_path, filters=["extractor=raw", "train_size=100,300"])
    assert again.n_reused == len(part.records)
    assert "left out by --filter" in (tmp_path / "results.md").read_text().replace("\\", "")


def test_a_filter_that_leaves_nothing_touches_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is: raw; hog"):
        run(plan(), output=tmp_path / "x", filters=["extractor=hgo"])
    assert not (tmp_path / "x").exists()


def test_seeds_and_splits_are_averaged_over_all_their_cells(tmp_path: Path) -> None:
    several = plan(
        extractors=["raw"], classifiers=[{"name": "knn", "n_neighbors": 1}], seeds=[0, 1], splits=3, exclude=None,
        ensembles=None, train_size=[100, "all"],
    )  # fmt: skip
    result = run(several, output=tmp_path)
    (dataset,) = summarize_run(Store(tmp_path)).datasets
    for line in dataset.lines:
        records = [r for r in result.records if r["label"] == line.label]
        assert len(records) == len(line.records) == 6
        accuracies = [r["test_accuracy"] for r in records]
        assert line.mean("test_accuracy") == pytest.approx(sum(accuracies) / 6, abs=1e-12)
        mean = sum(accuracies) / 6
        assert line.deviation("test_accuracy") == pytest.approx(
            (sum((a - mean) ** 2 for a in accuracies) / 5) ** 0.5
        )
    drawn = [r for r in result.records if r["drawn"]]
    assert {(r["seed"], r["split"], r["n_train"]) for r in drawn} == {
        (s, k, 100) for s in (0, 1) for k in range(3)
    }
    for seed in (0, 1):
        whole = [r for r in result.records if r["seed"] == seed and r["extractor"] and not r["drawn"]]
        assert sum(r["n_test"] for r in whole) == 1797, "every image is judged once a seed"
    assert "mean and deviation of 6 runs" in (tmp_path / "results.md").read_text()
