from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import balanced_accuracy_score, f1_score, top_k_accuracy_score

from featbench.stats import accuracy_interval, score, top_k_accuracy

HAND = 1e-4  # the worked values below are given to four digits


def test_wilson_by_hand() -> None:
    # 8 of 10: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), z = 1.959964
    interval = accuracy_interval(np.arange(10) < 8)
    assert interval.low == pytest.approx(0.4902, abs=HAND)
    assert interval.high == pytest.approx(0.9433, abs=HAND)
    assert interval.method == "wilson"


def test_the_wilson_interval_covers_about_95_percent() -> None:
    n, p = 50, 0.7
    covered = sum(
        binom.pmf(k, n, p)
        for k in range(n + 1)
        if (i := accuracy_interval(np.arange(n) < k)).low <= p <= i.high
    )
    assert 0.93 < covered < 0.97


def test_groups_widen_the_interval() -> None:
    """Fifty groups of ten images that stand or fall together tell no more than fifty images."""
    stands = np.repeat(np.arange(50) < 30, 10)
    groups = np.repeat(np.arange(50), 10)
    clustered = accuracy_interval(stands, groups)
    honest = accuracy_interval(np.arange(50) < 30)
    blind = accuracy_interval(stands)
    assert clustered.method == "cluster bootstrap"
    width = clustered.high - clustered.low
    assert width == pytest.approx(honest.high - honest.low, rel=0.1)
    assert width > 2.5 * (blind.high - blind.low)
    assert clustered == accuracy_interval(stands, groups)


def test_groups_of_one_agree_with_wilson(rng: np.random.Generator) -> None:
    correct = rng.random(400) < 0.6
    single = accuracy_interval(correct, np.arange(400))
    wilson = accuracy_interval(correct)
    assert single.low == pytest.approx(wilson.low, abs=0.01)
    assert single.high == pytest.approx(wilson.high, abs=0.01)


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
