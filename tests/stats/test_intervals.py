from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from featbench.stats import accuracy_interval

HAND = 1e-4  # the worked values below are given to four digits


def test_wilson_by_hand() -> None:
    # 8 of 10: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n), z = 1.959964
    interval = accuracy_interval(np.arange(10) < 8)
    assert interval.low == pytest.approx(0.4902, abs=HAND)
    assert interval.high == pytest.approx(0.9433, abs=HAND)
    assert interval.method == "wilson"


def test_the_wilson_interval_covers_about_95_percent() -> None:
    n, p = 50, 0.7
    covered = sum(
        binom.pmf(k, n, p)
        for k in range(n + 1)
        if (i := accuracy_interval(np.arange(n) < k)).low <= p <= i.high
    )
    assert 0.93 < covered < 0.97


def test_groups_widen_the_interval() -> None:
    """Fifty groups of ten images that stand or fall together tell no more than fifty images."""
    stands = np.repeat(np.arange(50) < 30, 10)
    groups = np.repeat(np.arange(50), 10)
    clustered = accuracy_interval(stands, groups)
    honest = accuracy_interval(np.arange(50) < 30)
    blind = accuracy_interval(stands)
    assert clustered.method == "cluster bootstrap"
    width = clustered.high - clustered.low
    assert width == pytest.approx(honest.high - honest.low, rel=0.1)
    assert width > 2.5 * (blind.high - blind.low)
    assert clustered == accuracy_interval(stands, groups)


def test_groups_of_one_agree_with_wilson(rng: np.random.Generator) -> None:
    correct = rng.random(400) < 0.6
    single = accuracy_interval(correct, np.arange(400))
    wilson = accuracy_interval(correct)
    assert single.low == pytest.approx(wilson.low, abs=0.01)
    assert single.high == pytest.approx(wilson.high, abs=0.01)
