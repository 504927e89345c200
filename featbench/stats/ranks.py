"""Pipelines over several data sets: average ranks, Friedman's test, Nemenyi's critical difference.

J. Demšar, Statistical comparisons of classifiers over multiple data sets, Journal of Machine Learning Research 7,
2006, 1-30. https://www.jmlr.org/papers/v7/demsar06a.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from featbench.stats.paired import LEVEL
from featbench.types import AnyArray

__all__ = ["Ranking", "critical_difference", "rank_over"]

_LEAST = 3  # pipelines that Friedman's test is for; two are what a paired test is for


@dataclass(frozen=True)
class Ranking:
    """How pipelines rank over data sets.

    Attributes
    ----------
    names : tuple of str
        The best average rank first.
    ranks : tuple of float
        The average ranks, 1 the best; equal accuracies share theirs.
    n_datasets : int
    chi2 : float
        Friedman's statistic, corrected for ties, with k - 1 degrees of freedom.
    p_value : float
        Of Iman and Davenport's F, which is less conservative than the χ² of few data sets.
    critical : float
        Nemenyi's critical difference: average ranks that differ by less cannot be told apart.
    """

    names: tuple[str, ...]
    ranks: tuple[float, ...]
    n_datasets: int
    chi2: float
    p_value: float
    critical: float

    def ties(self) -> list[tuple[int, int]]:
        """Return the longest stretches of pipelines that cannot be told apart, as first and last position."""
        ranks = np.asarray(self.ranks)
        ends = [int(np.flatnonzero(ranks - rank < self.critical)[-1]) for rank in ranks]
        found = [(start, end) for start, end in enumerate(ends) if end > start]
        return [(start, end) for start, end in found if not any(s < start and end <= e for s, e in found)]


def rank_over(accuracies: AnyArray, names: Sequence[str]) -> Ranking:
    """Rank pipelines by their accuracies on several data sets.

    Parameters
    ----------
    accuracies : ndarray, (n_datasets, n_pipelines)
        Two data sets or more, three pipelines or more.
    names : sequence of str
        Of the pipelines.

    Returns
    -------
    Ranking

    Notes
    -----
    Demšar's own examples leave out the correction for ties, which makes χ² smaller where there are any.
    """
    accuracies = np.asarray(accuracies, dtype=np.float64)
    n, k = accuracies.shape
    assert n >= 2, n
    assert k >= _LEAST, k
    ranks = rankdata(-accuracies, axis=1).mean(axis=0)
    if (accuracies == accuracies[:, :1]).all():
        chi2, p_value = (
            0.0,
            1.0,
        )  # all rank alike everywhere, which the correction for ties divides 0 by 0 for
    else:
        chi2 = float(friedmanchisquare(*accuracies.T).statistic)
        left = n * (k - 1) - chi2
        # All data sets rank alike: nothing is left for chance.
        p_value = (
            float(f_distribution.sf((n - 1) * chi2 / left, k - 1, (k - 1) * (n - 1))) if left > 1e-9 else 0.0
        )
    order = np.argsort(ranks, kind="stable")
    return Ranking(
        names=tuple(names[i] for i in order),
        ranks=tuple(float(rank) for rank in ranks[order]),
        n_datasets=n,
        chi2=chi2,
        p_value=p_value,
        critical=critical_difference(k, n),
    )


def critical_difference(n_pipelines: int, n_datasets: int, level: float = LEVEL) -> float:
    """Return Nemenyi's critical difference of average ranks.

    Parameters
    ----------
    n_pipelines, n_datasets : int
    level : float, optional
        The share of families of such comparisons that may find a difference where there is none.

    Returns
    -------
    float
    """
    k = n_pipelines
    q = studentized_range.ppf(1 - level, k, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(k * (k + 1) / (6 * n_datasets)))
