"""One cell: selection, refit, predictions, and then the test labels.

The order is that of the code below and no other is possible: the labels are behind
`featbench.sealed.SealedLabels`, which opens only for predictions of a refitted pipeline.
"""

from __future__ import annotations

import contextlib
import datetime
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from featbench.base import Classifier
from featbench.config import Cell, EnsembleCell
from featbench.images import chunks, take
from featbench.preprocessing import make_preprocess
from featbench.sealed import Refitted, SealedDataset
from featbench.selection import Outcome, select
from featbench.stages import Features
from featbench.stats import score, top_k
from featbench.timing import (
    Latency,
    Memory,
    PeakMemory,
    Phase,
    Repeats,
    Timing,
    latency,
    measure,
    measure_in_turn,
)
from featbench.timing.rates import BATCHES, placed
from featbench.types import AnyArray, FeatureMatrix, ImageArray, Indices, Labels

__all__ = ["Evaluated", "Prediction", "identity", "judge", "predict", "throughput", "train_sample"]

_TRAIN_SCORED = 10_000  # training accuracy is told on so many images at the most, drawn by the seed
_WARMUP_ROWS = 512


@dataclass
class Evaluated:
    """A cell's outcome: what the store keeps.

    Attributes
    ----------
    record : dict
        In JSON's types.
    arrays : dict of str to ndarray
        ``predictions`` and ``truth`` of the test images, and ``groups`` where they come in groups.
    """

    record: dict[str, Any]
    arrays: dict[str, AnyArray]


@dataclass
class Prediction:
    """A cell that waits to be judged: all that is told of it but how right it was.

    Attributes
    ----------
    record : dict
        In JSON's types, without scores.
    refitted : Refitted
        The test images' predictions.
    top5 : ndarray of int64, (n_test, 5), or None
        The likeliest classes, the likeliest first, where the classifier ranks more than five.
    """

    record: dict[str, Any]
    refitted: Refitted
    top5: Labels | None


class _Pipeline:
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


def predict(cell: Cell, data: SealedDataset, features: Features, repeats: Repeats) -> Prediction:
    """Select, refit on all training images and predict the test images; their labels stay sealed.

    Parameters
    ----------
    cell : Cell
    data : SealedDataset
    features : Features
        Of the cell's extractor on this data.
    repeats : Repeats
        When a phase has been measured often enough.

    Returns
    -------
    Prediction
    """
    with PeakMemory() as peak, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipeline = _Pipeline(cell, features, repeats)
        pipeline.warm_up()
        outcome = pipeline.select(cell)
        refitted = outcome.selected.refit(pipeline.refit)
        top5 = _top5(pipeline.classifier, pipeline.test)
        train_accuracy = _train_accuracy(pipeline, cell.seed)
        delay = _latency(pipeline, data)
        runs_on = _runs_on(features, data)
    phases = {**features.phases, **pipeline.phases}
    said = [*features.warnings, *outcome.warnings, *(str(w.message) for w in caught)]
    if pipeline.said_in_selection:
        # What was not chosen is nobody's worry; what was is fitted again, and says so itself.
        said.append(
            "some fits during selection ended before their optimum or warned; the cell's file says which"
        )
    record = {
        **_described(cell, data, features, outcome),
        "train_accuracy": train_accuracy,
        "phases": {name: timing.to_json() for name, timing in phases.items()},
        **_speed(len(data.test_labels), phases, delay),
        **({"runs_on": runs_on} if runs_on else {}),
        **Memory.most([features.memory, peak.memory()]).to_json(),
        "selection_warnings": pipeline.said_in_selection,
        "optimum": getattr(pipeline.classifier, "optimum_", None),
        "warnings": list(dict.fromkeys(said)),
        "cache": features.cache,
    }
    return Prediction(record, refitted, top5)


def judge(prediction: Prediction, data: SealedDataset, enter: Callable[[], None]) -> Evaluated:
    """Open the test labels and score predictions; where labels stay closed, say of how many images they are.

    Parameters
    ----------
    prediction : Prediction
    data : SealedDataset
    enter : callable
        Writes the opening of the test labels into the ledger.

    Returns
    -------
    Evaluated
    """
    predictions, top5 = prediction.refitted.predictions, prediction.top5
    told = {
        **prediction.record,
        "status": "ok",
        "n_train": len(data.train),
        "n_test": len(data.test_labels),
    }
    if data.test_labels.closed:
        return Evaluated(told, {"predictions": predictions})
    truth = data.test_labels.open(prediction.refitted, enter)
    scores = score(truth, predictions, len(data.classes), data.test_groups)
    among = None if top5 is None else float(np.mean((top5 == truth[:, None]).any(axis=1)))
    record = {
        **told,
        "test_accuracy": scores.pop("accuracy"),
        "test_low": scores.pop("low"),
        "test_high": scores.pop("high"),
        "scores": scores,
        "top5_accuracy": among,
    }
    # Which images belong together: rows are compared by it later on.
    groups = {} if data.test_groups is None else {"groups": data.test_groups}
    return Evaluated(record, {"predictions": predictions, "truth": truth, **groups})


def train_sample(n: int, seed: int) -> Indices:
    """Return the training rows, of `n`, that training accuracy is told on."""
    return np.random.default_rng(seed).permutation(n)[:_TRAIN_SCORED]


def _train_accuracy(pipeline: _Pipeline, seed: int) -> float:
    rows = train_sample(len(pipeline.labels), seed)
    return float(np.mean(pipeline.classifier.predict(pipeline.train[rows]) == pipeline.labels[rows]))


def _top5(classifier: Classifier, X: FeatureMatrix) -> Labels | None:
    """Return the five likeliest classes where there are more than five to rank."""
    if len(classifier.classes_) <= 5:
        return None
    for method in ("decision_function", "predict_proba"):
        if hasattr(classifier, method):
            scores = np.asarray(getattr(classifier, method)(X))
            return np.asarray(classifier.classes_)[top_k(scores, 5)]
    return None


def _latency(pipeline: _Pipeline, data: SealedDataset) -> Latency | None:
    if pipeline.features.extractor is None:
        return None
    images = _first_test_images(data, 200)
    return latency(lambda i: pipeline.label_one(images[i : i + 1]), len(images))


def _runs_on(features: Features, data: SealedDataset) -> dict[str, Any] | None:
    """Return where a network or a GPU makes the features, and how fast; None of other extractors."""
    extractor = features.extractor
    if extractor is None or extractor.placement() is None:
        return None
    return placed(extractor, _first_test_images(data, max(BATCHES)))


def _first_test_images(data: SealedDataset, most: int) -> ImageArray:
    few = np.arange(min(most, len(data.test_labels)), dtype=np.int64)
    return np.concatenate(list(chunks(take(data.test_images, few), len(few))))


def _speed(n_test: int, phases: Mapping[str, Timing], delay: Latency | None) -> dict[str, Any]:
    if delay is None:
        return {"images_per_s": None, "latency_ms_p50": None, "latency_ms_p95": None}
    return {
        "images_per_s": throughput(n_test, phases),
        "latency_ms_p50": delay.p50_ms,
        "latency_ms_p95": delay.p95_ms,
        "latency_n": delay.n,
    }


def throughput(n_test: int, phases: Mapping[str, Timing]) -> float:
    """Return how many test images a second go from pixels to label, in one batch."""
    return n_test / sum(phases[name].seconds for name in ("transform_test", "preprocess_test", "predict"))


def _described(cell: Cell, data: SealedDataset, features: Features, outcome: Outcome) -> dict[str, Any]:
    shared_fit = (
        bool(features.folds) and features.extractor is not None and not features.extractor.uses_labels
    )
    return {
        **identity(cell, data),
        "dim": None if features.extractor is None else int(features.train.shape[1]),
        "selection": {
            **outcome.to_json(),
            "folds": len(features.folds),
            "shared_fit": shared_fit,
            "uses_labels": bool(features.extractor is not None and features.extractor.uses_labels),
        },
        "val_accuracy": outcome.accuracy,
    }


def identity(cell: Cell | EnsembleCell, data: SealedDataset) -> dict[str, Any]:
    """Return what names a cell, whatever becomes of it."""
    return {
        "cell_id": cell.cell_id,
        "label": cell.label,
        "pipeline": cell.pipeline,
        "dataset": data.name,
        "split": cell.split,
        "seed": cell.seed,
        # What was asked for, and whether that was drawn from more; groups that stay whole may make it fewer.
        "train_size": cell.train_size or len(data.train),
        "drawn": cell.train_size is not None,
        **cell.columns(),
        "spec": cell.spec(),
        "data": dict(data.summary),
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
