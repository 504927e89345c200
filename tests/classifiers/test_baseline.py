"""Guessing is uniform and a function of the row; the majority is the majority."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.classifiers import Chance, Majority
from featbench.errors import InputError


def test_guesses_are_uniform_whatever_the_labels(rng):
    X, y = rng.normal(size=(8000, 3)), np.repeat([0, 1, 2, 3], [7000, 500, 400, 100])
    counts = np.bincount(Chance().fit(X, y).predict(X), minlength=4)
    assert (np.abs(counts - 2000) < 5 * np.sqrt(8000 * 0.25 * 0.75)).all()  # five standard deviations


def test_guesses_follow_the_seed(rng):
    X, y = rng.normal(size=(200, 3)), np.arange(200) % 4
    first, again, other = (Chance(random_state=seed).fit(X, y).predict(X) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert 0.1 < np.mean(first == other) < 0.4


def test_equal_rows_get_guesses_of_their_own():
    X, y = np.zeros((4000, 1)), np.arange(4000) % 2
    guesses = Chance().fit(X, y).predict(X)
    assert abs(guesses.mean() - 0.5) < 5 * np.sqrt(0.25 / 4000)
    np.testing.assert_array_equal(guesses[:100], Chance().fit(X, y).predict(X[:100]))


def test_probabilities():
    X, y = np.zeros((4, 1)), ["a", "b", "b", "c"]
    np.testing.assert_array_equal(Chance().fit(X, y).predict_proba(X[:2]), np.full((2, 3), 1 / 3))
    np.testing.assert_array_equal(Majority().fit(X, y).predict_proba(X[:1]), [[0.25, 0.5, 0.25]])


def test_majority_and_its_ties():
    X = np.zeros((4, 1))
    assert Majority().fit(X, [5, 9, 9, 7]).predict(X).tolist() == [9] * 4
    assert Majority().fit(X, ["dog", "cat", "dog", "cat"]).predict(X[:1]).tolist() == ["cat"]


def test_bad_seed():
    with pytest.raises(InputError, match="random_state must be an integer ≥ 0"):
        Chance(random_state=-1).fit(np.zeros((2, 1)), [0, 1])
