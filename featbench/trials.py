"""Trials: candidates trained together on folds, each judged and kept with its cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from featbench.base import Classifier, Fold
from featbench.types import AnyArray

__all__ = ["Candidate", "Found", "Task", "Trial", "best", "judge", "usable"]

Candidate: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Task:
    """What a search is for.

    Attributes
    ----------
    classifier : Classifier
        Unfitted, with the parameters that are not searched.
    X : ndarray, (n, d)
        Training features, before preprocessing.
    y : ndarray, (n,)
        Training labels.
    folds : sequence of Fold
        One or more.
    preprocess : unfitted transformer, optional
        Learns on each fold's training rows alone.
    seed : int
        Of all draws.
    clock : callable
        Seconds that pass.
    """

    classifier: Classifier
    X: AnyArray
    y: AnyArray
    folds: Sequence[Fold]
    preprocess: Any = None
    seed: int = 0
    clock: Callable[[], float] = time.perf_counter


@dataclass(frozen=True)
class Trial:
    """One candidate, judged once.

    Attributes
    ----------
    candidate : mapping
        Hyperparameters.
    scores : tuple of float
        Validation accuracy on each fold.
    rung : int
        Which batch of a random search, round from coarse to fine, or rung of a halving, from 0.
    rows : int
        Training rows of the smallest fold.
    seconds : float
        An even share of what its batch took: candidates are trained together.
    """

    candidate: Candidate
    scores: tuple[float, ...]
    rung: int
    rows: int
    seconds: float

    @property
    def mean(self) -> float:
        """Mean accuracy over the folds."""
        return float(np.mean(self.scores))

    def to_json(self) -> dict[str, Any]:
        """Return the trial in JSON's types."""
        told = {"scores": list(self.scores), "rung": self.rung, "rows": self.rows, "seconds": self.seconds}
        return {"parameters": dict(self.candidate), **told}


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    trials : tuple of Trial
        All of them, in their order.
    refused : tuple of str
        Why candidates were left out.
    cut : bool
        Whether the seconds were spent before the search was through, so that it may end otherwise elsewhere.
    """

    trials: tuple[Trial, ...]
    refused: tuple[str, ...] = ()
    cut: bool = False

    @property
    def whole(self) -> list[Trial]:
        """Trials that learned from all rows of the folds; of halving, those of the last rung."""
        most = max(trial.rows for trial in self.trials)
        return [trial for trial in self.trials if trial.rows == most]


def judge(task: Task, candidates: Sequence[Candidate], folds: Sequence[Fold], rung: int = 0) -> list[Trial]:
    """Train candidates together on each fold's training rows and judge them on its validation rows.

    Parameters
    ----------
    task : Task
    candidates : sequence of mapping
    folds : sequence of Fold
        Of the task's rows.
    rung : int, optional
        What the trials are marked with.

    Returns
    -------
    list of Trial
        One a candidate.
    """
    before = task.clock()
    predictions = task.classifier.fit_path(task.X, task.y, candidates, folds, task.preprocess)
    seconds = (task.clock() - before) / len(candidates)
    rows = min(len(fold.train) for fold in folds)
    trials = []
    for c, candidate in enumerate(candidates):
        scores = tuple(
            float(np.mean(predicted[c] == task.y[fold.validation]))
            for fold, predicted in zip(folds, predictions, strict=True)
        )
        trials.append(Trial(candidate, scores, rung, rows, seconds))
    return trials


def best(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the highest mean, the first of several."""
    return max(trials, key=lambda trial: trial.mean)


def usable(
    classifier: Classifier, candidates: Sequence[Candidate], folds: Sequence[Fold]
) -> tuple[list[Candidate], tuple[str, ...]]:
    """Return the candidates that the classifier can use on so few rows, and why it cannot use the others."""
    n_rows = min(len(fold.train) for fold in folds)
    reasons = [classifier.refuses(candidate, n_rows) for candidate in candidates]
    kept = [c for c, reason in zip(candidates, reasons, strict=True) if reason is None]
    return kept, tuple(reason for reason in reasons if reason is not None)
