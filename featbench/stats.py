"""What is said of predictions: scores, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, f1_score

from featbench.types import AnyArray, Float64Array, Groups, Indices, Labels

__all__ = ["Interval", "accuracy_interval", "score", "top_k", "top_k_accuracy"]

_RESAMPLES = 4000


@dataclass(frozen=True)
class Interval:
    """A confidence interval of an accuracy.

    Attributes
    ----------
    low, high : float
        Ends, in [0, 1].
    method : str
        ``"wilson"`` or ``"cluster bootstrap"``.
    """

    low: float
    high: float
    method: str


def accuracy_interval(correct: AnyArray, groups: Groups | None = None, level: float = 0.95) -> Interval:
    """Return the interval of an accuracy.

    Without groups the images are independent and the interval is Wilson's. Images of one group are not:
    then whole groups are drawn anew, 4,000 times with a fixed seed, and the interval is that of the
    percentiles.

    Parameters
    ----------
    correct : ndarray of bool, (n,)
        Whether each image was labelled rightly; n ≥ 1.
    groups : ndarray of int, (n,), optional
        Equal where images belong together.
    level : float, optional
        Coverage.

    Returns
    -------
    Interval
    """
    correct = np.asarray(correct, dtype=bool)
    if groups is None:
        ends = binomtest(int(correct.sum()), len(correct)).proportion_ci(level, method="wilson")
        return Interval(float(ends.low), float(ends.high), "wilson")
    _, members = np.unique(groups, return_inverse=True)
    sizes = np.bincount(members).astype(float)
    hits = np.bincount(members, weights=correct)
    n = len(sizes)
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    accuracies = (draws @ hits) / (draws @ sizes)
    low, high = np.quantile(accuracies, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), "cluster bootstrap")


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
