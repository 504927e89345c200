"""Descriptors put in the order of the cells that they lie in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from featbench.types import FeatureMatrix, Indices

__all__ = ["order_by_cell", "rows_by_cell"]


def order_by_cell(cells: Indices, n_cells: int) -> tuple[Indices, Indices]:
    """Return an order that brings cells together, and where each begins in it.

    Parameters
    ----------
    cells : ndarray of int64, (m,)
        0 to ``n_cells - 1``, in any order.
    n_cells : int

    Returns
    -------
    order : ndarray of int64, (m,)
        A cell's descriptors keep their order, so that its sums do not depend on other cells.
    starts : ndarray of int64, (n_cells + 1,)
    """
    starts = np.zeros(n_cells + 1, dtype=np.int64)
    np.cumsum(np.bincount(cells, minlength=n_cells), out=starts[1:])
    return np.argsort(cells, kind="stable"), starts


def rows_by_cell(X: FeatureMatrix, cells: Indices, n_cells: int) -> Iterator[tuple[int, FeatureMatrix]]:
    """Yield each cell with its descriptors, in their order; cells without any are passed over."""
    order, starts = order_by_cell(cells, n_cells)
    for cell in np.flatnonzero(np.diff(starts)):
        yield int(cell), X[order[starts[cell] : starts[cell + 1]]]
