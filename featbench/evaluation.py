"""One cell: selection, refit, predictions, and then the test labels.

The order is that of the code below and no other is possible: the labels are behind
`featbench.sealed.SealedLabels`, which opens only for predictions of a refitted pipeline.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from featbench.config import Cell, EnsembleCell
from featbench.evidence import NOTHING, Witness
from featbench.evidence.confidence import Scores
from featbench.learned import loss_curve, model_size
from featbench.pace import latency_of, placement_of, speed
from featbench.pipeline import RowPipeline
from featbench.sealed import Refitted, SealedDataset
from featbench.selection import Outcome
from featbench.stages import Features
from featbench.stats import score, top_k
from featbench.timing import (
    Memory,
    PeakMemory,
    Repeats,
)
from featbench.types import AnyArray, Indices, Labels

__all__ = ["Evaluated", "Prediction", "identity", "judge", "predict", "train_sample"]

_TRAIN_SCORED = 10_000  # training accuracy is told on so many images at the most, drawn by the seed


@dataclass
class Evaluated:
    """A cell's outcome: what the store keeps.

    Attributes
    ----------
    record : dict
        In JSON's types.
    arrays : dict of str to ndarray
        ``predictions`` and ``truth`` of the test images, ``groups`` where they come in groups, and ``evidence.…``.
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
    evidence : dict of str to ndarray
        For the report, by name; made without test labels.
    """

    record: dict[str, Any]
    refitted: Refitted
    top5: Labels | None
    evidence: dict[str, AnyArray] = field(default_factory=dict)


def predict(
    cell: Cell, data: SealedDataset, features: Features, repeats: Repeats, witness: Witness | None = None
) -> Prediction:
    """Select, refit on all training images and predict the test images; their labels stay sealed.

    Parameters
    ----------
    cell : Cell
    data : SealedDataset
    features : Features
        Of the cell's extractor on this data.
    repeats : Repeats
        When a phase has been measured often enough.
    witness : Witness, optional
        Makes the row's evidence, after the last clock.

    Returns
    -------
    Prediction
    """
    with PeakMemory() as peak, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipeline = RowPipeline(cell, features, repeats)
        pipeline.warm_up()
        outcome = pipeline.select(cell)
        refitted = outcome.selected.refit(pipeline.refit)
        scores = Scores(pipeline.classifier, pipeline.test)
        top5 = _top5(scores)
        train_accuracy = _train_accuracy(pipeline, cell.seed)
        delay = latency_of(features.extractor, pipeline.label_one, data)
        runs_on = placement_of(features.extractor, data)
    phases = {**features.phases, **pipeline.phases}
    told = speed(len(data.test_labels), phases, delay)
    seen = NOTHING
    if witness is not None:
        seen = witness.look(pipeline.fitted(cell, refitted.predictions, scores))
    said = [
        *features.warnings,
        *outcome.warnings,
        *(str(w.message) for w in caught),
        *seen.warnings,
    ]
    if pipeline.said_in_selection:
        # What was not chosen is nobody's worry; what was is fitted again, and says so itself.
        said.append(
            "some fits during selection ended before their optimum or warned; the cell's file says which"
        )
    record = {
        **_described(cell, data, features, outcome),
        **_learned(pipeline, features),
        "train_accuracy": train_accuracy,
        "phases": {name: timing.to_json() for name, timing in phases.items()},
        **told,
        **({"runs_on": runs_on} if runs_on else {}),
        **Memory.most([features.memory, peak.memory()]).to_json(),
        "selection_warnings": pipeline.said_in_selection,
        "optimum": getattr(pipeline.classifier, "optimum_", None),
        "warnings": list(dict.fromkeys(said)),
        "cache": features.cache,
        **({"evidence": seen.told} if seen.told else {}),
    }
    return Prediction(record, refitted, top5, seen.arrays)


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
    evidence = {f"evidence.{name}": array for name, array in prediction.evidence.items()}
    return Evaluated(record, {"predictions": predictions, "truth": truth, **groups, **evidence})


def train_sample(n: int, seed: int) -> Indices:
    """Return the training rows, of `n`, that training accuracy is told on."""
    return np.random.default_rng(seed).permutation(n)[:_TRAIN_SCORED]


def _train_accuracy(pipeline: RowPipeline, seed: int) -> float:
    rows = train_sample(len(pipeline.labels), seed)
    return float(np.mean(pipeline.classifier.predict(pipeline.train[rows]) == pipeline.labels[rows]))


def _top5(scores: Scores) -> Labels | None:
    """Return the five likeliest classes where there are more than five to rank."""
    if len(scores.classes) <= 5:
        return None
    found = scores.first("decision_function", "predict_proba")
    return None if found is None else scores.classes[top_k(found[1], 5)]


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


def _learned(pipeline: RowPipeline, features: Features) -> dict[str, Any]:
    """Return the loss over the final fit, where it is known, and the model's size; of chance and majority nothing."""
    if features.extractor is None:
        return {}
    curve = loss_curve(pipeline.classifier, features.extractor)
    return {
        **({"loss_curve": curve} if curve else {}),
        **model_size(features.extractor, pipeline.preprocess, pipeline.classifier),
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
