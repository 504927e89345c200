"""Where pipelines fail, out of stored predictions: mistakes, images that all miss, agreement, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from featbench.store import Store
from featbench.types import AnyArray, Float64Array, Indices, Labels

__all__ = [
    "MISSED",
    "MISTAKES",
    "Bin",
    "Judged",
    "agreement",
    "calibration_error",
    "judged_rows",
    "missed_by_all",
    "mistakes",
    "reliability",
]

MISTAKES = 8
"""The most confident of each row whose images are kept and shown."""

MISSED = 24
"""Images that every row misses, of which as many are kept and shown."""

BINS = 10
"""Of a reliability curve, each as wide as the others."""


@dataclass(frozen=True, eq=False)
class Judged:
    """One row on the test images of one split.

    Attributes
    ----------
    record : mapping
    predictions, truth : ndarray of int64, (n,)
    confidence : ndarray of float32, (n,), or None
        Of the predictions; None where the classifier has no scores, or nothing was kept.
    kind : {"probability", "margin"} or None
        What `confidence` is, as the classifier gives it, not calibrated. Margins only rank.
    evidence : mapping of str to ndarray
        All that was kept; empty where nothing was.
    """

    record: Mapping[str, Any]
    predictions: Labels
    truth: Labels
    confidence: Any
    kind: str | None
    evidence: Mapping[str, AnyArray] = field(default_factory=dict)

    @property
    def right(self) -> Any:
        """Whether each image was labelled right, ``bool (n,)``."""
        return self.predictions == self.truth


@dataclass(frozen=True)
class Bin:
    """Predictions of about the same confidence.

    Attributes
    ----------
    low, high : float
        Confidences above the first, up to the second.
    n : int
    confidence, accuracy : float
        Means.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def judged_rows(store: Store, records: Sequence[Mapping[str, Any]]) -> list[Judged]:
    """Read the predictions of rows; those without labels to judge them by are left out.

    Parameters
    ----------
    store : Store
    records : sequence of mapping
        Finished cells.

    Returns
    -------
    list of Judged

    Raises
    ------
    StoreError
        A file is damaged.
    """
    rows = []
    for record in records:
        arrays = store.read_arrays(record)
        if "predictions" not in arrays or "truth" not in arrays:
            continue
        told = record.get("evidence") or {}
        evidence = store.read_evidence(record) if told else {}
        sure, kind = evidence.get("confidence"), told.get("confidence")
        rows.append(Judged(record, arrays["predictions"], arrays["truth"], sure, kind, evidence))
    return rows


def mistakes(row: Judged, most: int) -> Indices:
    """Return the images that a row got wrong, the most confident first, at most so many.

    Where no confidence is kept, they come in the order of the images.
    """
    wrong = np.flatnonzero(~row.right)
    if row.confidence is not None:
        wrong = wrong[np.argsort(-row.confidence[wrong], kind="stable")]
    return wrong[:most]


def missed_by_all(rows: Sequence[Judged]) -> Indices:
    """Return the images that no row of one split labels right; those that most agree on wrongly first.

    None of no rows. Rows of other images may not be among them.
    """
    if not rows:
        return np.empty(0, dtype=np.int64)
    missed = np.flatnonzero(~np.any([row.right for row in rows], axis=0))
    said = np.stack([row.predictions[missed] for row in rows])
    agreed = np.asarray([np.unique(said[:, i], return_counts=True)[1].max() for i in range(len(missed))])
    order: Indices = missed[np.argsort(-agreed, kind="stable")] if len(missed) else missed
    return order


def agreement(rows: Sequence[Judged]) -> tuple[Float64Array, Float64Array]:
    """Compare the answers of rows of one split, two by two.

    Parameters
    ----------
    rows : sequence of Judged

    Returns
    -------
    same : ndarray of float64, (rows, rows)
        Share of the images that both give the same label, right or wrong.
    both_wrong : ndarray of float64, (rows, rows)
        Share of the images that both get wrong, over that which either does; 1 where neither does: rows that err on
        the same images gain nothing by voting.
    """
    said = np.stack([row.predictions for row in rows])
    wrong = np.stack([~row.right for row in rows])
    same = (said[:, None] == said[None]).mean(axis=2)
    both = (wrong[:, None] & wrong[None]).sum(axis=2)
    either = (wrong[:, None] | wrong[None]).sum(axis=2)
    return same, np.where(either > 0, both / np.maximum(either, 1), 1.0)


def reliability(confidence: Any, right: Any, bins: int = BINS) -> list[Bin]:
    """Return how often predictions are right by how sure they are, which for calibrated probabilities is the same.

    Parameters
    ----------
    confidence : ndarray of float, (n,)
        Probabilities of the predicted classes, 0 to 1.
    right : ndarray of bool, (n,)
    bins : int, optional
        Equal parts of 0 to 1.

    Returns
    -------
    list of Bin
        Those that are not empty, ascending.
    """
    sure = np.asarray(confidence, dtype=np.float64)
    hit = np.asarray(right, dtype=np.float64)
    number = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    return [
        Bin(k / bins, (k + 1) / bins, int(here.sum()), float(sure[here].mean()), float(hit[here].mean()))
        for k in range(bins)
        if (here := number == k).any()
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the expected calibration error: the mean distance of confidence and accuracy, weighted by images.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On calibration of modern neural networks", ICML 2017,
    https://proceedings.mlr.press/v70/guo17a.html
    """
    n = sum(b.n for b in bins)
    return sum(b.n * abs(b.confidence - b.accuracy) for b in bins) / n if n else 0.0
