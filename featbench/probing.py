"""Small samples of a block's stages, from which what they cost on all images is extrapolated."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from featbench.config import Cell, Folds, Holdout, Selection
from featbench.config.space import middle
from featbench.datasets.training_sizes import nested_rows
from featbench.estimates import Cost, PowerLaw, probe, told
from featbench.images import augmented, image_shape, take
from featbench.preprocessing import make_preprocess
from featbench.sealed import SealedDataset
from featbench.selection import make_folds, select
from featbench.stages import Skipped
from featbench.types import AnyArray, FeatureMatrix, Indices

__all__ = ["Probe"]

_SMALL = 200  # images of the smaller sample, more where folds of many classes need them
_FACTOR = 4  # between the two samples


class Probe:
    """An extractor on two small samples of the training images, and what comes after it.

    Parameters
    ----------
    cell : Cell
        The first of a block; it has an extractor.
    data : SealedDataset
        The block's. Its test labels stay sealed, and its test images are only counted.

    Raises
    ------
    Skipped
        The extractor cannot take these images.
    """

    def __init__(self, cell: Cell, data: SealedDataset) -> None:
        assert cell.extractor is not None
        self._data, self._seed, self._copies = data, cell.seed, 1
        self._extractor = cell.extractor.build(cell.seed)
        reason = self._extractor.supports(image_shape(data.train.images))
        if reason is not None:
            raise Skipped(reason)
        self._copies = len(augmented(data.train.images, cell.extractor.augment, cell.seed))
        self._sizes = _sizes(data, cell.selection)
        self._selects = cell.selection != "none"
        self._labels = data.train.labels
        self._X: FeatureMatrix | None = None
        self._rows: Indices = np.arange(0)

    @property
    def feature_mb(self) -> float:
        """Features of all images, in 10⁶ bytes; known after `features`."""
        assert self._X is not None
        n = self._copies * len(self._data.train) + len(self._data.test_labels)
        return float(n * self._X.shape[1] * self._X.itemsize / 1e6)

    def features(self) -> Cost:
        """Reckon what it takes to fit the extractor and to apply it to all images."""
        data = self._data

        def fit(n: int) -> None:
            rows = self._drawn(n)
            self._fitted = clone(self._extractor).fit(take(data.train.images, rows), self._labels[rows])

        def transform(n: int) -> None:
            self._rows = self._drawn(n)
            self._X = self._fitted.transform(take(data.train.images, self._rows))

        n_train, n_test = len(data.train), len(data.test_labels)
        fitting, transforming = self._quiet(fit), self._quiet(transform)
        seconds = fitting.at(n_train) + transforming.at(self._copies * n_train + n_test)
        if self._extractor.uses_labels and self._selects:  # once more, without what selection judges
            seconds += fitting.at(n_train) + transforming.at(self._copies * n_train)
        return Cost(seconds, told("a probe", transforming))

    def row(self, cell: Cell) -> Cost:
        """Reckon what selection, the fit and labelling the test images take; after `features`."""
        assert self._X is not None
        X, y = self._X, self._labels[self._rows]
        groups = self._data.train.groups
        of_rows = None if groups is None else groups[self._rows]
        selection = _share(cell.selection, len(self._labels))
        classifier, preprocess = cell.classifier.build(cell.seed), make_preprocess(cell.preprocess)
        fitted: dict[int, tuple[Any, AnyArray]] = {}
        # A search with a clock takes what it is given; without one it takes what its candidates take.
        seconds = 0.0 if cell.strategy is None else cell.strategy.seconds or 0.0
        tried = (middle(cell.candidates),) if seconds else cell.candidates
        search = tried, preprocess, cell.strategy, cell.seed

        def learn(n: int) -> None:
            few = nested_rows(y, None, n, self._seed)
            folds = make_folds(y[few], None if of_rows is None else of_rows[few], selection, self._seed)
            outcome = select(clone(classifier), X[few], y[few], folds, *search)
            prepared = clone(preprocess).fit_transform(X[few])
            model = clone(classifier).set_params(**outcome.selected.parameters)
            fitted[n] = model.fit(prepared, y[few]), prepared

        def label(n: int) -> None:
            model, prepared = fitted[n]
            model.predict(prepared)

        learning = self._quiet(learn)
        labelling = self._quiet(label, learning.sizes)
        n_train, n_test = self._copies * len(self._labels), len(self._data.test_labels)
        each = labelling.at(n_train) / n_train
        return Cost(seconds + learning.at(n_train) + n_test * each, told("a probe", learning))

    def _drawn(self, n: int) -> Indices:
        # Of groups a part will do, which folds keep together; whole ones would be few.
        return nested_rows(self._labels, None, n, self._seed)

    def _quiet(self, stage: Callable[[int], object], sizes: Sequence[int] = ()) -> PowerLaw:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that few images are few is no news
            return probe(stage, sizes or self._sizes)


def _sizes(data: SealedDataset, selection: Selection) -> tuple[int, ...]:
    """Return two sizes that a few folds can be drawn from, or one where there are too few images for two."""
    n, n_classes = len(data.train), len(np.unique(data.train.labels))
    n_folds = selection.folds if isinstance(selection, Folds) else 2
    small = min(n, max(_SMALL, 2 * n_folds * n_classes))
    large = min(n, _FACTOR * small)
    return (small, large) if large >= 2 * small else (small,)


def _share(selection: Selection, n: int) -> Selection:
    """Return a selection that fits a sample as it fits `n` images."""
    if isinstance(selection, Holdout) and selection.holdout >= 1:
        return selection.model_copy(update={"holdout": min(0.5, selection.holdout / n)})
    return selection
