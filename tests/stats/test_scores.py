from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, top_k_accuracy_score

from featbench.stats import score, top_k_accuracy


def test_scores_equal_scikit_learn(rng: np.random.Generator) -> None:
    y, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    scores = score(y, predicted, 4)
    assert scores["accuracy"] == np.mean(y == predicted)
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, predicted))
    assert scores["macro_f1"] == pytest.approx(f1_score(y, predicted, average="macro"))
    assert np.sum(scores["confusion"]) == 200
    assert scores["confusion"][1][2] == np.sum((y == 1) & (predicted == 2))


def test_a_class_without_test_images_has_no_recall() -> None:
    scores = score(np.array([0, 0, 2]), np.array([0, 1, 2]), 4)
    assert scores["per_class"] == [0.5, None, 1.0, None]
    assert scores["balanced_accuracy"] == 0.75


def test_top_k(rng: np.random.Generator) -> None:
    y, scores = rng.integers(0, 8, 100), rng.normal(size=(100, 8))
    expected = top_k_accuracy_score(y, scores, k=5, labels=np.arange(8))
    assert top_k_accuracy(y, scores, 5) == pytest.approx(expected)
    assert top_k_accuracy(y, scores, 1) == np.mean(scores.argmax(1) == y)
    assert top_k_accuracy(np.array([-1]), np.ones((1, 8))) == 0.0


def test_a_constant_score_is_no_hit_for_late_classes() -> None:
    assert top_k_accuracy(np.array([0, 7]), np.zeros((2, 8)), 5) == 0.5
