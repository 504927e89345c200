"""Lists of candidates, one a query, in the arrays that the kernels work on."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.numerics.candidates import SOME

__all__ = ["Lists"]

_SPARE = 512  # places beyond twice the neighbours wanted: the more, the fewer distances are computed exactly


class Lists:
    """The candidates of some queries.

    Parameters
    ----------
    m : int
        Queries.
    k : int
        How many neighbours each wants.
    """

    def __init__(self, m: int, k: int) -> None:
        capacity = 2 * k + _SPARE
        self.index = np.empty((m, capacity), dtype=np.int64)
        self.low, self.high = np.empty((2, m, capacity))
        self.count = np.zeros(m, dtype=np.int64)
        self.bound = np.full(m, np.inf)
        self.mark = np.full(m, 2 * k + SOME)

    @staticmethod
    def bytes_a_query(k: int) -> int:
        """Return what the list of one query takes."""
        return 24 * (2 * k + _SPARE) + 24

    def part(self, start: int, stop: int) -> tuple[Any, ...]:
        """Return the lists of some queries, as the kernels take them."""
        lists = (self.index, self.low, self.high, self.count, self.bound, self.mark)
        return tuple(array[start:stop] for array in lists)
