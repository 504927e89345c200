"""Ranks over data sets against the worked example and the tables of Demšar 2006, and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

from featbench.stats import critical_difference, rank_over

NAMES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
# Table 6: the ranks of four algorithms on 14 data sets; accuracies are printed rounded, so the ranks are taken.
RANKS = np.array([
    [4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 2, 3], [4, 1, 3, 2], [4, 2, 3, 1], [1, 2.5, 4, 2.5], [3, 2, 4, 1],
    [2.5, 2.5, 4, 1], [4, 3, 2, 1], [2.5, 2.5, 2.5, 2.5], [4, 2.5, 1, 2.5], [3, 2, 4, 1], [4, 1, 2, 3], [3, 1, 4, 2],
])  # fmt: skip
PRINTED = 0.005  # the paper prints two or three digits
# Table 5(a): critical values of the two-tailed Nemenyi test, for 2 to 10 classifiers.
TABLE = {
    0.05: (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164),
    0.10: (1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920),
}


def test_the_worked_example_of_demsar() -> None:
    ranking = rank_over(-RANKS, NAMES)
    assert ranking.names == ("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5")
    assert ranking.ranks == pytest.approx((1.964, 2.0, 2.893, 3.143), abs=PRINTED)
    n, k = RANKS.shape
    # The paper leaves out the correction for ties: three pairs and one four of 14 rows.
    correction = 1 - (3 * (2**3 - 2) + (4**3 - 4)) / (n * k * (k**2 - 1))
    chi2 = ranking.chi2 * correction
    assert chi2 == pytest.approx(9.28, abs=PRINTED)
    assert (n - 1) * chi2 / (n * (k - 1) - chi2) == pytest.approx(3.69, abs=PRINTED)
    assert 0.001 < ranking.p_value < 0.05  # F(3, 39) is 2.85 at 0.05
    assert ranking.critical == pytest.approx(1.25, abs=PRINTED)
    assert critical_difference(k, n, 0.10) == pytest.approx(1.12, abs=PRINTED)
    assert ranking.ties() == [(0, 3)]


@pytest.mark.parametrize("level", TABLE)
def test_critical_values_are_those_of_the_table(level: float) -> None:
    for k, q in enumerate(TABLE[level], start=2):
        # For n = k (k + 1) / 6 data sets the root is 1.
        assert critical_difference(k, 1, level) / np.sqrt(k * (k + 1) / 6) == pytest.approx(q, abs=0.0015)


def test_friedman_is_scipy_s(rng: np.random.Generator) -> None:
    accuracies = rng.random((12, 5))
    ranking = rank_over(accuracies, "abcde")
    assert ranking.chi2 == pytest.approx(friedmanchisquare(*accuracies.T).statistic)
    assert sum(ranking.ranks) == pytest.approx(15)
    assert rank_over(accuracies[:, ::-1], "edcba").names == ranking.names


def test_stretches_that_cannot_be_told_apart() -> None:
    """Thirty data sets that rank alike: only neighbours can be mistaken."""
    ranking = rank_over(np.tile([0.9, 0.8, 0.7, 0.6], (30, 1)), "abcd")
    assert ranking.critical < 1
    assert (ranking.ranks, ranking.ties()) == ((1, 2, 3, 4), [])
    assert ranking.p_value == 0
    close = rank_over(np.tile([0.9, 0.8, 0.7, 0.6], (15, 1)), "abcd")
    assert 1 < close.critical < 2
    assert close.ties() == [(0, 1), (1, 2), (2, 3)]


def test_all_alike() -> None:
    ranking = rank_over(np.full((4, 3), 0.5), "abc")
    assert (ranking.ranks, ranking.p_value, ranking.ties()) == ((2, 2, 2), 1.0, [(0, 2)])
