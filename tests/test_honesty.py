"""The rules that make the figures worth reading, on data where a cheat would show."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from featbench import extractors, stages
from featbench.base import Extractor, Fold
from featbench.classifiers import SVM, Softmax
from featbench.config import Document, Folds, read_experiment
from featbench.config.rows import Ensemble
from featbench.images import augmented
from featbench.imagesets import Dataset, DatasetLoader, ImageSet
from featbench.preprocessing import Standardize
from featbench.runner import run
from featbench.sealed import SealedLabels
from featbench.store import Store
from featbench.timing import ONCE

N_CLASSES = 4


@dataclass(kw_only=True, eq=False, repr=False)
class Memory(Extractor):
    """Remembers every training image's label and says it as the feature: the worst that may learn from labels."""

    uses_labels = True

    def _n_features(self, shape: tuple[int, ...]) -> int:
        return N_CLASSES

    def _fit(self, images: Any, y: Any) -> None:
        self.seen_ = {image.tobytes(): int(label) for image, label in zip(images, y, strict=True)}

    def _extract(self, images: Any) -> Any:
        known = [self.seen_.get(image.tobytes(), -1) for image in images]
        return np.eye(N_CLASSES + 1, dtype=np.float32)[known][:, :N_CLASSES]


@dataclass(kw_only=True, eq=False, repr=False)
class RandomLabels(DatasetLoader):
    """Noise with labels that have nothing to do with it."""

    def load(self, seed: int = 0) -> Dataset:
        rng = np.random.default_rng(7)
        parts = [
            ImageSet(rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8), np.arange(n) % N_CLASSES)
            for n in (400, 200)
        ]
        return Dataset(
            "noise", tuple("abcd"), *parts, official_split=True, shareable=True, source="a generator"
        )


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    from featbench.datasets import DATASETS

    monkeypatch.setitem(extractors.EXTRACTORS._own, "memory", f"{__name__}:Memory")
    monkeypatch.setitem(extractors.EXTRACTORS._classes, "memory", Memory)
    monkeypatch.setitem(DATASETS._own, "noise", f"{__name__}:RandomLabels")
    monkeypatch.setitem(DATASETS._classes, "noise", RandomLabels)


def experiment(extractor: str, classifier: Any, selection: Any) -> Any:
    data = {
        "dataset": "noise", "extractor": extractor, "preprocess": "none", "classifier": classifier,
        "selection": selection, "timing": {"repeats": 1},
    }  # fmt: skip
    return read_experiment(Document("test", data), "noise")


# Three standard deviations of a share of 1/4 over 80 validated images (a fifth of 400).
CHANCE = pytest.approx(1 / N_CLASSES, abs=3 * np.sqrt(0.25 * 0.75 / 80))


@pytest.mark.parametrize("selection", [{"folds": 5}, {"holdout": 0.2}])
@pytest.mark.parametrize(
    "classifier", [{"name": "knn", "search": {"n_neighbors": [1, 3]}}, {"name": "svm", "reg": 0.01}]
)
def test_random_labels_through_a_supervised_extractor_give_chance(
    tmp_path: Path, selection: Any, classifier: Any
) -> None:
    result = run(experiment("memory", classifier, selection), output=tmp_path)
    record = result.records[-1]
    assert record["status"] == "ok", record
    assert record["train_accuracy"] == 1.0, "it has learned its training labels by heart"
    assert record["val_accuracy"] == CHANCE
    assert record["test_accuracy"] == CHANCE
    assert record["selection"]["uses_labels"]
    assert not record["selection"]["shared_fit"]


def test_random_labels_through_pixels_give_chance(tmp_path: Path) -> None:
    record = run(experiment("raw", {"name": "softmax", "reg": 0.1}, {"folds": 5}), output=tmp_path).records[
        -1
    ]
    assert record["val_accuracy"] == pytest.approx(0.25, abs=3 * np.sqrt(0.25 * 0.75 / 400))
    assert record["selection"]["shared_fit"]


@pytest.mark.parametrize("model", [Softmax(), SVM()], ids=str)
def test_a_fold_that_begins_where_all_rows_end_forgets_those_that_it_is_judged_on(model: Any) -> None:
    """Rows with columns of their own: by these a model knows the labels of all rows that it has learned from."""
    rng = np.random.default_rng(5)
    n, n_own = 2600, 48
    X, y = np.zeros((n, 2 + n_own), dtype=np.float32), rng.integers(0, N_CLASSES, n)
    X[:, :2] = rng.normal(size=(n, 2))
    rows = rng.permutation(n)[:n_own]
    X[rows, 2 + np.arange(n_own)] = 1
    prepared = Standardize().fit_transform(X)
    known = clone(model).set_params(reg=1e-4).fit(prepared, y).predict(prepared[rows])
    assert np.mean(known == y[rows]) > 0.9
    part, predicted = np.arange(n) % 5, np.empty(n, dtype=np.int64)
    folds = [Fold(np.flatnonzero(part != p), np.flatnonzero(part == p)) for p in range(5)]
    found = model.fit_path(X, y, [{"reg": 1e-4}], folds, Standardize())
    for fold, (labels,) in zip(folds, found, strict=True):
        predicted[fold.validation] = labels
    chance = pytest.approx(1 / N_CLASSES, abs=3 * np.sqrt(0.25 * 0.75 / n_own))
    assert np.mean(predicted[rows] == y[rows]) == chance


def test_labels_open_after_the_last_fit_and_the_ledger_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from featbench.classifiers.svm import SVM

    events: list[str] = []
    fit, opened = SVM.fit, SealedLabels.open
    path = SVM.fit_path

    monkeypatch.setattr(SVM, "fit", lambda self, *a: (events.append("fit"), fit(self, *a))[1])
    monkeypatch.setattr(SVM, "fit_path", lambda self, *a: (events.append("select"), path(self, *a))[1])
    monkeypatch.setattr(SealedLabels, "open", lambda self, *a: (events.append("open"), opened(self, *a))[1])
    run(experiment("raw", {"name": "svm", "search": {"reg": [0.1, 1.0]}}, {"folds": 2}), output=tmp_path)
    baselines, own = events[:2], events[2:]
    assert baselines == ["open", "open"], "chance and majority open once each"
    assert own.count("open") == 1
    assert own[-1] == "open"
    assert own.index("select") < len(own) - 1 - own[::-1].index("fit") < own.index("open")
    assert len(Store(tmp_path).openings()) == 3


def test_selection_never_sees_a_test_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the test labels may be poisoned without a trace in what was chosen."""
    plan = experiment("raw", {"name": "knn", "search": {"n_neighbors": [1, 3, 9]}}, {"folds": 5})
    honest = run(plan, output=tmp_path / "a").records[-1]
    load = RandomLabels.load

    def poisoned(self: RandomLabels, seed: int = 0) -> Dataset:
        dataset = load(self, seed)
        test = ImageSet(255 - np.asarray(dataset.test.images), dataset.test.labels[::-1].copy())
        return replace(dataset, test=test)

    monkeypatch.setattr(RandomLabels, "load", poisoned)
    other = run(plan, output=tmp_path / "b").records[-1]
    assert other["selection"] == honest["selection"]
    assert other["data"]["fingerprint"] != honest["data"]["fingerprint"]


def test_folds_keep_groups_together() -> None:
    from featbench.config import Folds, Holdout
    from featbench.selection import make_folds

    labels = np.repeat([0, 1], 50)
    groups = np.repeat(np.arange(20), 5)
    for selection in (Folds(folds=5), Holdout(holdout=0.2)):
        for fold in make_folds(labels, groups, selection, seed=0):
            assert not set(groups[fold.train]) & set(groups[fold.validation])
            assert len(fold.train) + len(fold.validation) == 100
            assert set(labels[fold.validation]) == {0, 1}


def test_nothing_that_cannot_be_judged_goes_into_a_result(tmp_path: Path) -> None:
    class Broken(Memory):
        uses_labels = False

        def _fit(self, images: Any, y: Any) -> None: ...

        def _extract(self, images: Any) -> Any:
            return np.full((len(images), N_CLASSES), np.nan, np.float32)

    extractors.EXTRACTORS._classes["memory"] = Broken
    with warnings.catch_warnings():
        record = run(
            experiment("memory", {"name": "knn", "n_neighbors": 1}, {"folds": 2}), output=tmp_path
        ).records[-1]
    assert record["status"] == "failed"
    assert "features must be finite" in record["reason"]
    assert not [o for o in Store(tmp_path).openings() if o["cell_id"] == record["cell_id"]]
    assert stages.check_features.__doc__


@pytest.mark.parametrize(
    ("augment", "told"), [("flip", "flips"), ("crops", "crops"), ("flip_crops", "flips + crops")]
)
@pytest.mark.parametrize("selection", [{"folds": 5}, {"holdout": 0.2}])
@pytest.mark.parametrize("extractor", ["raw", "memory"])
def test_a_copy_of_an_image_helps_nobody_to_judge_it(
    tmp_path: Path, selection: Any, extractor: str, augment: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each image's copies are its nearest neighbours: seen in selection, they would give the label away."""
    from featbench.datasets import DATASETS

    monkeypatch.setitem(DATASETS._classes, "noise", OfOneColour)
    data = {
        "dataset": "noise", "extractor": {"name": extractor, "augment": augment}, "preprocess": "none",
        "classifier": {"name": "knn", "search": {"n_neighbors": [1, 3]}}, "selection": selection,
        "timing": {"repeats": 1},
    }  # fmt: skip
    record = run(read_experiment(Document("test", data), "noise"), output=tmp_path).records[-1]
    assert record["status"] == "ok", record
    assert record["extractor"] == f"{extractor} + {told}"
    assert record["val_accuracy"] == CHANCE
    assert record["test_accuracy"] == CHANCE


class OfOneColour(RandomLabels):
    """Images that are equal to their mirror images and to their crops, each of a colour of its own."""

    def load(self, seed: int = 0) -> Dataset:
        made = super().load(seed)
        parts = [
            ImageSet(np.repeat(np.repeat(p.images[:, :1, :1], 8, axis=1), 8, axis=2), p.labels)  # type: ignore[call-overload, index]
            for p in (made.train, made.test)
        ]
        return replace(made, train=parts[0], test=parts[1])


@pytest.mark.parametrize(("augment", "copies"), [("none", 1), ("flip", 2), ("crops", 2), ("flip_crops", 4)])
@pytest.mark.parametrize("learns_from_labels", [False, True])
def test_copies_are_learnt_from_after_their_originals(
    augment: str, copies: int, learns_from_labels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    component = replace(experiment("raw", "knn", {"folds": 5}).extractors[0], augment=augment)
    monkeypatch.setattr(component.cls, "uses_labels", learns_from_labels)
    (data,), _ = stages.load(experiment("raw", "knn", {"folds": 5}).datasets[0], None, 0)
    features = stages.extract(component, data, Folds(), 3, ONCE)
    batches = [np.asarray(batch).reshape(400, -1) for batch in augmented(data.train.images, augment, 3)]
    assert len(batches) == copies
    np.testing.assert_array_equal(features.train, np.concatenate(batches))
    np.testing.assert_array_equal(features.labels, np.tile(data.train.labels, copies))
    assert len(features.folds) == (1 if learns_from_labels else 5)
    for fold, judged in zip(features.folds, features.judged, strict=True):
        others = np.setdiff1d(np.arange(400), judged)
        X, y = features.selection_rows, features.selection_labels
        np.testing.assert_array_equal(X[fold.validation], batches[0][judged])
        np.testing.assert_array_equal(X[fold.train], np.concatenate([batch[others] for batch in batches]))
        np.testing.assert_array_equal(y[fold.train], np.tile(data.train.labels[others], copies))
        np.testing.assert_array_equal(y[fold.validation], data.train.labels[judged])


@pytest.mark.parametrize("selection", [{"folds": 5}, {"holdout": 0.2}])
def test_an_ensemble_with_a_memory_is_validated_where_it_remembers_nothing(
    selection: Any, tmp_path: Path
) -> None:
    """Its members were judged on other folds: only images that no member has learned from count."""
    plan = replace(
        experiment("memory", {"name": "knn", "n_neighbors": 1}, selection),
        extractors=tuple(experiment(name, "majority", selection).extractors[0] for name in ("memory", "raw")),
    )
    rows = replace(plan, ensembles=(Ensemble((0, 1), ("memory → knn", "raw → knn"), None, "soft"),))
    record = run(rows, output=tmp_path).records[-1]
    assert record["status"] == "ok"
    assert record["train_accuracy"] > 0.9, "it remembers"
    assert record["val_accuracy"] == CHANCE
    assert record["selection"]["uses_labels"]
    assert record["selection"]["folds"] == 1, "what they have in common is one part"
