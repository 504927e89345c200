"""What the linear classifiers share: fitting alone or along a path of penalties, scores, statements."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning

from featbench.base import Cost, Fold
from featbench.classifiers.class_weights import ClassWeight, row_weights
from featbench.classifiers.inputs import new_rows, training_rows
from featbench.classifiers.linear_scores import LinearScores
from featbench.classifiers.shared_folds import SharedFolds
from featbench.errors import InputError, must_be
from featbench.numerics.hinges import Hinge
from featbench.numerics.linear import ORDER, Aim, LinearFit, search_aim
from featbench.numerics.losses import Loss
from featbench.numerics.problem import Problem
from featbench.parameters import Bounds, check_parameters
from featbench.types import AnyArray, Labels

__all__ = ["LinearClassifier"]

_ROWS = 4096

# Folds share a fit where there are so many rows a column. With fewer their optima are far from that of all rows, and a
# search that ends early stays near a model that knows the rows that it is judged on: of 1,000 random labels of ten
# classes SVM got 19 % right at 3 rows a column, where 10 % is chance; from 12 on it was chance.
_ENOUGH = 10

# What a solver expects to gain has been up to a hundred times too small on ill-conditioned problems.
_TRUST = 0.01


@dataclass(kw_only=True, eq=False, repr=False)
class LinearClassifier(LinearScores):
    """One row of weights a class; the class with the highest score wins.

    A subclass names its loss. The objective is the mean loss, each row's counted by the weight of its class,
    plus ``reg · (l1_ratio · Σ|W| + (1 − l1_ratio) / 2 · ‖W‖²)``, the bias left out.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    coef_ : ndarray of float64, (n_classes, d)
        Weights W; two rows for two classes.
    intercept_ : ndarray of float64, (n_classes,)
        Bias b.
    objective_ : float
        Of the fitted model.
    gradient_norm_ : float
        Of the objective in W, with the bias at its best; where the objective has kinks, of the shortest
        subgradient that the solver's multipliers give.
    optimality_ : float
        The objective is above its minimum by at most this share of itself, for certain: the duality gap. Far
        from tight where reg, or the part of it on squared weights, is tiny beside the variance of the features.
    expected_gain_ : float
        The share of itself that the solver still expected to gain from the objective; an estimate.
    converged_ : bool
        Whether `optimality_` is within `tol`, or `expected_gain_` within a hundredth of it.
    n_iter_ : int
        Iterations of the solver.
    loss_curve_ : ndarray of float64, (n_iter_ + 1,)
        Objective at W = 0 and after each iteration; of a loss with kinks, after each round of smoothing.
    """

    reg: Annotated[float, Bounds(gt=0, le=1e12)] = 1e-3
    penalty: Literal["l2", "l1", "elastic_net"] = "l2"
    l1_ratio: Annotated[float, Bounds(ge=0, le=1)] = 0.5
    class_weight: ClassWeight = None
    max_iter: Annotated[int, Bounds(ge=1)] = 1000
    tol: Annotated[float, Bounds(gt=0, lt=1)] = 1e-4

    @abstractmethod
    def _loss(self) -> Loss | Hinge:
        """Return the loss that the parameters name."""

    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Minimize the objective.

        Parameters
        ----------
        X : array-like, (n, d)
            Finite numbers. Products of float32 (and uint8) rows run in float32, of all others in float64.
        y : array-like, (n,)
            Labels of at least two classes.

        Returns
        -------
        LinearClassifier
            Itself.

        Raises
        ------
        InputError
            Bad parameters, rows or labels.

        Warns
        -----
        ConvergenceWarning
            The solver ended before `tol`; says how near the optimum the fit is.
        """
        X, self.classes_, codes = _rows(self, X, y)
        weights = row_weights(type(self).__name__, self.class_weight, self.classes_, codes)
        (fit,) = self._problem().fit(X, codes, len(self.classes_), [self.reg], weights)
        self.coef_, self.intercept_ = fit.coef, fit.intercept
        self.n_iter_, self.loss_curve_ = fit.n_iter, np.array(fit.curve)
        certificate = self._problem().certify(X, codes, self.reg, fit, weights)
        self.objective_ = certificate.objective
        self.gradient_norm_ = certificate.gradient_norm
        self.optimality_ = certificate.optimality
        self.expected_gain_ = min(fit.expected, self.optimality_)
        self.converged_ = self._converged(self.optimality_, fit)
        if not self.converged_:
            warnings.warn(
                f"{type(self).__name__} with reg = {self.reg:g} ended after {self.n_iter_} iterations. The objective "
                f"may be above its minimum by {self.optimality_:.2g} of itself at most, and the solver expected to "
                f"gain another {self.expected_gain_:.2g}; tol = {self.tol:g}. Raise max_iter or reg, standardize "
                "the features, or allow a larger tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    @property
    def optimum_(self) -> dict[str, Any]:
        """How near its optimum the fit is, in JSON's types."""
        names = (
            "objective_",
            "gradient_norm_",
            "optimality_",
            "expected_gain_",
            "converged_",
            "n_iter_",
        )
        return {name.rstrip("_"): getattr(self, name) for name in names}

    def _problem(self) -> Problem:
        loss, ratio = self._loss(), {"l2": 0.0, "l1": 1.0, "elastic_net": self.l1_ratio}[self.penalty]
        return Problem(loss, ratio, self.max_iter, self.tol)

    def fit_cost(self, n: int, shape: tuple[int, ...]) -> Cost | None:
        """Return second moment, its factor and a gradient for each iteration, of smooth losses with squared weights.

        A gradient is a product of rows and weights and one of slopes and rows, which go through float32 rows once. The
        first is that at W = 0, the last the one that states how near the optimum the fit is. What a line search asks
        for beyond that is left out, and so are the losses.
        """
        d, n_classes = shape[0], len(self.classes_)
        problem = self._problem()
        if isinstance(problem.loss, Hinge) or problem.l1_ratio > 0 or d > n:
            return None
        gradients = self.n_iter_ + 2
        moment = float(n) * d * (d + 1) + d**3 / 3
        return Cost(moment + gradients * 4.0 * n * d * n_classes, 4.0 * n * d * (gradients + 1))

    def fit_path(
        self,
        X: AnyArray,
        y: AnyArray,
        candidates: Sequence[Mapping[str, Any]],
        folds: Sequence[Fold],
        preprocess: BaseEstimator | None = None,
    ) -> list[list[AnyArray]]:
        """Predict every fold's validation rows with every candidate's parameters.

        Where the folds are those of a cross-validation, rows are many and `tol` is at most 1e-3, a smooth loss with
        squared weights is fitted to all rows first, and each fold's search begins there. What a model of a fold is
        at its optimum does not depend on that; how near it is, `tol` says, as it does for all searched models.

        Parameters and result are those of `Classifier.fit_path`.
        """
        groups = _alike(self, candidates)
        shared = SharedFolds.of(folds, y) if len(folds) else None
        if shared is None or any(
            model.class_weight is not None or not model._problem().shares_folds() for model, _ in groups
        ):
            return super().fit_path(X, y, candidates, folds, preprocess)
        prepared = shared.prepare(X, preprocess)
        if prepared is None or len(prepared[0]) < _ENOUGH * prepared[0].shape[1]:
            return super().fit_path(X, y, candidates, folds, preprocess)
        rows, rescaled = prepared
        rows, classes, codes = _rows(clone(self), rows, y[shared.order])
        predictions: list[dict[int, AnyArray]] = [{} for _ in folds]
        for model, batch in groups:
            regs = [candidates[i].get("reg", self.reg) for i in batch]
            problem = model._problem()
            problem = replace(problem, aim=search_aim(rows, problem.loss))
            found = problem.fit_folds(rows, codes, len(classes), regs, shared.parts, rescaled)
            for predicted, part, fits in zip(predictions, shared.parts, found, strict=True):
                for i, winners in zip(batch, _winners(rows[part], fits), strict=True):
                    predicted[i] = classes[winners]
                model._warn_of_missed(regs, fits, problem.aim)
        return [[predicted[i] for i in range(len(candidates))] for predicted in predictions]

    def _path(
        self, X: AnyArray, y: AnyArray, X_new: AnyArray, candidates: Sequence[Mapping[str, Any]]
    ) -> list[AnyArray]:
        """Fit the candidates that differ in `reg` alone as one batch."""
        groups = _alike(self, candidates)
        checked = clone(self)
        X, classes, codes = _rows(checked, X, y)
        X_new = new_rows(checked, X_new)
        predictions: dict[int, AnyArray] = {}
        for model, batch in groups:
            regs = [candidates[i].get("reg", self.reg) for i in batch]
            weights = row_weights(type(self).__name__, model.class_weight, classes, codes)
            problem = model._problem()
            problem = replace(problem, aim=search_aim(X, problem.loss))
            fits = problem.fit(X, codes, len(classes), regs, weights)
            for i, winners in zip(batch, _winners(X_new, fits), strict=True):
                predictions[i] = classes[winners]
            model._warn_of_missed(regs, fits, problem.aim)
        return [predictions[i] for i in range(len(candidates))]

    def _warn_of_missed(self, regs: Sequence[float], fits: Sequence[LinearFit], aim: Aim) -> None:
        """Warn of searched models that ended before they were as near as a comparison wants them."""
        missed = [
            f"{reg:g}"
            for reg, fit in zip(regs, fits, strict=True)
            if fit.bound > self.tol and fit.expected > max(aim.gain, ORDER.gain) * self.tol
        ]
        if missed:
            warnings.warn(
                f"{type(self).__name__}: searched fits with reg = {', '.join(missed)} ended before tol = "
                f"{self.tol:g}. Raise max_iter, or search from a larger reg.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _converged(self, bound: float, fit: LinearFit) -> bool:
        return bound <= self.tol or fit.expected <= _TRUST * self.tol


def _rows(model: LinearClassifier, X: AnyArray, y: AnyArray) -> tuple[AnyArray, AnyArray, Labels]:
    X, classes, codes = training_rows(model, X, y, least_classes=2)
    if X.dtype == np.uint8:
        return X.astype(np.float32), classes, codes
    limit = float(np.sqrt(np.finfo(X.dtype).max) / 1e4)  # sums of squares must not overflow
    peak = max(float(X.max()), -float(X.min()))
    if peak > limit:
        remedy = "Scale the features; standardize does."
        name = type(model).__name__
        raise InputError(must_be(name, "X", f"within ±{limit:.0e} for {X.dtype}", peak, remedy))
    return X, classes, codes


def _alike(
    model: LinearClassifier, candidates: Sequence[Mapping[str, Any]]
) -> list[tuple[LinearClassifier, list[int]]]:
    """Group the positions of candidates that differ in `reg` alone, each with a model that has the rest set."""
    groups: dict[str, tuple[LinearClassifier, list[int]]] = {}
    for i, candidate in enumerate(candidates):
        set_up = clone(model).set_params(**candidate)
        check_parameters(set_up)
        others = {name: value for name, value in set_up.get_params().items() if name != "reg"}
        groups.setdefault(repr(others), (set_up, []))[1].append(i)
    return list(groups.values())


def _winners(X: AnyArray, fits: Sequence[LinearFit]) -> list[Labels]:
    """Return the class with the highest score for each row, a model at a time, from one wide product."""
    coef = np.concatenate([fit.coef for fit in fits])
    winners = np.empty((len(fits), len(X)), dtype=np.int64)
    for start in range(0, len(X), _ROWS):
        part = slice(start, start + _ROWS)
        scores = X[part].astype(np.float64, copy=False) @ coef.T
        scores += np.concatenate([fit.intercept for fit in fits])
        winners[:, part] = np.argmax(scores.reshape(len(scores), len(fits), -1), axis=2).T
    return list(winners)
