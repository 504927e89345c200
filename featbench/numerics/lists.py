"""Lists of candidates, one a query, in the arrays that the kernels work on."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.numerics.candidates import FORMULAS, SOME
from featbench.numerics.distances import Measure, frozen
from featbench.types import AnyArray, Float64Array

__all__ = ["Lists", "exact_query", "exact_train"]

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


def exact_train(measure: Measure) -> tuple[Any, ...]:
    """Return how the kernels compute exact distances to training rows."""
    formula, halved = FORMULAS[measure.metric], measure.metric == "intersection"
    return formula, halved, _by_dtype(measure.X), measure.scale, _factor(measure, measure.factor)


def exact_query(
    measure: Measure, rows: AnyArray, scale: Float64Array, factor: Float64Array
) -> tuple[Any, ...]:
    """Return queries as the kernels take them; `scale` and `factor` as of `Measure.query`."""
    return _by_dtype(rows), scale, _factor(measure, factor)


def _factor(measure: Measure, factor: Float64Array) -> Float64Array:
    return factor if measure.metric == "intersection" else np.ones(len(factor))


def _by_dtype(rows: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Return three matrices of which two are empty, so that one compiled kernel serves every dtype."""
    dtypes = (np.uint8, np.float32, np.float64)
    matrices = [rows if rows.dtype == dtype else np.empty((0, 0), dtype=dtype) for dtype in dtypes]
    return frozen(matrices[0]), frozen(matrices[1]), frozen(matrices[2])
