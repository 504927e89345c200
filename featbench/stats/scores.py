"""What is said of predictions on one part of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score

from featbench.stats.intervals import accuracy_interval
from featbench.types import Float64Array, Groups, Indices, Labels

__all__ = ["score", "top_k", "top_k_accuracy"]


def top_k(scores: Float64Array, k: int) -> Indices:
    """Return the columns of the `k` highest scores of each row, the highest first, of equal ones the first column."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def top_k_accuracy(y: Labels, scores: Float64Array, k: int = 5) -> float:
    """Return the share of images whose class is among the `k` with the highest scores.

    Equal scores rank by class number, so that a constant score is not taken for a hit.

    Parameters
    ----------
    y : ndarray of int, (n,)
        Column of the true class in `scores`; −1 for a class that has no column.
    scores : ndarray, (n, n_classes)
        Higher is likelier.
    k : int, optional
        How many classes count.

    Returns
    -------
    float
    """
    return float(np.mean((top_k(scores, k) == np.asarray(y)[:, None]).any(axis=1)))


def score(y: Labels, predicted: Labels, n_classes: int, groups: Groups | None = None) -> dict[str, Any]:
    """Score predictions on one part of a data set.

    Parameters
    ----------
    y, predicted : ndarray of int, (n,)
        True and predicted class numbers, 0 to n_classes − 1.
    n_classes : int
        Number of classes of the data set, those absent here included.
    groups : ndarray of int, (n,), optional
        Images that belong together, for the interval.

    Returns
    -------
    dict
        ``accuracy``, ``low``, ``high``, ``interval`` (its method), ``balanced_accuracy`` and ``macro_f1``
        (means over the classes that are present), ``per_class`` (recall of each class, None where it is
        absent) and ``confusion`` (rows true, columns predicted).
    """
    correct = np.asarray(y) == np.asarray(predicted)
    interval = accuracy_interval(correct, groups)
    labels = np.arange(n_classes)
    confusion = confusion_matrix(y, predicted, labels=labels)
    counts = confusion.sum(axis=1)
    present = counts > 0
    recall = np.diag(confusion)[present] / counts[present]
    per_class: list[float | None] = [None] * n_classes
    for number, value in zip(labels[present], recall, strict=True):
        per_class[number] = float(value)
    return {
        "accuracy": float(correct.mean()),
        "low": interval.low,
        "high": interval.high,
        "interval": interval.method,
        "balanced_accuracy": float(recall.mean()),
        "macro_f1": float(f1_score(y, predicted, labels=labels[present], average="macro", zero_division=0)),
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }
