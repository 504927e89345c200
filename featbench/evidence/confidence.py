"""What a classifier says of each class, and how sure it is of the one that it predicts."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Kind", "Scores", "confidence"]

Kind = Literal["probability", "margin"]


class Scores:
    """The scores of rows by a fitted classifier, made when they are first asked for, and once.

    Parameters
    ----------
    classifier : Classifier
    X : ndarray, (m, d)
        Prepared rows.
    """

    def __init__(self, classifier: Any, X: AnyArray) -> None:
        self._classifier, self._X = classifier, X
        self._made: dict[str, Float64Array] = {}

    @property
    def classes(self) -> AnyArray:
        """The labels that columns stand for, ``(n_classes,)``."""
        return np.asarray(self._classifier.classes_)

    def first(self, *methods: str) -> tuple[str, Float64Array] | None:
        """Return the first of the methods that the classifier has, with its scores, ``(m, n_classes)``."""
        for method in methods:
            if hasattr(self._classifier, method):
                if method not in self._made:
                    made = np.asarray(getattr(self._classifier, method)(self._X), dtype=np.float64)
                    # For two classes scikit-learn has one number: the second's score minus the first's.
                    self._made[method] = np.stack([-made / 2, made / 2], axis=1) if made.ndim == 1 else made
                return method, self._made[method]
        return None


def confidence(scores: Scores, predictions: Labels) -> tuple[Kind, Float64Array] | None:
    """Return how sure a classifier is of its predictions, as it says itself; nothing is calibrated.

    Parameters
    ----------
    scores : Scores
        Of the rows that were predicted.
    predictions : ndarray of int64, (m,)

    Returns
    -------
    kind : {"probability", "margin"}
        The probability of the predicted class; of a classifier without probabilities the score of the predicted class
        minus the highest other, which only ranks.
    confidence : ndarray of float64, (m,)
        None in the place of both where the classifier has no scores.
    """
    found = scores.first("predict_proba", "decision_function")
    if found is None or len(scores.classes) < 2:
        return None
    method, told = found
    rows, columns = np.arange(len(told)), np.searchsorted(scores.classes, predictions)
    own = told[rows, columns]
    if method == "predict_proba":
        return "probability", own
    others = told.copy()
    others[rows, columns] = -np.inf
    return "margin", own - others.max(axis=1)
