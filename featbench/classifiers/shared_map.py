"""A linear map that all cells of a row share, then a linear classifier: its weights as a point in space.

::

    x (cells · L) = x₁ … x_cells ── each x_j V ──► h (cells · c) ── h W + b ──► scores (k)

Nothing bends between the two maps, so that the scores are linear in x; but V is learned from all cells at once.
The lines are the same for numpy's arrays and for tensors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from featbench.numerics.losses import softmax
from featbench.numerics.row_parts import mean_over_rows
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["SharedMap", "first_point", "objective"]

Sizes = tuple[int, int, int, int]
"""Cells, numbers of a cell L, channels c, classes k."""


class SharedMap(NamedTuple):
    """The weights.

    Attributes
    ----------
    V, W, b : array, (L, c), (cells · c, k), (k,)
    """

    V: AnyArray
    W: AnyArray
    b: AnyArray

    @classmethod
    def of(cls, point: AnyArray, cells: int, length: int, c: int, k: int) -> SharedMap:
        """Return views of a flat array of L · c + cells · c · k + k numbers."""
        first, second = length * c, length * c + cells * c * k
        return cls(
            point[:first].reshape(length, c), point[first:second].reshape(cells * c, k), point[second:]
        )

    def linear(self) -> tuple[Float64Array, Float64Array]:
        """Return the weights ``(k, cells · L)`` and bias ``(k,)`` of the scores, in float64; of numpy's arrays."""
        V, W, b = (weights.astype(np.float64) for weights in self)
        of_cells = V @ W.reshape(-1, V.shape[1], len(b))
        return np.ascontiguousarray(of_cells.reshape(-1, len(b)).T), b


def first_point(sizes: Sizes, dtype: np.dtype[Any], rng: np.random.Generator) -> AnyArray:
    """Return a flat array: V normal with variance 1 / L, which keeps that of a cell's numbers; W and b 0."""
    cells, length, c, k = sizes
    point = np.zeros(length * c + cells * c * k + k, dtype=dtype)
    SharedMap.of(point, *sizes).V[:] = rng.normal(0, np.sqrt(1 / length), (length, c))
    return point


def objective(point: AnyArray, sizes: Sizes, X: AnyArray, y: Labels, reg: float) -> tuple[float, AnyArray]:
    """Return the mean cross-entropy of rows plus ``reg / 2 · (‖V‖² + ‖W‖²)``, and its gradient.

    Parameters
    ----------
    point : array, flat
        As `SharedMap.of` reads it.
    sizes : tuple of int
        cells, L, c, k.
    X : array, (n, cells · L)
        Of the dtype of `point`.
    y : array of int64, (n,)
        Class numbers.
    reg : float

    Returns
    -------
    cost : float
    gradient : array, like `point`
    """
    maps = SharedMap.of(point, *sizes)

    def backward(rows: slice, into: AnyArray) -> float:
        return _backward(maps, X[rows], y[rows], SharedMap.of(into, *sizes))

    loss, gradient = mean_over_rows(backward, len(X), point)
    slopes = SharedMap.of(gradient, *sizes)
    penalty = 0.0
    for weights, slope in ((maps.V, slopes.V), (maps.W, slopes.W)):
        penalty += float((weights * weights).sum())
        slope += reg * weights
    return loss + reg / 2 * penalty, gradient


def _backward(maps: SharedMap, X: AnyArray, y: Labels, into: SharedMap) -> float:
    """Return the summed loss of some rows and write its gradient."""
    cells = X.reshape(-1, len(maps.V))
    hidden = (cells @ maps.V).reshape(len(X), -1)
    loss, slopes = softmax((hidden @ maps.W + maps.b).T, y)
    into.W[:] = hidden.T @ slopes.T
    into.b[:] = slopes.sum(axis=1)
    back = (slopes.T @ maps.W.T).reshape(len(cells), -1)
    into.V[:] = cells.T @ back
    return float(loss)
