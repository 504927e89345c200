"""Stages that cells share: a data set loaded once, an extractor's features made and timed once."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from featbench.base import Extractor, Fold
from featbench.cache import Cache, Draft
from featbench.config import Component, Folds, Holdout, Selection
from featbench.datasets import open_dataset
from featbench.datasets.splitting import outer_splits
from featbench.datasets.summary import summarize
from featbench.errors import InputError
from featbench.feature_cache import Made, Place
from featbench.heads import Skipped, scored, with_head
from featbench.images import ImageBatch, augmented, image_shape, take
from featbench.sealed import SealedDataset, seal
from featbench.selection import make_folds
from featbench.spill import transform_all
from featbench.timing import Memory, PeakMemory, Phase, Repeats, Timing, measure, measure_in_turn
from featbench.types import FeatureMatrix, Indices, Labels

__all__ = ["Features", "Skipped", "extract", "load"]

# Enough for every kernel to be compiled and every table to be built, few enough to cost nothing.
_WARMUP_IMAGES = 32
_CHECKED_ROWS = 4096  # at once, so that the check takes no memory of the features' size


@dataclass
class Features:
    """What an extractor made of one split, and what that cost.

    Attributes
    ----------
    extractor : Extractor or None
        Fitted on all training images; None for the rows of chance and majority.
    train, test : ndarray, (n, d)
        Of the extractor's dtype. Training rows are those of the images and then, copy after copy in the same order,
        those of what `augment` joins to them.
    labels : ndarray of int64, (n,)
        Of `train`.
    selection_rows, selection_labels : ndarray
        What selection may look at; other than `train` where the extractor learns from labels.
    folds : list of Fold
        Rows of `selection_rows`.
    judged : list of ndarray of int64
        The training images that each fold's validation rows are of, in their order.
    phases : dict of str to Timing
    memory : Memory
    warnings : list of str
    cache : dict or None
        What a record tells of the cache; see `featbench.feature_cache.Made`.
    head : Features or None
        The scores of the extractor's own classifier in the place of features, where it has one.
    """

    extractor: Extractor | None
    train: FeatureMatrix
    test: FeatureMatrix
    labels: Labels
    selection_rows: FeatureMatrix
    selection_labels: Labels
    folds: list[Fold]
    judged: list[Indices]
    phases: dict[str, Timing]
    memory: Memory
    warnings: list[str]
    cache: dict[str, Any] | None = None
    head: Features | None = None


def load(dataset: Component, n_splits: int | None, seed: int) -> tuple[list[SealedDataset], Timing]:
    """Load a data set and put its test labels under seal.

    Parameters
    ----------
    dataset : Component
    n_splits : int or None
        How many outer folds to draw from all images; None for the data set's own split.
    seed : int
        Draws the split where one is drawn.

    Returns
    -------
    splits : list of SealedDataset
        One, or `n_splits`. The open data set goes no further than this function.
    timing : Timing
        Of reading and decoding.

    Raises
    ------
    DataError
        Naming what is missing or wrong.
    """
    opened, timing = measure(
        lambda: open_dataset(dataset.name, dict(dataset.params), seed=seed, where=dataset.name)
    )
    parts = outer_splits(opened, n_splits, seed) if n_splits else [opened]
    timing.shared = True
    return [seal(part, summarize(part)) for part in parts], timing


def extract(
    component: Component | None,
    data: SealedDataset,
    selection: Selection,
    seed: int,
    repeats: Repeats,
    scratch: Path | None = None,
    cache: Cache | None = None,
) -> Features:
    """Fit an extractor on the training images and make the features of all.

    Parameters
    ----------
    component : Component or None
        The extractor; None gives each image the same single number.
    data : SealedDataset
    selection : Folds, Holdout or "none"
        Decides what selection will see. An extractor that learns from labels is fitted a second time,
        without the images on which selection is judged.
    seed : int
    repeats : Repeats
        When a phase has been measured often enough.
    scratch : Path, optional
        Folder on whose disk features lie that memory does not hold; see `featbench.spill`.
    cache : Cache, optional
        Where features are looked for, and put where they are not there; without one they are made.

    Returns
    -------
    Features

    Raises
    ------
    Skipped
        The extractor cannot take these images.
    """
    labels, groups = data.train.labels, data.train.groups
    if component is None:
        train, test = (np.zeros((n, 1), np.float32) for n in (len(labels), len(data.test_labels)))
        folds = make_folds(labels, groups, selection, seed)
        judged = [fold.validation for fold in folds]
        return Features(
            None, train, test, labels, train, labels, folds, judged, {}, Memory(0.0, exact=True), []
        )
    extractor: Extractor = component.build(seed)
    reason = extractor.supports(image_shape(data.train.images))
    if reason is not None:
        raise Skipped(reason)
    folds, unseen = _folds(extractor, data, selection, seed)
    place = Place(cache, component, extractor, data, seed, unseen)
    made = place.fetch()
    if made is None:
        batches = augmented(data.train.images, component.augment, seed)
        with place.draft() as draft:
            made = place.keep(draft, _make(extractor, data, batches, unseen, repeats, scratch, draft))
    train, test = made.rows["train"], made.rows["test"]
    all_labels = np.resize(labels, len(train))
    judged = [fold.validation for fold in folds]
    if unseen is not None:
        chosen = _unseen_rows(made.rows["selection"], labels, unseen)
    else:
        # What an image was made into stands where it does: to learn from, or nowhere.
        copies = np.arange(0, len(train), len(labels))[:, None]
        folds = [Fold((copies + fold.train).ravel(), fold.validation) for fold in folds]
        chosen = train, all_labels, folds
    said = [*made.warnings, *place.said]
    cost = made.phases, made.memory
    features = Features(made.extractor, train, test, all_labels, *chosen, judged, *cost, said, made.cache)
    return with_head(features, made, unseen=unseen is not None)


def kept(component: Component, data: SealedDataset, selection: Selection, seed: int, cache: Cache) -> bool:
    """Tell whether `extract` would find an extractor's features in a cache; nothing is read of them."""
    extractor: Extractor = component.build(seed)
    _, unseen = _folds(extractor, data, selection, seed)
    return Place(cache, component, extractor, data, seed, unseen).holds()


def _folds(
    extractor: Extractor, data: SealedDataset, selection: Selection, seed: int
) -> tuple[list[Fold], Fold | None]:
    """Return the folds of selection, and the one that an extractor which learns from labels may not see."""
    learns = extractor.uses_labels and selection != "none"
    scheme = _held_out(selection) if learns else selection
    folds = make_folds(data.train.labels, data.train.groups, scheme, seed)
    return folds, folds[0] if learns else None


def _make(
    extractor: Extractor,
    data: SealedDataset,
    batches: list[ImageBatch],
    unseen: Fold | None,
    repeats: Repeats,
    scratch: Path | None,
    draft: Draft | None,
) -> Made:
    """Make the features of all images and, where labels are learned from, those that selection looks at."""
    with PeakMemory() as peak, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        phases: dict[str, Timing] = {}
        images, labels = data.train.images, data.train.labels
        _, phases["warmup_extractor"] = measure(lambda: _warm_up(extractor, images, labels))
        fitted, train, test = _run(extractor, data, batches, phases, repeats, scratch, draft)
        scores, clocks = scored(fitted, {"train": batches, "test": [data.test_images]}, scratch)
        rows, phases = {"train": train, "test": test, **scores}, {**phases, **clocks}
        if unseen is not None:
            rows |= _unseen(extractor, data, batches, unseen, scratch, draft)
    for timing in phases.values():
        timing.shared = True
    return Made(fitted, rows, phases, peak.memory(), [str(w.message) for w in caught])


def _warm_up(extractor: Extractor, images: ImageBatch, labels: Labels) -> None:
    """Compile and cache on a few images; whatever is wrong shows again in the real fit."""
    few = np.linspace(0, len(labels) - 1, min(len(labels), _WARMUP_IMAGES)).astype(np.int64)
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sample = take(images, few)
        clone(extractor).fit(sample, labels[few]).transform(sample)


def _run(
    extractor: Extractor,
    data: SealedDataset,
    batches: list[ImageBatch],
    phases: dict[str, Timing],
    repeats: Repeats,
    scratch: Path | None,
    draft: Draft | None,
) -> tuple[Extractor, FeatureMatrix, FeatureMatrix]:
    files = {part: draft.file(part) if draft else None for part in ("train", "test")}
    images, labels = data.train.images, data.train.labels

    def transformed(part: str, of: list[ImageBatch]) -> Phase:
        return lambda made: partial(transform_all, made["fit_extractor"], of, scratch, files[part])

    in_turn: dict[str, Phase] = {
        "fit_extractor": lambda _: partial(clone(extractor).fit, images, labels),
        "transform_train": transformed("train", batches),
        "transform_test": transformed("test", [data.test_images]),
    }
    made, timings = measure_in_turn(in_turn, repeats)
    fitted, train, test = (made[name] for name in in_turn)
    for name, rows in (("transform_train", train), ("transform_test", test)):
        timings[name].cost = fitted.cost(len(rows), image_shape(images))
    phases |= timings
    for name, features in (("training", train), ("test", test)):
        check_features(features, type(fitted).__name__, name, fitted.feature_dtype)
    return fitted, train, test


def check_features(features: Any, extractor: str, part: str, dtype: np.dtype[Any]) -> None:
    """Refuse what an extractor may not give: anything but finite rows of the dtype that it promised.

    Raises
    ------
    InputError
        Naming the extractor, and the columns and the number of values that are not finite.
    """
    if not isinstance(features, np.ndarray) or features.ndim != 2 or features.dtype != dtype:
        got = f"{getattr(features, 'dtype', type(features).__name__)} {getattr(features, 'shape', '')}"
        raise InputError(f"{extractor}: features must be {dtype} of shape (n, d); got {got}.")
    bad = np.zeros(features.shape[1], dtype=np.int64)
    for start in range(0, len(features), _CHECKED_ROWS):
        bad += (~np.isfinite(features[start : start + _CHECKED_ROWS])).sum(axis=0)
    if bad.any():
        columns = ", ".join(map(str, np.flatnonzero(bad)[:5]))
        raise InputError(
            f"{extractor}: features must be finite; {int(bad.sum())} of the {part} images' values are not, "
            f"in columns {columns}. This is a fault of the extractor; run featbench.testing.check_extractor on it."
        )


def _held_out(selection: Folds | Holdout | str) -> Holdout:
    if isinstance(selection, Holdout):
        return selection
    return Holdout(holdout=1 / selection.folds if isinstance(selection, Folds) else 0.2)


def _unseen(
    extractor: Extractor,
    data: SealedDataset,
    batches: list[ImageBatch],
    fold: Fold,
    scratch: Path | None,
    draft: Draft | None,
) -> dict[str, FeatureMatrix]:
    """Features, and scores of its own, for selection by an extractor that learned from `fold.train` alone."""
    labels = data.train.labels
    train = [take(batch, fold.train) for batch in batches]
    learned = clone(extractor).fit(train[0], labels[fold.train])
    images = [*train, take(data.train.images, fold.validation)]
    X = transform_all(learned, images, scratch, draft.file("selection") if draft else None)
    return {"selection": X, **scored(learned, {"selection": images}, scratch)[0]}


def _unseen_rows(X: FeatureMatrix, labels: Labels, fold: Fold) -> tuple[FeatureMatrix, Labels, list[Fold]]:
    """Return rows that `_unseen` made with their labels, and which of them were learned from and are judged."""
    n = len(X) - len(fold.validation)
    y = np.concatenate([np.resize(labels[fold.train], n), labels[fold.validation]])
    return X, y, [Fold(np.arange(n), np.arange(n, len(y)))]
