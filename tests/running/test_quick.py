"""A quick look at any grid: everything runs, and no test label is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench.config import Document, Folds, Holdout, read_experiment
from featbench.datasets import open_dataset
from featbench.datasets.summary import summarize
from featbench.errors import ConfigError, SealError
from featbench.imagesets import ImageSet
from featbench.model import export
from featbench.quick import quick_experiment, sample_of
from featbench.report import summarize_run
from featbench.report.table import verdict
from featbench.runner import run
from featbench.sealed import ClosedLabels, SealedDataset, SealedLabels, Selected, seal
from featbench.store import Store

pytestmark = pytest.mark.long

GRID: dict[str, Any] = {
    "dataset": "digits",
    "extractors": [
        "raw",
        {"name": "hog", "cell": 4, "block": 1},
        {"name": "bovw", "sampling": {"sizes": 4}, "codebook": {"words": 10}},
    ],
    "classifiers": [
        {"name": "knn", "search": {"n_neighbors": [1, 3, 5, 7, 9]}},
        {"name": "softmax", "reg": 0.1},
    ],
    "ensembles": [{"best": 2}],
    "seeds": [3, 4],
    "splits": 4,
    "train_size": [100, "all"],
}


def plan(**changes: Any) -> Any:
    data = {k: v for k, v in {**GRID, **changes}.items() if v is not None}
    return read_experiment(Document("grid.yaml", data), "grid")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    def opened(*_: Any) -> None:
        raise AssertionError("test labels were opened")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SealedLabels, "open", opened)
        patch.setattr(Store, "enter_opening", opened)
        return run(plan(), output=tmp_path_factory.mktemp("quick"), quick=True)


def test_every_pipeline_runs_once(finished: Any) -> None:
    assert [r["status"] for r in finished.records] == ["ok"] * 9
    assert {(r["seed"], r["split"]) for r in finished.records} == {(3, 0)}
    assert {r["n_train"] for r in finished.records} == {300}
    knn = next(r for r in finished.records if "knn" in r["label"])
    assert [c["n_neighbors"] for c in knn["selection"]["candidates"]] == [1, 5, 9]
    assert knn["selection"]["folds"] == 3
    assert any("samples=20000" in r["label"] for r in finished.records)


def test_no_test_label_is_opened(finished: Any) -> None:
    store = Store(finished.root)
    assert not (store.root / "ledger.jsonl").exists()
    assert store.openings() == []
    for record in finished.records:
        assert not {"test_accuracy", "test_low", "test_high", "scores", "top5_accuracy"} & set(record)
        assert "truth" not in store.read_arrays(record)
    rows = finished.to_frame()
    assert (
        rows[["test_accuracy", "test_low", "balanced_accuracy", "macro_f1", "top5_accuracy"]]
        .isna()
        .all(axis=None)
    )
    assert rows["val_accuracy"].notna().all(), "chance and majority are validated too"


def test_the_labels_are_not_even_there() -> None:
    data = sample()
    assert data.test_labels.closed
    assert isinstance(data.test_labels, ClosedLabels)
    held = [v for v in vars(data.test_labels).values() if isinstance(v, np.ndarray)]
    assert all((v == -1).all() for v in held)
    refitted = Selected({}).refit(lambda _: np.zeros(len(data.test_labels), dtype=np.int64))
    with pytest.raises(SealError, match="stay closed in a quick run"):
        data.test_labels.open(refitted, lambda: pytest.fail("the ledger was written"))


def sample(labels: Any = None, groups: Any = None) -> SealedDataset:
    whole = open_dataset("digits", {}, seed=0, where="test")
    data = seal(whole, summarize(whole))
    if labels is not None:
        images = np.resize(data.train.images, (len(labels), 8, 8))
        train = ImageSet(images, np.asarray(labels), None if groups is None else np.asarray(groups))
        data = SealedDataset("x", data.classes, train, images[:9], None, SealedLabels(np.zeros(9, int)), {})
    return sample_of(data, 0)


def test_a_sample_is_small_and_by_class() -> None:
    data = sample()
    assert len(data.train) == 300
    assert np.ptp(np.bincount(data.train.labels)) <= 6  # digits are not quite even
    assert len(data.test_images) == len(data.test_labels) == 32


def test_rare_classes_have_enough_for_three_folds() -> None:
    data = sample(np.repeat([0, 1, 2], [5000, 4, 20]))
    assert np.bincount(data.train.labels).tolist()[1:] == [4, 6]
    assert 300 <= len(data.train) <= 310
    many = sample(np.repeat(np.arange(100), 20))
    assert np.bincount(many.train.labels).min() == 6


def test_of_groups_a_part_is_taken_and_enough_of_them() -> None:
    groups = np.arange(4000) // 100
    data = sample(groups % 4, groups)
    assert data.train.groups is not None
    assert len(data.train) <= 310
    for label in range(4):
        assert len(np.unique(data.train.groups[data.train.labels == label])) >= 6


def test_what_is_written_says_so(finished: Any) -> None:
    summary = summarize_run(Store(finished.root))
    (dataset,) = summary.datasets
    told = "quick: a sample of 300 images; test labels stay closed"
    assert verdict(dataset).startswith("Best on the folds of the sample: ")
    assert told in verdict(dataset).lower()
    for name in ("results.md", "report.html"):
        text = (finished.root / name).read_text()
        assert told in text
        assert "a sample of 300 of 1,347 training images of 10 classes" in text
        assert "were opened" not in text
        assert "closed" in text


def test_it_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = {
        "extractors": ["raw"],
        "classifiers": ["softmax"],
        "ensembles": None,
        "splits": None,
        "seeds": None,
    }
    quick = run(plan(**small, train_size=None), quick=True)
    assert quick.root == Path("runs/grid-quick")
    assert run(plan(**small, train_size=None), quick=True).n_reused == 3
    full = run(plan(**small, train_size=None, timing={"repeats": 1}))
    assert full.root == Path("runs/grid")
    assert full.n_reused == 0
    with pytest.raises(ConfigError, match="runs/grid: holds a whole run, and a quick one is not mixed in"):
        run(plan(**small), quick=True, output="runs/grid")
    with pytest.raises(
        ConfigError, match="runs/grid-quick: holds a quick run, and a whole one is not mixed in"
    ):
        run(plan(**small), output="runs/grid-quick")


def test_its_cells_are_no_results_of_the_whole_grid() -> None:
    """Not even where a sample of 3 folds and one candidate is asked for in the same words."""
    one = {"extractors": ["raw"], "classifiers": [{"name": "softmax", "reg": 0.1}], "ensembles": None}
    same = plan(selection={"folds": 3}, **one)
    assert not {c.cell_id for c in same.cells()} & {c.cell_id for c in quick_experiment(same).cells()}


def test_no_model_is_made_of_it(finished: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a quick run"):
        export(finished.root, tmp_path / "model")


@pytest.mark.parametrize(
    ("selection", "short"),
    [
        ({"folds": 2}, Folds(folds=2)),
        ({"folds": 10}, Folds(folds=3)),
        ({"holdout": 0.1}, Holdout(holdout=0.1)),
        ({"holdout": 5000}, Holdout(holdout=0.25)),
        ("none", Holdout(holdout=0.25)),
    ],
)
def test_selection_is_short_and_always_there(selection: Any, short: Any) -> None:
    experiment = plan(selection=selection, classifiers=[{"name": "softmax", "reg": 1.0}], ensembles=None)
    assert quick_experiment(experiment).selection == short


def test_it_is_one_process_and_one_sample_of_each_clock() -> None:
    assert quick_experiment(plan(timing={"repeats": 9})).timing.repeats == 1
