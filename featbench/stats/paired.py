"""Whether one pipeline is better than another on the same images, beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from featbench.types import AnyArray, Float64Array, Groups

__all__ = ["LEVEL", "PairedTest", "holm", "mcnemar", "paired_test", "verdict_of"]

LEVEL = 0.05  # what is called beyond chance, two-sided

_RESAMPLES = 4000
_RESAMPLES_A_TEST = 400  # so that the p-value which Holm asks of the smallest of m stands on ten resamples
_AT_ONCE = 1000  # resamples that lie in memory together


@dataclass(frozen=True)
class PairedTest:
    """What a test of two pipelines on the same images says.

    Attributes
    ----------
    p_value : float
        Two-sided.
    method : str
        ``"McNemar"`` or ``"cluster bootstrap"``.
    """

    p_value: float
    method: str


def paired_test(
    first: AnyArray, second: AnyArray, groups: Groups | None = None, n_tests: int = 1
) -> PairedTest:
    """Test whether two pipelines are equally often right.

    McNemar's exact test takes images for independent. Images of one group are not: then whole groups are drawn
    anew, with a fixed seed, and the p-value is that of the percentile interval of the difference of the accuracies
    which just touches zero. A few groups show little: the p-value is never below 2 ** (1 - g), which is what a sign
    test gives where all g groups agree.

    Parameters
    ----------
    first, second : ndarray, (n,)
        How often each pipeline is right on each image: 0 or 1, or more where several seeds judged it.
    groups : ndarray of int, (n,), optional
        Equal where images belong together.
    n_tests : int, optional
        How many such tests `holm` will correct; more groups are drawn for more of them.

    Returns
    -------
    PairedTest

    References
    ----------
    A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application, 1997, chapters 3.8 and 4.4.
    doi:10.1017/CBO9780511802843
    """
    if groups is None:
        return PairedTest(mcnemar(first, second), "McNemar")
    _, members = np.unique(groups, return_inverse=True)
    gained = np.bincount(members, weights=np.asarray(second, dtype=float) - np.asarray(first, dtype=float))
    n = len(gained)
    wanted = max(_RESAMPLES, _RESAMPLES_A_TEST * n_tests)
    generator = np.random.default_rng(0)
    below = above = 0
    for start in range(0, wanted, _AT_ONCE):
        draws = generator.multinomial(n, np.full(n, 1 / n), size=min(_AT_ONCE, wanted - start))
        # The sum has the sign of the difference of accuracies, whatever the sizes of the groups that were drawn.
        drawn = draws @ gained
        below += int((drawn <= 0).sum())
        above += int((drawn >= 0).sum())
    p_value = 2 * (min(below, above) + 1) / (wanted + 1)
    return PairedTest(float(min(1.0, max(p_value, 2.0 ** (1 - n)))), "cluster bootstrap")


def mcnemar(first: AnyArray, second: AnyArray) -> float:
    """Return the p-value of the exact sign test of two pipelines on the same images, two-sided.

    With one answer an image this is McNemar's exact test. With several, of as many seeds, an image counts for the
    pipeline that is right more often on it: images are drawn independently of each other, seeds on one image are not.

    Parameters
    ----------
    first, second : ndarray, (n,)
        How often each pipeline is right on each image.

    Returns
    -------
    float
        1 where neither is better on any image.

    References
    ----------
    Q. McNemar, Note on the sampling error of the difference between correlated proportions or percentages,
    Psychometrika 12, 1947, 153-157. doi:10.1007/BF02295996
    """
    better, worse = int((second > first).sum()), int((second < first).sum())
    return float(binomtest(better, better + worse, 0.5).pvalue) if better + worse else 1.0


def holm(p_values: Sequence[float] | Float64Array) -> Float64Array:
    """Adjust p-values, so that at most `LEVEL` of all families of tests have a wrong one below it.

    Parameters
    ----------
    p_values : sequence of float, (m,)
        Of the tests of a family, dependent on each other or not.

    Returns
    -------
    ndarray of float64, (m,)
        In the order given; 1 at the most.

    References
    ----------
    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979,
    65-70. https://www.jstor.org/stable/4615733
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(1.0, stepped)
    return adjusted


def verdict_of(p_value: float) -> str:
    """Return what is said of a difference: whether the test calls it more than chance."""
    return "beyond chance" if p_value < LEVEL else "within chance"
