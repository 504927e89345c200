"""Choosing hyperparameters inside the training split; the test images take no part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from featbench.base import Classifier, Fold
from featbench.config import Folds, Holdout, Selection
from featbench.datasets.splitting import split
from featbench.errors import DataError, InputError, Shown, must_be
from featbench.parameters import check_parameters
from featbench.sealed import Selected
from featbench.types import AnyArray, Float64Array, Groups, Labels

__all__ = ["Outcome", "make_folds", "select"]


@dataclass(frozen=True)
class Outcome:
    """What selection found.

    Attributes
    ----------
    selected : Selected
        The hyperparameters to refit with.
    candidates : tuple of dict
        What was tried.
    scores : ndarray of float64, (n_candidates, n_folds)
        Validation accuracy of each candidate on each fold.
    chosen : int
        The candidate with the highest mean, the first of several.
    warnings : tuple of str
        Candidates left out, and hyperparameters chosen at the edge of their range.
    """

    selected: Selected
    candidates: tuple[Mapping[str, Any], ...]
    scores: Float64Array
    chosen: int
    warnings: tuple[str, ...]

    @property
    def accuracy(self) -> float | None:
        """Mean validation accuracy of the chosen candidate, or None where nothing was validated."""
        return float(self.scores[self.chosen].mean()) if self.scores.size else None

    def to_json(self) -> dict[str, Any]:
        """Return candidates, every fold's score and the choice, in JSON's types."""
        return {
            "candidates": [dict(c) for c in self.candidates],
            "scores": self.scores.tolist(),
            "chosen": self.chosen,
            "parameters": dict(self.selected.parameters),
        }


def make_folds(labels: Labels, groups: Groups | None, selection: Selection, seed: int) -> list[Fold]:
    """Divide the training rows: stratified by class, shuffled by the seed, groups kept together.

    Parameters
    ----------
    labels : ndarray of int64, (n,)
        Training labels.
    groups : ndarray of int64, (n,), or None
        Rows that belong together.
    selection : Folds, Holdout or "none"
        The scheme.
    seed : int
        Draws the folds.

    Returns
    -------
    list of Fold
        Empty for ``"none"``, one for a held-out part.

    Raises
    ------
    DataError
        A class with too few images, or groups, to stand on both sides.
    """
    if isinstance(selection, Holdout):
        share = selection.holdout if selection.holdout < 1 else selection.holdout / len(labels)
        if share >= 1:
            constraint = f"less than the {len(labels)} training images"
            raise DataError(must_be("selection", "holdout", constraint, selection.holdout))
        train, validation = split(labels, groups, share, seed)
        return [Fold(train, validation)]
    if not isinstance(selection, Folds):
        return []
    units = np.arange(len(labels)) if groups is None else groups
    smallest = min(len(np.unique(units[labels == c])) for c in np.unique(labels))
    if smallest < selection.folds:
        what = "images" if groups is None else "groups of images"
        remedy = "Use fewer folds, add images, or drop the class."
        constraint = f"at least {selection.folds} in every class for selection in {selection.folds} folds"
        raise DataError(must_be("selection", f"training {what}", constraint, Shown(smallest), remedy))
    if groups is None:
        folds = StratifiedKFold(selection.folds, shuffle=True, random_state=seed).split(units, labels)
    else:
        folds = StratifiedGroupKFold(selection.folds, shuffle=True, random_state=seed).split(
            units, labels, groups
        )
    return [Fold(train, validation) for train, validation in folds]


def select(
    classifier: Classifier,
    X: AnyArray,
    y: AnyArray,
    folds: Sequence[Fold],
    candidates: Sequence[Mapping[str, Any]],
    preprocess: Any = None,
) -> Outcome:
    """Score every candidate on every fold and choose the best mean accuracy.

    Parameters
    ----------
    classifier : Classifier
        Unfitted, with the parameters that are not searched.
    X : ndarray, (n, d)
        Training features, before preprocessing.
    y : ndarray, (n,)
        Training labels.
    folds : sequence of Fold
        Of `make_folds`; without any, the one candidate is taken unvalidated.
    candidates : sequence of mapping
        Hyperparameters to set.
    preprocess : unfitted transformer, optional
        Learns on each fold's training rows alone.

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        No candidate can be used on so few rows.
    """
    if not folds:
        only = candidates[0] if candidates else {}
        return Outcome(Selected(dict(only)), (only,), np.empty((1, 0)), 0, ())
    usable, left_out = _usable(classifier, candidates, min(len(f.train) for f in folds))
    predictions = classifier.fit_path(X, y, usable, folds, preprocess)
    scores = np.array(
        [
            [
                np.mean(predicted[c] == y[fold.validation])
                for fold, predicted in zip(folds, predictions, strict=True)
            ]
            for c in range(len(usable))
        ]
    )
    chosen = int(np.argmax(scores.mean(axis=1)))
    warnings = (*left_out, *_edges(classifier, usable, chosen))
    return Outcome(Selected(dict(usable[chosen])), tuple(usable), scores, chosen, warnings)


def _usable(
    classifier: Classifier, candidates: Sequence[Mapping[str, Any]], n_rows: int
) -> tuple[list[Mapping[str, Any]], list[str]]:
    reasons = [classifier.refuses(candidate, n_rows) for candidate in candidates]
    usable = [c for c, reason in zip(candidates, reasons, strict=True) if reason is None]
    refused = [reason for reason in reasons if reason is not None]
    if not usable:
        raise InputError(f"selection: no candidate can be used: {'; '.join(refused)}. Use smaller values.")
    return usable, [f"selection left out {'; '.join(refused)}"] if refused else []


def _edges(classifier: Classifier, candidates: Sequence[Mapping[str, Any]], chosen: int) -> list[str]:
    """Warn where the best value of a searched number is the smallest or the largest that was tried."""
    warnings = []
    for name, best in candidates[chosen].items():
        values = {c[name] for c in candidates}
        if len(values) < 3 or not all(
            isinstance(v, (int, float)) and not isinstance(v, bool) for v in values
        ):
            continue
        for end, word in ((min(values), "smallest"), (max(values), "largest")):
            if best == end and _may_go_on(classifier, name, best, -1 if word == "smallest" else 1):
                further = "below" if word == "smallest" else "above"
                warnings.append(
                    f"{name} = {best:g} is the {word} value that was tried, so the best may lie {further}: "
                    f"widen search.{name}."
                )
    return warnings


def _may_go_on(classifier: Classifier, name: str, best: float, step: int) -> bool:
    """Tell whether there are values beyond an edge: below one neighbour there are none."""
    if not isinstance(best, int):
        return True
    try:
        check_parameters(clone(classifier).set_params(**{name: best + step}))
    except InputError:
        return False
    return True
