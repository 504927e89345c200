"""Choosing hyperparameters inside the training split; the test images take no part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from featbench.base import Classifier, Fold
from featbench.config import Folds, Holdout, Selection
from featbench.config.space import Space
from featbench.config.strategies import Halving, RandomSearch, Strategy
from featbench.datasets.splitting import split
from featbench.errors import DataError, InputError, Shown, must_be
from featbench.parameters import check_parameters
from featbench.sealed import Selected
from featbench.search import search
from featbench.text import counted
from featbench.trials import Candidate, Found, Task, Trial, judge, usable
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
        What was tried, and of a halving what came to the last rung.
    scores : ndarray of float64, (n_candidates, n_folds)
        Validation accuracy of each candidate on each fold.
    chosen : int
        The candidate with the highest mean, the first of several.
    warnings : tuple of str
        Candidates left out, hyperparameters chosen at the edge of their range, and a search that a clock cut.
    strategy : RandomSearch, CoarseToFine, Halving or None
        None for a grid, of which every combination is tried.
    trials : tuple of Trial
        Of a strategy, all that it made.
    cut : bool
        Whether its seconds were spent before it was through.
    """

    selected: Selected
    candidates: tuple[Mapping[str, Any], ...]
    scores: Float64Array
    chosen: int
    warnings: tuple[str, ...]
    strategy: Strategy | None = None
    trials: tuple[Trial, ...] = ()
    cut: bool = False

    @property
    def accuracy(self) -> float | None:
        """Mean validation accuracy of the chosen candidate, or None where nothing was validated."""
        return float(self.scores[self.chosen].mean()) if self.scores.size else None

    def to_json(self) -> dict[str, Any]:
        """Return candidates, every fold's score and the choice, in JSON's types."""
        told = {
            "candidates": [dict(c) for c in self.candidates],
            "scores": self.scores.tolist(),
            "chosen": self.chosen,
            "parameters": dict(self.selected.parameters),
        }
        if self.strategy is None:
            return told
        strategy = self.strategy.model_dump(exclude_none=True)
        trials = [trial.to_json() for trial in self.trials]
        return {**told, "search": {**strategy, "cut": self.cut, "trials": trials}}


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
    candidates: Sequence[Candidate] | Space,
    preprocess: Any = None,
    strategy: Strategy | None = None,
    seed: int = 0,
) -> Outcome:
    """Score candidates on every fold and choose the best mean accuracy, the first of several.

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
    candidates : sequence of mapping, or Space
        Hyperparameters to set, all of which are tried; or what a strategy draws them from.
    preprocess : unfitted transformer, optional
        Learns on each fold's training rows alone.
    strategy : RandomSearch, CoarseToFine or Halving, optional
        For a space, which cannot do without.
    seed : int, optional
        Of the strategy's draws.

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        No candidate can be used on so few rows.
    """
    task = Task(classifier, X, y, folds, preprocess, seed)
    if isinstance(candidates, Space):
        assert strategy is not None, "a space is read for a strategy"
        return _searched(task, candidates, strategy)
    if not folds:
        only = candidates[0] if candidates else {}
        return Outcome(Selected(dict(only)), (only,), np.empty((1, 0)), 0, ())
    tried, refused = usable(classifier, candidates, folds)
    _refuse_none(tried, refused)
    return _outcome(task, Found(tuple(judge(task, tried, folds)), refused))


def _searched(task: Task, space: Space, strategy: Strategy) -> Outcome:
    found = search(task, space, strategy)
    _refuse_none(found.trials, found.refused)
    outcome = _outcome(task, found, space if isinstance(strategy, RandomSearch | Halving) else None)
    warnings = outcome.warnings
    if found.cut:
        n = counted(len(found.trials), "trial")
        spent = f"the {strategy.seconds:g} s of the search were spent after {n}"
        told = f"{spent}; another machine may choose otherwise"
        warnings = (*warnings, told)
    return replace(outcome, warnings=warnings, strategy=strategy, trials=found.trials, cut=found.cut)


def _refuse_none(usable_: Sequence[object], refused: Sequence[str]) -> None:
    if not usable_:
        raise InputError(f"selection: no candidate can be used: {'; '.join(refused)}. Use smaller values.")


def _outcome(task: Task, found: Found, drawn: Space | None = None) -> Outcome:
    """Choose among the trials on all rows; what was tried on fewer counts for the edges."""
    judged = found.whole
    scores = np.array([trial.scores for trial in judged])
    chosen = int(np.argmax(scores.mean(axis=1)))
    best = judged[chosen].candidate
    tried = [trial.candidate for trial in found.trials]
    left_out = [f"selection left out {'; '.join(found.refused)}"] if found.refused else []
    warnings = (*left_out, *_edges(task.classifier, tried, best, drawn))
    return Outcome(Selected(dict(best)), tuple(t.candidate for t in judged), scores, chosen, warnings)


def _edges(
    classifier: Classifier, tried: Sequence[Candidate], chosen: Candidate, drawn: Space | None
) -> list[str]:
    """Warn where the best value of a searched number is the smallest or the largest that was tried."""
    warnings = []
    for name, best in chosen.items():
        values = {c[name] for c in tried}
        if len(values) < 3 or not all(
            isinstance(v, (int, float)) and not isinstance(v, bool) for v in values
        ):
            continue
        # Draws need not reach the ends of a range: more of them may do as well.
        more = " or raise trials" if drawn is not None and name in drawn.ranges else ""
        for end, word in ((min(values), "smallest"), (max(values), "largest")):
            if best == end and _may_go_on(classifier, name, best, -1 if word == "smallest" else 1):
                further = "below" if word == "smallest" else "above"
                warnings.append(
                    f"{name} = {best:g} is the {word} value that was tried, so the best may lie {further}: "
                    f"widen search.{name}{more}."
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
