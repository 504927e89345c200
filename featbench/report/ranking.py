"""Pipelines over several data sets: which rank higher, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from featbench.report.summary import DatasetSummary
from featbench.stats import LEVEL, Ranking, rank_over

__all__ = ["ranking_of", "told_ranking"]

_LEAST = 3  # pipelines
_FEW = 5  # data sets; with fewer, Nemenyi's difference is mostly wider than ranks can be apart


def ranking_of(datasets: Sequence[DatasetSummary]) -> Ranking | None:
    """Rank the pipelines that finished on every data set by their test accuracies.

    Parameters
    ----------
    datasets : sequence of DatasetSummary
        Of one run, or of several; of a pipeline that several have on the same data set the first counts.

    Returns
    -------
    Ranking or None
        None of fewer than two data sets, or fewer than three pipelines that all of them have.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for dataset in datasets:  # which several runs may have in common
        table = found.setdefault((dataset.name, str(dataset.data.get("fingerprint"))), {})
        for line in dataset.lines:
            accuracy = line.mean("test_accuracy")
            if accuracy is not None and line.status == "ok" and not line.is_baseline:
                table.setdefault(line.label, accuracy)
    tables = list(found.values())
    if len(tables) < 2:
        return None
    names = [label for label in tables[0] if all(label in table for table in tables)]
    if len(names) < _LEAST:
        return None
    return rank_over(np.array([[table[name] for name in names] for table in tables]), names)


def told_ranking(ranking: Ranking) -> str:
    """Say what the ranks show.

    Parameters
    ----------
    ranking : Ranking

    Returns
    -------
    str
    """
    k, n = len(ranking.names), ranking.n_datasets
    p = f"p = {ranking.p_value:.3f}" if ranking.p_value >= 0.001 else "p < 0.001"
    test = f"Friedman's test with Iman and Davenport's F of {k} pipelines on {n} data sets: {p}"
    if ranking.p_value >= LEVEL:
        verdict = "the ranks do not differ beyond chance."
    else:
        verdict = (
            f"some ranks differ beyond chance; by Nemenyi's test those {ranking.critical:.2f} or more apart."
        )
    few = " So few data sets show little." if n < _FEW else ""
    return f"{test}; {verdict}{few}"
