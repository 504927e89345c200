"""Linear classifiers by guessing: the course's first two strategies of optimization, the ones to be beaten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np

from featbench.classifiers.inputs import training_rows
from featbench.classifiers.linear_scores import LinearScores, loss_named
from featbench.numerics.blas import serial_blas
from featbench.numerics.losses import LossAndGradient
from featbench.numerics.threads import spread
from featbench.parameters import Bounds
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["RandomSearch"]

_BYTES = 2**26  # of scores held at once
_MOST_TOGETHER = 32  # tries in one matrix product: with ten classes it is then wide enough to be quick
_ROWS = 1024


@dataclass(kw_only=True, eq=False, repr=False)
class RandomSearch(LinearScores):
    """Linear classifier found by random search, or by random local search.

    Draws weights and bias from a normal distribution, again and again, and keeps the best; or starts from one
    draw and keeps each random step that makes it better.

    Parameters
    ----------
    tries : int, default=1000
        Draws, or steps.
    local : bool, default=False
        Whether to step from the best so far rather than to draw anew.
    scale : float, default=1e-4
        Standard deviation of a draw, above 0.
    step : float, default=1e-4
        Standard deviation of a local step, above 0.
    criterion : {"loss", "accuracy"}, default="loss"
        What is best: the lowest mean loss of the training rows, or most of them labelled right.
    loss : {"softmax", "weston_watkins", "one_vs_rest"}, default="weston_watkins"
        As of `Softmax` and `SVM`, without a penalty.
    hinge : {"plain", "squared"}, default="plain"
        Of the two margin losses: max(0, m) or its square.
    rows : int or None, default=None
        How many training rows, drawn once, judge the tries; None for all of them.
    random_state : int, default=0
        Seed of the draws.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    coef_ : ndarray of float64, (n_classes, d)
        The best weights; two rows for two classes.
    intercept_ : ndarray of float64, (n_classes,)
        Their bias, drawn as the weights are.
    tried_ : ndarray of float64, (tries,)
        Mean loss of each try, or its share of rows labelled wrong.
    loss_curve_ : ndarray of float64, (tries,)
        The lowest so far.

    Notes
    -----
    Draws do not depend on one another, so the scores of many tries come out of one matrix product; a local
    step's scores are those of the best so far plus its own. Scale and step suit features of the size of
    pixels, 0 to 255. A better try of equals is the first.

    References
    ----------
    Stanford CS231n course notes, Optimization, https://cs231n.github.io/optimization-1/
    """

    tries: Annotated[int, Bounds(ge=1)] = 1000
    local: bool = False
    scale: Annotated[float, Bounds(gt=0, le=1e12)] = 1e-4
    step: Annotated[float, Bounds(gt=0, le=1e12)] = 1e-4
    criterion: Literal["loss", "accuracy"] = "loss"
    loss: Literal["softmax", "weston_watkins", "one_vs_rest"] = "weston_watkins"
    hinge: Literal["plain", "squared"] = "plain"
    rows: Annotated[int, Bounds(ge=1)] | None = None
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Try, and keep the best.

        Parameters
        ----------
        X : array-like, (n, d)
            Finite numbers. Products of float32 (and uint8) rows run in float32, of all others in float64.
        y : array-like, (n,)
            Labels of at least two classes.

        Returns
        -------
        RandomSearch
            Itself.

        Raises
        ------
        InputError
            Bad parameters, rows or labels.
        """
        X, self.classes_, codes = training_rows(self, X, y, least_classes=2)
        rng = np.random.default_rng(self.random_state)
        if self.rows is not None and self.rows < len(X):
            judges = np.sort(rng.choice(len(X), self.rows, replace=False))
            X, codes = X[judges], codes[judges]
        search = _local_search if self.local else _search
        with np.errstate(over="ignore", invalid="ignore"):  # an infinite loss is never the lowest
            best, self.tried_ = search(self, X, codes, rng)
        self.coef_, self.intercept_ = best[:, :-1].copy(), best[:, -1].copy()
        self.loss_curve_ = np.minimum.accumulate(self.tried_)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # guessing promises none
        return tags

    def _faults(self, scores: AnyArray, codes: Labels) -> Float64Array:
        """Return the summed loss, or the number of wrong labels, of scores ``(k, n_classes, m)``."""
        if self.criterion == "accuracy":
            wrong: Float64Array = (scores.argmax(axis=1) != codes).sum(axis=1).astype(np.float64)
            return wrong
        loss: LossAndGradient = loss_named(self.loss, self.hinge)
        summed: Float64Array = loss(scores, codes)[0]
        return np.where(np.isnan(summed), np.inf, summed)


def _search(
    model: RandomSearch, X: AnyArray, codes: Labels, rng: np.random.Generator
) -> tuple[Float64Array, Float64Array]:
    """Return the best of independent draws, and what each was worth."""
    best, tried = np.empty(0), np.empty(0)
    for draws in _draws(model, X, rng, _MOST_TOGETHER):
        draws *= model.scale
        worth = np.zeros((-(-len(X) // _ROWS), len(draws)))

        def judge(start: int, stop: int, draws: Float64Array = draws, worth: Float64Array = worth) -> None:
            for block in range(start, stop):
                part = slice(block * _ROWS, (block + 1) * _ROWS)
                worth[block] = model._faults(_scores(X[part], draws), codes[part])

        with serial_blas():
            spread(judge, len(worth))
        means = worth.sum(axis=0) / len(X)
        if not len(tried) or means.min() < tried.min():
            best = draws[np.argmin(means)].copy()
        tried = np.append(tried, means)
    return best, tried


def _local_search(
    model: RandomSearch, X: AnyArray, codes: Labels, rng: np.random.Generator
) -> tuple[Float64Array, Float64Array]:
    """Return the end of a walk that takes steps for the better alone, and what each step was worth."""
    n_classes = len(model.classes_)
    best = rng.standard_normal((n_classes, X.shape[1] + 1)) * model.scale
    together = int(np.clip(_BYTES // (4 * n_classes * len(X)), 1, _MOST_TOGETHER))
    lowest = float("inf")
    tried: list[float] = []
    for steps in _draws(model, X, rng, together):
        steps *= model.step
        # The best so far goes along in the product, so that no rounding gathers in its scores.
        models = np.concatenate([best[None], steps])
        scores = np.empty((len(models), n_classes, len(X)), dtype=_precision(X))

        def multiply(start: int, stop: int, models: AnyArray = models, scores: AnyArray = scores) -> None:
            for row in range(start * _ROWS, min(stop * _ROWS, len(X)), _ROWS):
                scores[..., row : row + _ROWS] = _scores(X[row : row + _ROWS], models)

        with serial_blas():
            spread(multiply, -(-len(X) // _ROWS))
        current = scores[0]
        if not tried:
            lowest = float(model._faults(current[None], codes)[0]) / len(X)
        for step, change in zip(steps, scores[1:], strict=True):
            change += current
            worth = float(model._faults(change[None], codes)[0]) / len(X)
            tried.append(worth)
            if worth < lowest:
                best, current, lowest = best + step, change, worth
    return best, np.array(tried)


def _draws(
    model: RandomSearch, X: AnyArray, rng: np.random.Generator, together: int
) -> Iterator[Float64Array]:
    """Yield normal numbers for weights and bias, ``(k, n_classes, d + 1)``, those of `tries` in all."""
    for start in range(0, model.tries, together):
        size = min(together, model.tries - start)
        yield rng.standard_normal((size, len(model.classes_), X.shape[1] + 1))


def _precision(X: AnyArray) -> Any:
    return np.float64 if X.dtype == np.float64 else np.float32


def _scores(X: AnyArray, models: AnyArray) -> AnyArray:
    """Return the scores of rows by each model, ``(k, n_classes, m)``."""
    k, n_classes, columns = models.shape
    flat = models.reshape(k * n_classes, columns).astype(_precision(X))
    scores: AnyArray = flat[:, :-1] @ X.astype(_precision(X), copy=False).T + flat[:, -1:]
    return scores.reshape(k, n_classes, len(X))
