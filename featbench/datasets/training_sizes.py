"""Fewer training images: as many as are asked for, by class, the smaller set inside the larger."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from featbench.errors import DataError, Shown, must_be
from featbench.sealed import SealedDataset
from featbench.types import AnyArray, Groups, Indices, Labels

__all__ = ["check_sizes", "drawn", "drawn_rows", "nested_rows"]


def nested_rows(labels: Labels, groups: Groups | None, size: int, seed: int) -> Indices:
    """Draw rows that hold each class by its share, groups kept whole.

    All rows are put into one order, in which any beginning holds every class by its share, and its beginning is
    taken: with the same seed a smaller draw lies inside a larger one.

    Parameters
    ----------
    labels : ndarray of int, (n,)
        Class numbers.
    groups : ndarray of int, (n,), or None
        Equal where images belong together.
    size : int
        How many rows; 1 to n.
    seed : int
        Same seed, same order.

    Returns
    -------
    ndarray of int64
        Ascending. Without groups `size` rows, of each class at most its share rounded up, and at least one where
        there are as many rows as classes. With groups as many of the first ones as have no more than `size` rows
        together, perhaps none.
    """
    rng = np.random.default_rng(seed)
    units = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_units, sizes = int(units.max()) + 1, np.bincount(units)
    of_unit = _main_class(labels, units, n_units)
    place = np.empty(n_units)
    for label in np.unique(of_unit):
        members = rng.permutation(np.flatnonzero(of_unit == label))
        # The share of its class that comes before a unit: equal steps through every class at once.
        before = np.cumsum(sizes[members]) - sizes[members]
        place[members] = before / sizes[members].sum()
    order = np.lexsort((rng.permutation(n_units), place))
    chosen = order[np.cumsum(sizes[order]) <= size]
    taken = np.zeros(n_units, dtype=bool)
    taken[chosen] = True
    return np.flatnonzero(taken[units])


def _main_class(labels: Labels, units: AnyArray, n_units: int) -> AnyArray:
    """Return the class that most of each unit's images have, the first of several."""
    _, codes = np.unique(labels, return_inverse=True)
    counts = np.zeros((n_units, int(codes.max()) + 1), dtype=np.int64)
    np.add.at(counts, (units, codes), 1)
    return np.asarray(counts.argmax(axis=1))


def check_sizes(data: SealedDataset, sizes: Iterable[int | None]) -> None:
    """Refuse sizes of which there are not enough training images.

    Parameters
    ----------
    data : SealedDataset
    sizes : iterable of int or None
        As an experiment asks for them; None, all images, is always there.

    Raises
    ------
    DataError
        A size above the number of training images; all that are asked for are named.
    """
    asked = [size for size in sizes if size is not None]
    n = len(data.train)
    if any(size > n for size in asked):
        constraint = f"at most {n:,}, the training images of {data.name}"
        got = Shown(", ".join(f"{size:,}" for size in asked))
        remedy = f"Leave out what is above, or write 'all' for all {n:,}."
        raise DataError(must_be("train_size", "sizes", constraint, got, remedy))


def drawn(data: SealedDataset, size: int | None, seed: int) -> SealedDataset:
    """Return a data set with fewer training images.

    Parameters
    ----------
    data : SealedDataset
        As loaded.
    size : int or None
        How many training images; None for all.
    seed : int
        Draws them.

    Returns
    -------
    SealedDataset
        The same test images, labels under the same seal, and the summary of the whole.

    Raises
    ------
    DataError
        More than there are, or too few for whole groups of every class.
    """
    rows = drawn_rows(data, size, seed)
    return data if len(rows) == len(data.train) else dataclasses.replace(data, train=data.train.take(rows))


def drawn_rows(data: SealedDataset, size: int | None, seed: int) -> Indices:
    """Return which training images `drawn` takes, without touching one.

    Raises
    ------
    DataError
        As of `drawn`.
    """
    check_sizes(data, [size])
    if size is None or size == len(data.train):
        return np.arange(len(data.train))
    rows = nested_rows(data.train.labels, data.train.groups, size, seed)
    n_classes = len(np.unique(data.train.labels))
    n_drawn = len(np.unique(data.train.labels[rows]))
    if n_drawn < n_classes:
        constraint = f"enough for an image of each of the {n_classes} classes of {data.name}"
        if data.train.groups is not None:
            constraint += ", groups of images kept whole"
        raise DataError(must_be("train_size", "a size", constraint, Shown(f"{size:,}"), "Raise it."))
    return rows
