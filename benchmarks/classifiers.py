"""Classifiers against scikit-learn and faiss: neighbours, and linear heads along a path of penalties."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import linear, neighbors
from benchmarks.rows import Row

__all__ = ["rows"]


def rows() -> Iterator[Row]:
    """Measure and yield one row after another."""
    yield from neighbors.rows()
    yield from linear.rows()
