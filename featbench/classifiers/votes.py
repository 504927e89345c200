"""From classifiers to votes: what each says of every class, on a scale that they share.

A soft vote is a classifier's `predict_proba`. One without, such as an SVM, has its scores divided by their
standard deviation over training rows and classes, so that the scale of scores counts for nothing, and turned into
shares by softmax; for two classes the scores are (−s/2, s/2). They are no probabilities, but they say which classes
are near. A classifier without scores gives its label the share 1, and so does each in a hard vote.
"""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from featbench.base import Classifier
from featbench.types import AnyArray, Float64Array

__all__ = ["deviation_of", "votes_of"]


def deviation_of(classifier: Classifier, X: AnyArray) -> float:
    """Return the standard deviation of a classifier's scores over rows and classes.

    Parameters
    ----------
    classifier : Classifier
        Fitted.
    X : ndarray, (n, d)
        Its training rows.

    Returns
    -------
    float
        1 where it has probabilities, no scores, or scores that are all equal.
    """
    scores = _scores(classifier, X)
    deviation = 1.0 if scores is None else float(scores.std())
    return deviation if deviation > 0 else 1.0


def votes_of(classifier: Classifier, X: AnyArray, vote: str, deviation: float) -> Float64Array:
    """Return what a classifier says of rows.

    Parameters
    ----------
    classifier : Classifier
        Fitted.
    X : ndarray, (m, d)
    vote : {"soft", "hard"}
        Shares, or 1 for the label and 0 for all others.
    deviation : float
        Of `deviation_of`.

    Returns
    -------
    ndarray of float64, (m, n_classes)
        Columns as in ``classifier.classes_``; every row adds up to 1.
    """
    if vote == "soft" and hasattr(classifier, "predict_proba"):
        return np.asarray(classifier.predict_proba(X), dtype=np.float64)
    scores = _scores(classifier, X) if vote == "soft" else None
    if scores is not None:
        found: Float64Array = softmax(scores / deviation, axis=1)
        return found
    counted = np.zeros((len(X), len(classifier.classes_)))
    counted[np.arange(len(X)), np.searchsorted(classifier.classes_, classifier.predict(X))] = 1
    return counted


def _scores(classifier: Classifier, X: AnyArray) -> Float64Array | None:
    """Return a score for each class, or None where the classifier has probabilities, or neither."""
    if hasattr(classifier, "predict_proba") or not hasattr(classifier, "decision_function"):
        return None
    scores = np.asarray(classifier.decision_function(X), dtype=np.float64)
    return np.stack([-scores / 2, scores / 2], axis=1) if scores.ndim == 1 else scores
