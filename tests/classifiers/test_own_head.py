"""The class with the highest score, and the row that it makes."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.classifiers import HighestScore
from featbench.config import Document, read_experiment
from featbench.errors import InputError
from featbench.runner import run


def test_the_highest_score_is_the_label_and_of_equals_the_first():
    scores = np.array([[3, 1, 2], [0, 5, 5], [1, 1, 1], [0, 0, 9]], dtype=np.float32)
    head = HighestScore().fit(scores, list("cabc"))
    assert head.predict(scores).tolist() == list("abac")
    np.testing.assert_array_equal(head.decision_function(scores), scores)
    assert head.predict(scores[:0]).shape == (0,)


def test_margins_of_two_classes_are_scikit_learns():
    scores = np.array([[3.0, 1.0], [0.0, 5.0]])
    np.testing.assert_array_equal(HighestScore().fit(scores, [0, 1]).decision_function(scores), [-2, 5])


def test_features_are_no_scores():
    with pytest.raises(
        InputError, match=r"X must be scores, one column for each of 2 classes; got 5 columns"
    ):
        HighestScore().fit(np.zeros((4, 5)), [0, 1, 0, 1])


def test_a_saved_one_says_the_same(tmp_path):
    scores = np.random.default_rng(0).normal(size=(9, 3))
    head = HighestScore().fit(scores, np.arange(9) % 3)
    head.save(tmp_path)
    np.testing.assert_array_equal(HighestScore.load(tmp_path).predict(scores), head.predict(scores))


class Heard:
    """What a run tells."""

    def __init__(self):
        self.stages = []

    def stage(self, text):
        self.stages.append(text)

    def begin(self, cells): ...
    def cell(self, cell, record, seconds, *, reused): ...
    def end(self): ...


def rows(extractors, tmp_path, progress=None):
    data = {
        "dataset": {"name": "digits"},
        "extractors": extractors,
        "preprocesses": ["standardize", "none"],
        "classifiers": [{"name": "knn", "n_neighbors": 1}, "own_head"],
        "selection": {"holdout": 0.3},
        "timing": {"repeats": 1},
    }
    return run(read_experiment(Document("test", data), "test"), output=tmp_path, progress=progress).records


@pytest.mark.long
def test_features_and_end_to_end_stand_side_by_side(tmp_path):
    network = {"name": "cnn", "epochs": 2, "flip": "none", "crop": 0}
    heard = Heard()
    records = [r for r in rows([network, "raw"], tmp_path, heard) if r["extractor"]]
    assert [
        (r["extractor"].partition("(")[0], r["preprocess"], r["classifier"], r["status"]) for r in records
    ] == [
        ("cnn", "standardize", "knn(n_neighbors=1)", "ok"),
        ("cnn", "none", "own_head", "ok"),
        ("cnn", "none", "knn(n_neighbors=1)", "ok"),
        ("raw", "standardize", "knn(n_neighbors=1)", "ok"),
        ("raw", "none", "own_head", "skipped"),
        ("raw", "none", "knn(n_neighbors=1)", "ok"),
    ]
    features, head = records[:2]
    assert (features["dim"], head["dim"]) == (128, 10)
    assert features["phases"]["fit_extractor"] == head["phases"]["fit_extractor"], "one network, trained once"
    assert not {name for r in records for name in r.get("phases", {}) if name.startswith("scores")}
    assert head["selection"]["uses_labels"]
    assert 0.5 < head["val_accuracy"] <= 1
    assert 0.5 < head["test_accuracy"] <= 1
    assert records[4]["reason"].startswith(
        "raw has no classifier of its own; own_head needs one, such as cnn"
    )
    assert any(": epoch 1 of 2, loss " in text for text in heard.stages), "the command line shows it"
