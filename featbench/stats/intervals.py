"""How sure an accuracy is: Wilson's interval, or a bootstrap of whole groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from featbench.types import AnyArray, Groups

__all__ = ["Interval", "accuracy_interval"]

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
