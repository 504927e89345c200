"""Several maps fitted one after another, on rows of as many images as memory allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
from sklearn.base import clone

from featbench.base import FeatureMap
from featbench.types import FeatureMatrix

__all__ = ["fit_in_turn", "lengths_after"]

_LEARNED_FROM = 2**27  # numbers in the rows that maps learn from: 512 MB
_LEAST = 1000  # rows, however long


def lengths_after(maps: Sequence[FeatureMap], length: int) -> list[int]:
    """Return the length of a row before the first map and after each."""
    return list(accumulate(maps, lambda d, step: step._n_out(d), initial=length))


def fit_in_turn(
    maps: Sequence[FeatureMap], length: int, learned_from: Callable[[int], FeatureMatrix]
) -> list[FeatureMap]:
    """Fit maps one after another, each to what the one before it makes.

    Parameters
    ----------
    maps : list of FeatureMap
        Unfitted; clones of them are fitted.
    length : int
        Of a row before the first.
    learned_from : callable
        Returns rows, at most as many as it is told; called where a map learns. Maps after the last that does are
        told the length of rows alone.

    Returns
    -------
    list of FeatureMap
    """
    lengths = lengths_after(maps, length)
    learning = max((i + 1 for i, step in enumerate(maps) if step.learns), default=0)
    rows = np.empty((0, length), dtype=np.float32)
    if learning:
        rows = learned_from(max(_LEAST, _LEARNED_FROM // max(lengths[:learning])))
    fitted: list[FeatureMap] = []
    for i, step in enumerate(maps):
        known = rows if i < learning else np.empty((0, lengths[i]), dtype=np.float32)
        fitted.append(clone(step).fit(known))
        if i + 1 < learning:
            rows = np.asarray(fitted[-1].transform(rows))
    return fitted
