"""Samples of a block's stages, as large as a second allows, from which what they cost on all images is reckoned."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Mapping

import numpy as np
from sklearn.base import clone

from featbench.base import Extractor
from featbench.base.own_head import OwnHead, ScoresOf
from featbench.config import Cell, Folds, Holdout, Selection
from featbench.config.rows import OWN_HEAD
from featbench.config.space import middle
from featbench.datasets.training_sizes import nested_rows
from featbench.estimates import Cost, features_cost, repeated
from featbench.growth import Growth, grow
from featbench.heads import Skipped, headless
from featbench.images import augmented, image_shape, take
from featbench.preprocessing import make_preprocess
from featbench.sealed import SealedDataset
from featbench.selection import make_folds, select
from featbench.timing import Repeats
from featbench.types import AnyArray, FeatureMatrix, Indices

__all__ = ["Probe"]

_WARMUP = 32  # images, as a run has it
_FIRST, _FIRST_ROWS = 100, 200  # images of the first samples; more rows where folds of many classes need them
# Seconds of one sample, each of which is of twice the images of the one before or more.
_FEATURES_S, _ROW_S = 0.8, 1.0
_FIXED_S = 5.0  # of a row's first sample: linear models of fewer rows than columns take as long as of many
_ROOM = 256 << 20  # bytes of features that a probe may hold


class Probe:
    """An extractor on samples of the training images, and what comes after it.

    Parameters
    ----------
    cell : Cell
        The first of a block; it has an extractor.
    data : SealedDataset
        The block's. Its test labels stay sealed, and its test images are only counted.
    rule : Repeats
        When a phase of the run will have been measured often enough.
    warm : set of str
        Names of classifiers that have run in this process, and are compiled; those of rows are added.
    clock : callable, optional
        Seconds.

    Raises
    ------
    Skipped
        The extractor cannot take these images.
    """

    def __init__(
        self,
        cell: Cell,
        data: SealedDataset,
        rule: Repeats,
        warm: set[str],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        assert cell.extractor is not None
        self._cell, self._data, self._rule, self._warm, self._clock = cell, data, rule, warm, clock
        self._extractor: Extractor = cell.extractor.build(cell.seed)
        reason = self._extractor.supports(image_shape(data.train.images))
        if reason is not None:
            raise Skipped(reason)
        self._copies = len(augmented(data.train.images, cell.extractor.augment, cell.seed))
        self._fitted: Extractor = self._extractor
        self._rows: Indices = np.arange(0)
        self._X: FeatureMatrix | None = None
        self._scores: FeatureMatrix | None = None

    def row_mb(self, cell: Cell) -> float:
        """Return what a row holds of all images at once, in 10⁶ bytes; known after `features`.

        Features, what preprocessing makes of them, and what it makes of them for a fold of selection; classifiers may
        need more.
        """
        X = self._scores if cell.classifier.name == OWN_HEAD else self._X
        assert X is not None
        times = 1 + (cell.preprocess != "none") + (cell.selection != "none")
        n = self._copies * len(self._data.train) + len(self._data.test_labels)
        return float(times * n * X.shape[1] * X.itemsize / 1e6)

    @property
    def held_mb(self) -> float:
        """What the probe itself holds of features, in 10⁶ bytes."""
        return sum(X.nbytes for X in (self._X, self._scores) if X is not None) / 1e6

    def features(self) -> Cost:
        """Reckon what it takes to fit the extractor and to apply it to all images."""
        n_train, n_test = len(self._data.train), len(self._data.test_labels)
        shape = image_shape(self._data.train.images)

        def work(n: int) -> float:
            return self._extractor.fit_images(n, shape)

        with contextlib.suppress(Exception):  # what is wrong shows again
            self._quiet({"fit": self._fit, "transform": self._transform}, _WARMUP, _WARMUP, 0.0)
        fitting = self._quiet({"fit": self._fit}, _FIRST, n_train, _FEATURES_S, work)["fit"]
        first = _few(self._data, self._cell.selection)
        stages: dict[str, Callable[[int], object]] = {"transform": self._transform}
        if isinstance(self._extractor, OwnHead):
            stages["score"] = self._score
        making = self._quiet(stages, first, self._most(first), _FEATURES_S)

        def train(n: float) -> float:
            return sum(stage.at(self._copies * n) for stage in making.values())

        test = sum(stage.at(n_test) for stage in making.values())
        seconds = features_cost(fitting, train, test, self._cell, self._data, self._rule, work)
        fitted_on = n_train if fitting.largest >= work(n_train) else round(fitting.largest)
        return Cost(seconds, _told(min(fitted_on, len(self._rows)), n_train))

    def row(self, cell: Cell) -> Cost:
        """Reckon what selection, the fit and labelling the test images take; after `features`.

        Raises
        ------
        Skipped
            The cell wants the extractor's own classifier, and there is none.
        """
        X = self._scores if cell.classifier.name == OWN_HEAD else self._X
        if X is None:
            raise headless(cell)
        stages = _Stages(cell, X, self._data, self._rows)
        if cell.classifier.name not in self._warm:
            self._quiet(stages.named(), stages.least, stages.least, 0.0)
            self._warm.add(cell.classifier.name)
        by = self._quiet(stages.named(), stages.least, len(X), _ROW_S, fixed_s=_FIXED_S)
        n_train, n_test = self._copies * len(self._data.train), len(self._data.test_labels)
        seconds = by["search"].at(n_train)
        if cell.strategy is not None and cell.strategy.seconds:
            seconds = cell.strategy.seconds  # a search with a clock takes what it is given
        seconds += by["prepare"].at(n_train) + repeated(by["fit"].at(n_train), self._rule)
        seconds += repeated(n_test * by["label"].at(n_train) / n_train, self._rule)
        return Cost(seconds, _told(round(by["fit"].largest), n_train))

    def _fit(self, n: int) -> None:
        images, rows = self._data.train.images, self._drawn(n)
        self._fitted = clone(self._extractor).fit(take(images, rows), self._data.train.labels[rows])

    def _transform(self, n: int) -> None:
        self._rows = self._drawn(n)
        self._X = self._fitted.transform(take(self._data.train.images, self._rows))

    def _score(self, n: int) -> None:
        rows = self._drawn(n)
        self._scores = ScoresOf.fitted(self._fitted).transform(take(self._data.train.images, rows))

    def _drawn(self, n: int) -> Indices:
        # Of groups a part will do, which folds keep together; whole ones would be few.
        return nested_rows(self._data.train.labels, None, n, self._cell.seed)

    def _most(self, least: int) -> int:
        """Return how many images' features may lie in memory."""
        width: int = int(self._fitted.n_features_out_) * self._fitted.feature_dtype.itemsize
        return min(len(self._data.train), max(least, _ROOM // width))

    def _quiet(
        self,
        stages: Mapping[str, Callable[[int], object]],
        first: int,
        most: int,
        limit_s: float,
        work: Callable[[int], float] = float,
        fixed_s: float = 0.0,
    ) -> dict[str, Growth]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that few images are few is no news
            return grow(stages, first, most, limit_s, work, self._clock, fixed_s)


class _Stages:
    """What comes after an extractor, on any number of its rows, phase by phase."""

    def __init__(self, cell: Cell, X: FeatureMatrix, data: SealedDataset, rows: Indices) -> None:
        self._cell, self._X, self._y = cell, X, data.train.labels[rows]
        self._groups = None if data.train.groups is None else data.train.groups[rows]
        self._selection = _share(cell.selection, len(data.train))
        self._classifier, self._preprocess = (
            cell.classifier.build(cell.seed),
            make_preprocess(cell.preprocess),
        )
        self.least = min(len(X), _few(data, cell.selection))
        # What a search with a clock takes is known; one of its candidates will do for what comes after.
        timed = cell.strategy is not None and cell.strategy.seconds
        self._candidates = (middle(cell.candidates),) if timed else cell.candidates

    def named(self) -> dict[str, Callable[[int], object]]:
        """Return the phases in their order; each needs those before it on as many rows."""
        return {"search": self._search, "prepare": self._prepare, "fit": self._fit, "label": self._label}

    def _search(self, n: int) -> None:
        self._few = nested_rows(self._y, None, n, self._cell.seed)
        groups = None if self._groups is None else self._groups[self._few]
        X, y, seed = self._X[self._few], self._y[self._few], self._cell.seed
        folds = make_folds(y, groups, self._selection, seed)
        search = self._candidates, self._preprocess, self._cell.strategy, seed
        found = select(clone(self._classifier), X, y, folds, *search)
        self._model = clone(self._classifier).set_params(**found.selected.parameters)

    def _prepare(self, _: int) -> None:
        self._prepared: AnyArray = clone(self._preprocess).fit_transform(self._X[self._few])

    def _fit(self, _: int) -> None:
        self._model.fit(self._prepared, self._y[self._few])

    def _label(self, _: int) -> None:
        self._model.predict(self._prepared)


def _few(data: SealedDataset, selection: Selection) -> int:
    """Return as many images as a few folds can be drawn from."""
    n_folds = selection.folds if isinstance(selection, Folds) else 2
    return min(len(data.train), max(_FIRST_ROWS, 2 * n_folds * len(np.unique(data.train.labels))))


def _share(selection: Selection, n: int) -> Selection:
    """Return a selection that fits a sample as it fits `n` images."""
    if isinstance(selection, Holdout) and selection.holdout >= 1:
        return selection.model_copy(update={"holdout": min(0.5, selection.holdout / n)})
    return selection


def _told(n: int, of: int) -> str:
    return f"a probe of {'all ' if n >= of else ''}{n:,} images"
