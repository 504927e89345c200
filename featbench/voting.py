"""Rows that vote: what each member of an ensemble says of every image, and the row that their mean makes.

A member is a row that is done. It is fitted again here, with the hyperparameters that its own selection chose: on every
fold, so that the ensemble is validated on images that no member has learned from, and on all training
images, where it must label the test images as its row did. Test labels are opened for the ensemble alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from featbench.base import Classifier
from featbench.classifiers.votes import deviation_of, votes_of
from featbench.config import Cell, EnsembleCell
from featbench.errors import StoreError
from featbench.evaluation import Evaluated, Prediction, identity, judge, train_sample
from featbench.pace import throughput
from featbench.preprocessing import make_preprocess
from featbench.sealed import SealedDataset, Selected
from featbench.stages import Features
from featbench.stats import top_k
from featbench.timing import Memory, PeakMemory, Timing, measure
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Member", "Votes", "cast_votes", "evaluate_ensemble"]

# What members with the same extractor, and with the same extractor and preprocessing, would do once.
_OF_EXTRACTOR = ("warmup_extractor", "fit_extractor", "transform_train", "transform_test")
_OF_PREPROCESSING = ("preprocess", "preprocess_test")


@dataclass(frozen=True, eq=False)
class Votes:
    """What one member says; rows add up to 1.

    Attributes
    ----------
    folds : ndarray of int64, (n_train,)
        Which fold judged a training image; −1 where none did.
    judged : ndarray of float64, (n_train, n_classes)
        Said of it by the fit that has not seen it; zeros where no fold judged.
    train : ndarray of float64, (n_sampled, n_classes)
        Of the training images of `featbench.evaluation.train_sample`.
    test : ndarray of float64, (n_test, n_classes)
    timing : Timing
        Of the fits on the folds.
    """

    folds: Labels
    judged: Float64Array
    train: Float64Array
    test: Float64Array
    timing: Timing


@dataclass(frozen=True)
class Member:
    """A row that votes: what was asked, what is stored of it, and its votes."""

    cell: Cell
    record: Mapping[str, Any]
    votes: Votes


def cast_votes(
    cell: Cell,
    data: SealedDataset,
    features: Features,
    record: Mapping[str, Any],
    predictions: AnyArray | None,
    vote: str,
) -> Votes:
    """Fit a row's pipeline again, on every fold and on all training images, and let it vote.

    Parameters
    ----------
    cell : Cell
    data : SealedDataset
        Its test labels stay sealed.
    features : Features
        Of the cell's extractor on this data.
    record : mapping
        The cell's, done.
    predictions : ndarray of int64, (n_test,), or None
        Of the test images, as the cell's row has them.
    vote : {"soft", "hard"}

    Returns
    -------
    Votes

    Raises
    ------
    StoreError
        The pipeline does not label the test images as its row did.
    """
    ballot = _Ballot(cell, record["selection"]["parameters"], len(data.classes), vote)
    n_train = len(data.train)
    folds = np.full(n_train, -1, dtype=np.int64)
    judged = np.zeros((n_train, len(data.classes)))

    def validate() -> None:
        X, y = features.selection_rows, features.selection_labels
        for number, (fold, images) in enumerate(zip(features.folds, features.judged, strict=True)):
            folds[images] = number
            ballot.fit(X[fold.train], y[fold.train])
            judged[images] = ballot.votes(X[fold.validation])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the row's own fits have warned
        _, timing = measure(validate)
        ballot.fit(features.train, features.labels)
        train = ballot.votes(features.train[train_sample(n_train, cell.seed)])
        test = ballot.votes(features.test)
        labels = ballot.labels(features.test)
    if predictions is None or not np.array_equal(labels, predictions):
        raise StoreError(
            f"{cell.label}: fitted again, it labels test images otherwise than its row did. Run with --force."
        )
    return Votes(folds, judged, train, test, timing)


class _Ballot:
    """Preprocessing and classifier of a row, with the hyperparameters that its selection chose."""

    def __init__(self, cell: Cell, parameters: Mapping[str, Any], n_classes: int, vote: str) -> None:
        self._unfitted: Classifier = cell.classifier.build(cell.seed).set_params(**parameters)
        self._preprocess, self._n_classes, self._vote = make_preprocess(cell.preprocess), n_classes, vote

    def fit(self, X: AnyArray, y: Labels) -> None:
        rows = self._preprocess.fit_transform(X)
        self._classifier = clone(self._unfitted).fit(rows, y)
        self._deviation = deviation_of(self._classifier, rows)

    def votes(self, X: AnyArray) -> Float64Array:
        """Return votes for all classes of the data set, those that the fit has not seen getting none."""
        votes = np.zeros((len(X), self._n_classes))
        rows = self._preprocess.transform(X)
        votes[:, self._classifier.classes_] = votes_of(self._classifier, rows, self._vote, self._deviation)
        return votes

    def labels(self, X: AnyArray) -> AnyArray:
        return np.asarray(self._classifier.predict(self._preprocess.transform(X)))


def evaluate_ensemble(
    cell: EnsembleCell, data: SealedDataset, members: Sequence[Member], enter: Callable[[], None]
) -> Evaluated:
    """Average what members say, and judge it.

    Parameters
    ----------
    cell : EnsembleCell
    data : SealedDataset
    members : sequence of Member
        Those that vote; their hyperparameters, and of the best of all rows which they are, have been chosen
        without the test labels.
    enter : callable
        Writes the opening of the test labels into the ledger.

    Returns
    -------
    Evaluated
        Its times are sums of the members', as docs/results.md tells them; what members share counts once.
    """
    peak = PeakMemory()
    validated = _validated(members, data.train.labels)
    chosen = {} if cell.ensemble.best is None else {"members": "; ".join(m.cell.label for m in members)}
    selected = Selected(chosen)
    mean = np.mean([member.votes.test for member in members], axis=0)
    refitted = selected.refit(lambda _: np.argmax(mean, axis=1))
    sampled = data.train.labels[train_sample(len(data.train), cell.seed)]
    on_train = np.argmax(np.sum([member.votes.train for member in members], axis=0), axis=1)
    records = [member.record for member in members]
    phases = _phases(members)
    record = {
        **identity(cell, data),
        **EnsembleCell(cell.ensemble, tuple(member.cell for member in members)).columns(),
        "dim": _once(members, lambda member: member.record["dim"]),
        "selection": _selection(members, chosen, validated),
        "val_accuracy": float(np.mean(validated)) if validated else None,
        "train_accuracy": float(np.mean(on_train == sampled)),
        "phases": {name: timing.to_json() for name, timing in phases.items()},
        **_speed(records, len(data.test_labels), phases),
        **Memory.most([peak.memory(), *map(Memory.from_json, records)]).to_json(),
        "warnings": [],
    }
    top5 = top_k(mean, 5) if len(data.classes) > 5 else None
    return judge(Prediction(record, refitted, top5), data, enter)


def _selection(
    members: Sequence[Member], chosen: Mapping[str, Any], validated: Sequence[float]
) -> dict[str, Any]:
    """Return what a record tells of selection: the one candidate, its accuracy on each fold, and the members."""
    records = [member.record for member in members]
    return {
        "candidates": [chosen],
        "scores": [validated],
        "chosen": 0,
        "parameters": chosen,
        "members": [{"cell_id": r["cell_id"], "label": r["label"]} for r in records],
        "folds": len(validated),
        "shared_fit": any(r["selection"]["shared_fit"] for r in records),
        "uses_labels": any(r["selection"]["uses_labels"] for r in records),
    }


def _validated(members: Sequence[Member], labels: Labels) -> list[float]:
    """Return the accuracy on each fold; where members had other folds, on the images that all were judged on."""
    folds = members[0].votes.folds
    if any(not np.array_equal(member.votes.folds, folds) for member in members):
        common = np.all([member.votes.folds >= 0 for member in members], axis=0)
        folds = np.where(common, 0, -1)
    predicted = np.argmax(np.sum([member.votes.judged for member in members], axis=0), axis=1)
    right = predicted == labels
    return [float(np.mean(right[folds == fold])) for fold in np.unique(folds[folds >= 0])]


def _once(members: Sequence[Member], of: Callable[[Member], float], phase: str = "fit_extractor") -> float:
    """Add up what members give, once for those that share the phase."""
    seconds: dict[Any, float] = {}
    for member in members:
        features = member.cell.extractor.label if member.cell.extractor else ""
        key: tuple[str, ...] = (features, member.cell.preprocess, member.cell.cell_id)
        if phase in _OF_EXTRACTOR:
            key = key[:1]
        elif phase in _OF_PREPROCESSING:
            key = key[:2]
        seconds.setdefault(key, of(member))
    return sum(seconds.values())


def _phases(members: Sequence[Member]) -> dict[str, Timing]:
    """Return the members' times, added up; they are measurements of the members' rows, so shared."""
    names = dict.fromkeys(name for member in members for name in member.record["phases"] if name != "load")

    def seconds(name: str) -> float:
        return _once(members, lambda m: m.record["phases"].get(name, {"seconds": 0.0})["seconds"], name)

    def cached(name: str) -> bool:
        return any(m.record["phases"].get(name, {}).get("cached", False) for m in members)

    phases = {name: Timing([seconds(name)], shared=True, cached=cached(name)) for name in names}
    if "search" in phases:
        own = sum(member.votes.timing.seconds for member in members)
        phases["search"] = Timing([phases["search"].seconds + own])
    return phases


def _speed(
    records: Sequence[Mapping[str, Any]], n_test: int, phases: Mapping[str, Timing]
) -> dict[str, float]:
    return {
        "images_per_s": throughput(n_test, phases),
        "latency_ms_p50": sum(r["latency_ms_p50"] for r in records),
        "latency_ms_p95": sum(r["latency_ms_p95"] for r in records),
        "latency_n": min(r["latency_n"] for r in records),
    }
