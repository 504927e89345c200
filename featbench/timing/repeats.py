"""When a phase has been measured often enough: the interval of the median of its samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

__all__ = ["ONCE", "Repeats", "half_width", "median_interval"]

# A phase longer than this is measured once: repeating it would cost the user more than it tells.
_LONG_S = 2.0
_MOST = 100  # samples of one phase, which are all kept
_MISSED = 0.05  # share of intervals that may miss the median


@dataclass(frozen=True)
class Repeats:
    """When a phase has been measured often enough.

    Attributes
    ----------
    least : int
        Samples that are taken before their interval is looked at, as long as all of them took less than 2 s, or
        `budget_s` where that is more. 1 measures once, whatever that says.
    budget_s : float
        Seconds of samples in all after which no further one is begun for a narrower interval.
    width : float
        Half the width of the interval of the median, as a share of the median, that is narrow enough.
    """

    least: int = 3
    budget_s: float = 0.03
    width: float = 0.05

    def enough(self, samples: Sequence[float]) -> bool:
        """Tell whether no further sample is needed, or can be afforded.

        Parameters
        ----------
        samples : sequence of float
            Seconds, one or more.
        """
        n, spent = len(samples), sum(samples)
        if n < self.least:
            return spent >= max(_LONG_S, self.budget_s)
        return self.least == 1 or n >= _MOST or spent >= self.budget_s or not self.noisy(samples)

    def noisy(self, samples: Sequence[float]) -> bool:
        """Tell whether the interval is wider than it should be; a single sample says nothing of that."""
        return len(samples) > 1 and half_width(samples) > self.width


ONCE = Repeats(least=1)
"""For phases that are not repeated."""


def half_width(samples: Sequence[float]) -> float:
    """Return half the width of the interval of the median, as a share of the median.

    Parameters
    ----------
    samples : sequence of float
        Positive, two or more.
    """
    low, high = median_interval(samples)
    middle = float(np.median(samples))
    return (high - low) / 2 / middle if middle > 0 else 0.0


def median_interval(samples: Sequence[float]) -> tuple[float, float]:
    """Return an interval of the median of what samples are drawn from.

    Parameters
    ----------
    samples : sequence of float
        One or more.

    Returns
    -------
    low, high : float
        The narrowest pair of order statistics, as far from one end as from the other, that covers the median of
        independent samples of any distribution in 95 of 100 cases. Fewer than six samples have none: there it is
        their whole range, which covers it in 75 of 100 cases for three.

    References
    ----------
    H. A. David and H. N. Nagaraja, "Order statistics", Wiley 2003, section 7.1, https://doi.org/10.1002/0471722162
    """
    ordered, n = np.sort(np.asarray(samples, dtype=np.float64)), len(samples)
    # The interval from the r-th sample to the r-th from the end misses when fewer than r lie on one side.
    r, beyond = 1, 1 / 2**n
    while 2 * (beyond + comb(n, r) / 2**n) <= _MISSED:
        beyond += comb(n, r) / 2**n
        r += 1
    return float(ordered[r - 1]), float(ordered[n - r])
