"""How sure a classifier is of what it predicts."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from featbench.evidence.confidence import Scores, confidence


def rows(n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    return X, (X[:, 0] * n_classes).astype(int) % n_classes + 3


def test_probabilities_are_those_of_the_predicted_class() -> None:
    X, y = rows(3)
    model = LogisticRegression().fit(X, y)
    found = confidence(Scores(model, X), model.predict(X))
    assert found is not None
    assert found[0] == "probability"
    np.testing.assert_array_equal(found[1], model.predict_proba(X).max(axis=1))


def test_margins_are_over_the_highest_other_score() -> None:
    X, y = rows(3)
    model = LinearSVC().fit(X, y)
    found = confidence(Scores(model, X), model.predict(X))
    assert found is not None
    assert found[0] == "margin"
    ranked = np.sort(model.decision_function(X), axis=1)
    np.testing.assert_array_equal(found[1], ranked[:, -1] - ranked[:, -2])


def test_of_two_classes_the_margin_is_the_one_number() -> None:
    X, y = rows(2)
    model = LinearSVC().fit(X, y)
    found = confidence(Scores(model, X), model.predict(X))
    assert found is not None
    np.testing.assert_allclose(found[1], np.abs(model.decision_function(X)), rtol=1e-12)


def test_scores_are_made_once_and_none_of_nothing() -> None:
    class Counting:
        classes_ = np.array([0, 1])
        calls = 0

        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            self.calls += 1
            return np.full((len(X), 2), 0.5)

    model = Counting()
    scores = Scores(model, np.zeros((3, 1)))
    assert scores.first("decision_function", "predict_proba") is not None
    assert confidence(scores, np.zeros(3, dtype=np.int64)) is not None
    assert model.calls == 1

    class Silent:
        classes_ = np.array([0, 1])

    assert confidence(Scores(Silent(), np.zeros((3, 1))), np.zeros(3, dtype=np.int64)) is None
