from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from featbench.timing import ONCE, Repeats
from featbench.timing.repeats import half_width


@pytest.mark.parametrize("n", [2, 3, 5, 6, 8, 9, 11, 12, 17, 50, 100])
def test_the_interval_is_that_of_order_statistics(n: int) -> None:
    """Against the quantiles of the binomial distribution, by scipy."""
    samples = np.random.default_rng(n).permutation(np.arange(100, 100 + n)).astype(float)
    ordered = np.sort(samples)
    r = max(1, int(binom.ppf(0.025, n, 0.5)))
    assert binom.cdf(r - 1, n, 0.5) <= 0.025 or n < 6
    expected = (ordered[n - r] - ordered[r - 1]) / 2 / np.median(samples)
    assert half_width(list(samples)) == pytest.approx(expected, rel=1e-12)


def test_the_interval_covers_the_median_as_often_as_it_says(rng: np.random.Generator) -> None:
    """Of 4,000 draws of 11 exponential times, whose median is log 2: 98.8 % are right, and chance moves that by 0.2 %."""
    covered = 0
    for _ in range(4000):
        samples = np.sort(rng.exponential(size=11))
        width = half_width(list(samples)) * 2 * np.median(samples)
        low, high = (
            samples[1],
            samples[9],
        )  # by hand: 2 · P(at most 1 of 11) = 0.0117; at most 2 would be 0.065
        assert width == pytest.approx(high - low)
        covered += low <= np.log(2) <= high
    assert covered / 4000 == pytest.approx(1 - 2 * 12 / 2**11, abs=0.01)


def test_three_samples_are_judged_by_their_range() -> None:
    assert half_width([1.0, 1.1, 0.9]) == pytest.approx(0.1)
    rule = Repeats(least=3, budget_s=1.0, width=0.1001)
    assert rule.enough([1.0, 1.1, 0.9])
    assert not rule.noisy([1.0, 1.1, 0.9])


@pytest.mark.parametrize(
    ("rule", "samples", "enough"),
    [
        (ONCE, [1e-6], True),
        (Repeats(3, 0.1, 0.05), [0.01], False),
        (Repeats(3, 0.1, 0.05), [0.01, 0.01], False),
        (Repeats(3, 0.1, 0.05), [0.01, 0.01, 0.01], True),
        (Repeats(3, 0.1, 0.05), [0.01, 0.02, 0.03], False),
        (Repeats(3, 0.1, 0.05), [0.01, 0.02, 0.08], True),  # the budget is spent
        (Repeats(3, 0.1, 0.05), [1.0, 0.9], False),  # the least are taken beyond it,
        (Repeats(3, 0.1, 0.05), [1.0, 1.1], True),  # but not after two seconds,
        (Repeats(3, 0.1, 0.05), [2.5], True),
        (Repeats(3, 30.0, 0.05), [2.5], False),  # unless the budget says so
        (Repeats(3, 30.0, 0.05), [2.5, 2.6, 2.5], True),
        (Repeats(2, 1000.0, 0.05), [1.0, 2.0] * 49, False),
        (Repeats(2, 1000.0, 0.05), [1.0, 2.0] * 50, True),  # a hundred samples are the most
    ],
)
def test_when_samples_are_enough(rule: Repeats, samples: list[float], enough: bool) -> None:
    assert rule.enough(samples) is enough


def test_one_sample_is_not_called_noisy() -> None:
    assert not Repeats().noisy([1.0])
    assert Repeats().noisy([1.0, 2.0])
    assert half_width([0.0, 0.0]) == 0
