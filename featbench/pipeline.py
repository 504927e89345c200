"""What stands behind the extractor of a row: fitted and predicted with, a clock for each phase."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from featbench.base import Classifier
from featbench.config import Cell
from featbench.evidence import Pipeline as Fitted
from featbench.evidence.confidence import Scores
from featbench.preprocessing import make_preprocess
from featbench.selection import Outcome, select
from featbench.stages import Features
from featbench.timing import Phase, Repeats, Timing, measure, measure_in_turn
from featbench.types import ImageArray, Labels

__all__ = ["RowPipeline"]

_WARMUP_ROWS = 512


class RowPipeline:
    """What stands behind the extractor: fitted once, by `refit`, with a clock for each phase."""

    def __init__(self, cell: Cell, features: Features, repeats: Repeats) -> None:
        self.classifier: Classifier = cell.classifier.build(cell.seed)
        self.preprocess = make_preprocess(cell.preprocess)
        self.features, self.labels, self.repeats = features, features.labels, repeats
        self.phases: dict[str, Timing] = {}
        self.said_in_selection: list[str] = []

    def warm_up(self) -> None:
        """Compile what will be compiled, on a few rows; faults show again in the real fit."""
        rows = np.random.default_rng(0).permutation(len(self.labels))[:_WARMUP_ROWS]

        def phase() -> None:
            with contextlib.suppress(Exception), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                few = clone(self.preprocess).fit_transform(self.features.train[rows])
                clone(self.classifier).fit(few, self.labels[rows]).predict(few[:2])

        _, self.phases["warmup"] = measure(phase)

    def select(self, cell: Cell) -> Outcome:
        """Choose a cell's hyperparameters on the rows that selection may look at."""
        seen = self.features
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outcome, timing = measure(
                lambda: select(
                    self.classifier,
                    seen.selection_rows,
                    seen.selection_labels,
                    seen.folds,
                    cell.candidates,
                    self.preprocess,
                    cell.strategy,
                    cell.seed,
                )
            )
        self.said_in_selection = list(dict.fromkeys(str(w.message) for w in caught))
        if seen.folds:
            self.phases["search"] = timing
        return outcome

    def refit(self, parameters: Mapping[str, Any]) -> Labels:
        """Fit on all training rows and predict the test rows."""
        prepared, unfitted = self.preprocess, clone(self.classifier).set_params(**parameters)
        self.train, self.phases["preprocess"] = measure(lambda: prepared.fit_transform(self.features.train))
        in_turn: dict[str, Phase] = {
            "preprocess_test": lambda _: partial(prepared.transform, self.features.test),
            "fit": lambda _: partial(clone(unfitted).fit, self.train, self.labels),
            "predict": lambda made: partial(made["fit"].predict, made["preprocess_test"]),
        }
        made, timings = measure_in_turn(in_turn, self.repeats)
        self.test, self.classifier, predictions = (made[name] for name in in_turn)
        timings["fit"].cost = self.classifier.fit_cost(len(self.train), self.train.shape[1:])
        timings["predict"].cost = self.classifier.cost(len(self.test), self.test.shape[1:])
        self.phases |= timings
        return np.asarray(predictions)

    def label_one(self, images: ImageArray) -> Labels:
        """Label one image, from pixels on."""
        assert self.features.extractor is not None
        features = self.features.extractor.transform(images)
        return np.asarray(self.classifier.predict(self.preprocess.transform(features)))

    def fitted(self, cell: Cell, predictions: Labels, scores: Scores) -> Fitted:
        """Return what evidence is made of."""
        return Fitted(
            self.features.extractor,
            cell.preprocess,
            self.preprocess,
            self.classifier,
            self.train,
            self.test,
            scores,
            predictions,
        )
