"""Dividing images into training and test: every class on both sides, every group on one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from featbench.errors import DataError, InputError, Shown, must_be
from featbench.images import ImageBatch, ImageSource, image_shape, take
from featbench.imagesets import Dataset, ImageSet
from featbench.types import Float64Array, Groups, ImageArray, Indices, Labels

__all__ = ["outer_splits", "split"]

# Orders in which groups are dealt out; the division nearest to the wanted shares is kept.
_ATTEMPTS = 8


def split(
    labels: Labels,
    groups: Groups | None,
    test_size: float,
    seed: int,
    classes: Sequence[str] | None = None,
) -> tuple[Indices, Indices]:
    """Draw a stratified split that keeps groups together.

    Without groups each class gives ``test_size`` of its images, rounded, at least one and not all. With
    groups, they are dealt out in a random order: a group goes to the test where that brings the classes'
    shares nearer to `test_size`. Of eight such orders the one that comes nearest is kept.

    Parameters
    ----------
    labels : ndarray of int, (n,)
        Class numbers.
    groups : ndarray of int, (n,), or None
        Equal where images belong together.
    test_size : float
        Wanted share of each class, in (0, 1).
    seed : int
        Same seed, same split.
    classes : sequence of str, optional
        Class names, for messages.

    Returns
    -------
    train, test : ndarray of int64
        Row numbers, ascending, disjoint, together all rows.

    Raises
    ------
    DataError
        A class with a single image, or a single group, which cannot stand on both sides.
    InputError
        `test_size` out of its range.
    """
    if not 0 < test_size < 1:
        raise InputError(must_be("split", "test_size", "between 0 and 1", test_size))
    labels = np.asarray(labels)
    _require(labels, groups, 2, "in every class to be split into training and test", classes)
    rng = np.random.default_rng(seed)
    if groups is None:
        in_test = _stratified(labels, test_size, rng)
    else:
        in_test = _grouped(labels, np.asarray(groups), test_size, rng)
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def _require(
    labels: Labels, groups: Groups | None, least: int, purpose: str, classes: Sequence[str] | None
) -> None:
    """Refuse a class with fewer than `least` images, or groups where there are any."""
    units = np.arange(len(labels)) if groups is None else np.asarray(groups)
    pairs = np.unique(np.stack([labels, units]), axis=1)
    present, counts = np.unique(pairs[0], return_counts=True)
    if len(counts) and counts.min() < least:
        label = int(present[counts.argmin()])
        name = classes[label] if classes is not None else str(label)
        what = "images" if groups is None else "groups of images"
        got = Shown(f"{counts.min()} in class {name!r}")
        remedy = f"Add {what} of this class, or remove the class."
        raise DataError(must_be("split", what, f"at least {least} {purpose}", got, remedy))


def _stratified(labels: Labels, test_size: float, rng: np.random.Generator) -> np.ndarray:
    in_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        n_test = int(np.clip(np.floor(len(rows) * test_size + 0.5), 1, len(rows) - 1))
        in_test[rows[:n_test]] = True
    return in_test


def _grouped(labels: Labels, groups: Groups, test_size: float, rng: np.random.Generator) -> np.ndarray:
    _, label = np.unique(labels, return_inverse=True)
    _, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((group.max() + 1, label.max() + 1))
    np.add.at(counts, (group, label), 1)
    shares = counts / counts.sum(axis=0)  # what each group holds of each class
    best, smallest = None, np.inf
    for _ in range(_ATTEMPTS):
        chosen = _deal(shares, rng.permutation(len(shares)), test_size)
        reached = shares[chosen].sum(axis=0)
        on_both_sides = np.all((shares[chosen] > 0).any(axis=0) & (shares[~chosen] > 0).any(axis=0))
        distance = float(np.abs(reached - test_size).sum())
        if on_both_sides and distance < smallest:
            best, smallest = chosen, distance
    if best is None:
        got = Shown(f"groups that span classes, of which none of {_ATTEMPTS} random orders could be divided")
        remedy = "Make the groups smaller, or give the split yourself."
        raise DataError(must_be("split", "groups", "divisible with every class on both sides", got, remedy))
    return best[group]


def _deal(shares: Float64Array, order: Indices, test_size: float) -> np.ndarray:
    """Give each group, in this order, to the test where that brings the classes nearer to their share."""
    chosen = np.zeros(len(shares), dtype=bool)
    missing = np.full(shares.shape[1], test_size)
    for group in order:
        share = shares[group]
        if share @ (share - 2 * missing) < 0:  # |missing − share|² < |missing|²
            chosen[group] = True
            missing = missing - share
    for label in np.flatnonzero(~(shares[chosen] > 0).any(axis=0)):  # every group too large: the smallest
        of_class = np.flatnonzero(shares[:, label] > 0)
        chosen[of_class[shares[of_class, label].argmin()]] = True
    return chosen


def outer_splits(dataset: Dataset, n_splits: int, seed: int) -> list[Dataset]:
    """Pool training and test images and divide them anew into outer folds.

    Parameters
    ----------
    dataset : Dataset
        Its own split is set aside.
    n_splits : int
        Number of folds, at least 2; each is the test part of one of the returned data sets.
    seed : int
        Draws the folds.

    Returns
    -------
    list of Dataset
        Stratified by class; groups stay together.

    Raises
    ------
    DataError
        A class with fewer images, or groups, than folds, or one that a fold would have nothing to learn of.
    """
    if n_splits < 2:
        raise InputError(must_be("splits", "the number of outer folds", "at least 2", n_splits))
    pooled = _pool(dataset.train, dataset.test)
    purpose = f"in every class for {n_splits} outer splits"
    _require(pooled.labels, pooled.groups, n_splits, purpose, dataset.classes)
    rows = np.arange(len(pooled))
    if pooled.groups is None:
        folds = StratifiedKFold(n_splits, shuffle=True, random_state=seed).split(rows, pooled.labels)
    else:
        folds = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed).split(
            rows, pooled.labels, pooled.groups
        )
    parts = []
    for train, test in folds:
        lost = np.setdiff1d(pooled.labels[test], pooled.labels[train])
        if len(lost):
            got = Shown(f"groups that put every image of {dataset.classes[lost[0]]!r} into one fold")
            remedy = "Use fewer splits, or make the groups smaller."
            raise DataError(must_be("split", "groups", "divisible into outer splits", got, remedy))
        part = dataclasses.replace(
            dataset, train=pooled.take(train), test=pooled.take(test), official_split=False
        )
        parts.append(part)
    return parts


def _pool(train: ImageSet, test: ImageSet) -> ImageSet:
    together = train.groups is not None and test.groups is not None
    return ImageSet(
        images=_join(train.images, test.images),
        labels=np.concatenate([train.labels, test.labels]),
        groups=np.concatenate([train.groups, test.groups]) if together else None,
        names=[*train.names, *test.names] if train.names is not None and test.names is not None else None,
    )


def _join(first: ImageBatch, second: ImageBatch) -> ImageBatch:
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return np.concatenate([first, second])
    return _Joined(first, second)


class _Joined(ImageSource):
    """Two batches, one behind the other."""

    def __init__(self, first: ImageBatch, second: ImageBatch) -> None:
        self.image_shape = image_shape(first)
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def read(self, indices: Indices) -> ImageArray:
        pixels = np.empty((len(indices), *self.image_shape), dtype=np.uint8)
        in_second = indices >= len(self._first)
        for rows, batch, offset in (
            (~in_second, self._first, 0),
            (in_second, self._second, len(self._first)),
        ):
            wanted = take(batch, indices[rows] - offset)
            every = np.arange(len(wanted), dtype=np.int64)
            pixels[rows] = wanted.read(every) if isinstance(wanted, ImageSource) else wanted
        return pixels
