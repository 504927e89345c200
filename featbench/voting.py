"""Rows that vote: what each member of an ensemble says of every image, and the row that their mean makes.

A member is a row that is done. It is fitted again here, with the hyperparameters that its own selection chose: on every
fold, so that the ensemble is validated on images that no member has learned from, and on all training
images, where it must label the test images as its row did. Test labels are opened for the ensemble alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from featbench.base import Classifier
from featbench.classifiers.votes import deviation_of, votes_of
from featbench.config import Cell, EnsembleCell
from featbench.errors import StoreError
from featbench.evaluation import Evaluated, Prediction, identity, judge, train_sample
from featbench.evidence.confidence import Kind
from featbench.members import Member, Votes, counted_once, phases_of, size_of, speed_of
from featbench.preprocessing import make_preprocess
from featbench.sealed import SealedDataset, Selected
from featbench.stages import Features
from featbench.stats import top_k
from featbench.timing import Memory, PeakMemory, measure
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["cast_votes", "evaluate_ensemble"]


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
    return Votes(folds, judged, train, test, timing, ballot.probable)


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

    @property
    def probable(self) -> bool:
        return self._vote == "soft" and hasattr(self._classifier, "predict_proba")

    def labels(self, X: AnyArray) -> AnyArray:
        return np.asarray(self._classifier.predict(self._preprocess.transform(X)))


def evaluate_ensemble(
    cell: EnsembleCell,
    data: SealedDataset,
    members: Sequence[Member],
    enter: Callable[[], None],
    *,
    evidence: bool = False,
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
    evidence : bool, optional
        Whether to keep how sure the members are together.

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
    phases = phases_of(members)
    record = {
        **identity(cell, data),
        **EnsembleCell(cell.ensemble, tuple(member.cell for member in members)).columns(),
        "dim": counted_once(members, lambda member: member.record["dim"]),
        "selection": _selection(members, chosen, validated),
        **size_of(members),
        "val_accuracy": float(np.mean(validated)) if validated else None,
        "train_accuracy": float(np.mean(on_train == sampled)),
        "phases": {name: timing.to_json() for name, timing in phases.items()},
        **speed_of(records, len(data.test_labels), phases),
        **Memory.most([peak.memory(), *map(Memory.from_json, records)]).to_json(),
        "warnings": [],
    }
    arrays = {}
    if evidence and not data.test_labels.closed and len(data.classes) > 1:
        kind, sure = _confidence(mean, probable=all(member.votes.probable for member in members))
        record["evidence"] = {"confidence": kind, "calibrated": False, "pictures": []}
        arrays["confidence"] = sure.astype(np.float32)
    top5 = top_k(mean, 5) if len(data.classes) > 5 else None
    return judge(Prediction(record, refitted, top5, arrays), data, enter)


def _confidence(mean: Float64Array, *, probable: bool) -> tuple[Kind, Float64Array]:
    """Return how sure members are together: of their mean the largest, or if no probability its lead on the next."""
    ranked = np.sort(mean, axis=1)
    return ("probability", ranked[:, -1]) if probable else ("margin", ranked[:, -1] - ranked[:, -2])


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
