"""Paired tests against the binomial distribution, a bootstrap written out, and Holm's steps by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from featbench.stats import holm, mcnemar, paired_test

# 4,000 draws tell a p-value of 0.1 to about 0.005; two sets of draws differ by three times that at the most.
DRAWN = 0.03


@given(better=st.integers(0, 40), worse=st.integers(0, 40))
@settings(deadline=None)
def test_the_exact_test_is_the_binomial_s(better: int, worse: int) -> None:
    """Two-sided: twice the smaller tail of a fair coin, 1 at the most."""
    first = np.repeat([0, 1, 1], [better, worse, 7])
    second = np.repeat([1, 0, 1], [better, worse, 7])
    n = better + worse
    tail = binom.cdf(min(better, worse), n, 0.5) if n else 1.0
    assert mcnemar(first, second) == pytest.approx(min(1.0, 2 * tail), rel=1e-9)
    assert mcnemar(first, second) == mcnemar(second, first)
    assert paired_test(first, second).method == "McNemar"


def test_groups_are_drawn_whole(rng: np.random.Generator) -> None:
    """As a plain loop does it: groups with replacement, the difference of the accuracies on all their images."""
    groups = rng.integers(0, 30, 300)
    first, second = (rng.random(300) < share for share in (0.5, 0.56))
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    differences = []
    for _ in range(4000):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        differences.append(np.mean(second[rows]) - np.mean(first[rows]))
    slow = 2 * min(np.mean(np.array(differences) <= 0), np.mean(np.array(differences) >= 0))
    test = paired_test(first, second, groups)
    assert test.method == "cluster bootstrap"
    assert 0.01 < test.p_value < 0.9
    assert test.p_value == pytest.approx(slow, abs=DRAWN)
    assert paired_test(second, first, groups).p_value == test.p_value
    assert paired_test(first, second, groups) == test


def test_images_that_fall_together_tell_less() -> None:
    """Twelve new hits are beyond chance as twelve images, not as twelve copies of two of eight groups."""
    first = np.repeat([1, 1, 1, 1, 0, 0, 0, 0], 6)
    second = np.repeat([1, 1, 1, 1, 1, 1, 0, 0], 6)
    assert mcnemar(first, second) < 0.001
    assert paired_test(first, second, np.repeat(np.arange(8), 6)).p_value > 0.05


@pytest.mark.parametrize("n", [1, 2, 4])
def test_few_groups_show_little(n: int) -> None:
    """All n groups agree: a coin does as much with 2 ** (1 - n)."""
    groups = np.repeat(np.arange(n), 50)
    assert paired_test(np.zeros(50 * n), np.ones(50 * n), groups).p_value == 2.0 ** (1 - n)


def test_many_groups_that_agree_are_beyond_chance_even_of_many_tests() -> None:
    groups = np.repeat(np.arange(40), 3)
    (few, many) = (paired_test(np.zeros(120), np.ones(120), groups, n).p_value for n in (1, 100))
    assert few == pytest.approx(2 / 4001)
    assert 100 * many < 0.01
    assert paired_test(np.ones(120), np.ones(120), groups).p_value == 1.0


def test_holm_by_hand() -> None:
    """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, which may not fall below 0.06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0
