"""One cell: selection, refit, predictions, and then the test labels.

The order is that of the code below and no other is possible: the labels are behind
`featbench.sealed.SealedLabels`, which opens only for predictions of a refitted pipeline.
"""

from __future__ import annotations

import contextlib
import datetime
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone

from featbench.base import Classifier
from featbench.config import Cell
from featbench.images import chunks, take
from featbench.preprocessing import make_preprocess
from featbench.sealed import SealedDataset
from featbench.selection import Outcome, select
from featbench.stages import Features
from featbench.stats import score, top_k_accuracy
from featbench.timing import Latency, PeakMemory, Timing, latency, measure
from featbench.types import AnyArray, FeatureMatrix, Labels

__all__ = ["Evaluated", "evaluate"]

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
        ``predictions`` and ``truth`` of the test images.
    """

    record: dict[str, Any]
    arrays: dict[str, AnyArray]


@dataclass
class _Pipeline:
    """The fitted parts behind the extractor, with their clocks."""

    preprocess: Any
    classifier: Classifier
    train: FeatureMatrix
    test: FeatureMatrix
    phases: dict[str, Timing] = field(default_factory=dict)

    def predict(self, features: FeatureMatrix) -> Labels:
        return np.asarray(self.classifier.predict(self.preprocess.transform(features)))


def evaluate(
    cell: Cell, data: SealedDataset, features: Features, repeats: int, enter: Callable[[], None]
) -> Evaluated:
    """Run one cell.

    Parameters
    ----------
    cell : Cell
    data : SealedDataset
    features : Features
        Of the cell's extractor on this data.
    repeats : int
        Samples of each phase's clock at the most.
    enter : callable
        Writes the opening of the test labels into the ledger.

    Returns
    -------
    Evaluated
    """
    started = time.perf_counter()
    peak = PeakMemory()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        unfitted: Classifier = cell.classifier.build(cell.seed)
        unprepared = make_preprocess(cell.preprocess)
        warmup = _warm_up(unfitted, unprepared, features.train, data.train.labels)
        outcome, search = measure(
            lambda: select(
                unfitted,
                features.selection_rows,
                features.selection_labels,
                features.folds,
                cell.candidates,
                unprepared,
            )
        )
        box: list[_Pipeline] = []

        def refit(parameters: Mapping[str, Any]) -> Labels:
            chosen = unfitted.set_params(**parameters)
            box.append(_fit(chosen, unprepared, features, data.train.labels, repeats))
            predictions, box[0].phases["predict"] = measure(
                lambda: np.asarray(box[0].classifier.predict(box[0].test)), repeats
            )
            return predictions

        refitted = outcome.selected.refit(refit)
        pipeline = box[0]
        rank = _ranking(pipeline.classifier, pipeline.test)
        train_score = _train_score(pipeline, data.train.labels, cell.seed)
        delay = _latency(features, pipeline, data)
        truth = data.test_labels.open(refitted, enter)
    scores = score(truth, refitted.predictions, len(data.classes), data.test_groups)
    phases = {**features.phases, **pipeline.phases}
    if features.folds:
        phases["search"] = search
    phases["warmup"] = Timing(
        [warmup.seconds + sum(t.seconds for k, t in features.phases.items() if k == "warmup")]
    )
    record = {
        **_described(cell, data, features, outcome, scores),
        "train_accuracy": train_score,
        "top5_accuracy": None if rank is None else _top5(truth, rank, pipeline.classifier),
        "phases": {name: timing.to_json() for name, timing in phases.items()},
        **_speed(len(truth), phases, delay),
        "peak_rss_mb": max(features.peak_mb, peak.megabytes()),
        "peak_exact": peak.exact,
        "optimum": getattr(pipeline.classifier, "optimum_", None),
        "warnings": list(
            dict.fromkeys([*features.warnings, *outcome.warnings, *(str(w.message) for w in caught)])
        ),
        "cell_s": time.perf_counter() - started,
    }
    return Evaluated(record, {"predictions": refitted.predictions, "truth": truth})


def _warm_up(classifier: Classifier, preprocess: Any, X: FeatureMatrix, y: Labels) -> Timing:
    """Compile what the classifier compiles, on a few rows; faults show again in the real fit."""
    rows = np.random.default_rng(0).permutation(len(y))[:_WARMUP_ROWS]

    def phase() -> None:
        with contextlib.suppress(Exception):
            few = clone(preprocess).fit_transform(X[rows])
            clone(classifier).fit(few, y[rows]).predict(few[:2])

    return measure(phase)[1]


def _fit(classifier: Classifier, preprocess: Any, features: Features, y: Labels, repeats: int) -> _Pipeline:
    phases: dict[str, Timing] = {}
    prepared = clone(preprocess)
    train, phases["preprocess"] = measure(lambda: prepared.fit_transform(features.train))
    test, phases["preprocess_test"] = measure(lambda: prepared.transform(features.test), repeats)
    fresh = iter([clone(classifier) for _ in range(repeats)])
    fitted, phases["fit"] = measure(lambda: next(fresh).fit(train, y), repeats)
    return _Pipeline(prepared, fitted, train, test, phases)


def _train_score(pipeline: _Pipeline, y: Labels, seed: int) -> float:
    rows = np.random.default_rng(seed).permutation(len(y))[:_TRAIN_SCORED]
    return float(np.mean(pipeline.classifier.predict(pipeline.train[rows]) == y[rows]))


def _ranking(classifier: Classifier, X: FeatureMatrix) -> AnyArray | None:
    """Return a score for each class where there are more than five classes to rank."""
    if len(classifier.classes_) <= 5:
        return None
    for method in ("decision_function", "predict_proba"):
        if hasattr(classifier, method):
            return np.asarray(getattr(classifier, method)(X))
    return None


def _top5(truth: Labels, scores: AnyArray, classifier: Classifier) -> float:
    columns = {int(label): column for column, label in enumerate(classifier.classes_)}
    return top_k_accuracy(np.array([columns.get(int(label), -1) for label in truth]), scores)


def _latency(features: Features, pipeline: _Pipeline, data: SealedDataset) -> Latency | None:
    extractor = features.extractor
    if extractor is None:
        return None
    few = np.arange(min(200, len(data.test_labels)), dtype=np.int64)
    images = np.concatenate(list(chunks(take(data.test_images, few), len(few))))
    return latency(lambda i: pipeline.predict(extractor.transform(images[i : i + 1])), len(images))


def _speed(n_test: int, phases: Mapping[str, Timing], delay: Latency | None) -> dict[str, Any]:
    if delay is None:
        return {"images_per_s": None, "latency_ms_p50": None, "latency_ms_p95": None}
    seconds = sum(phases[name].seconds for name in ("transform_test", "preprocess_test", "predict"))
    return {
        "images_per_s": n_test / seconds,
        "latency_ms_p50": delay.p50_ms,
        "latency_ms_p95": delay.p95_ms,
        "latency_n": delay.n,
    }


def _described(
    cell: Cell, data: SealedDataset, features: Features, outcome: Outcome, scores: Mapping[str, Any]
) -> dict[str, Any]:
    n_train = len(data.train)
    shared_fit = (
        bool(features.folds) and features.extractor is not None and not features.extractor.uses_labels
    )
    return {
        **identity(cell, data),
        "status": "ok",
        "n_train": n_train,
        "train_size": n_train,
        "n_test": len(data.test_labels),
        "dim": None if features.extractor is None else int(features.train.shape[1]),
        "selection": {
            **outcome.to_json(),
            "folds": len(features.folds),
            "shared_fit": shared_fit,
            "uses_labels": bool(features.extractor is not None and features.extractor.uses_labels),
        },
        "val_accuracy": outcome.accuracy,
        "test_accuracy": scores["accuracy"],
        "test_low": scores["low"],
        "test_high": scores["high"],
        "scores": {k: v for k, v in scores.items() if k not in ("accuracy", "low", "high")},
    }


def identity(cell: Cell, data: SealedDataset) -> dict[str, Any]:
    """Return what names a cell, whatever becomes of it."""
    return {
        "cell_id": cell.cell_id,
        "label": cell.label,
        "dataset": data.name,
        "split": cell.split,
        "seed": cell.seed,
        "extractor": cell.extractor.label if cell.extractor else "",
        "preprocess": cell.preprocess,
        "classifier": cell.classifier.label,
        "spec": cell.spec(),
        "data": dict(data.summary),
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
