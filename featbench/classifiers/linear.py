"""What the linear classifiers share: fitting alone or along a path of penalties, scores, statements."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from featbench.classifiers.class_weights import ClassWeight, row_weights
from featbench.classifiers.inputs import new_rows, training_rows
from featbench.classifiers.linear_scores import LinearScores
from featbench.errors import InputError, must_be
from featbench.numerics.hinges import Hinge
from featbench.numerics.linear import LinearFit
from featbench.numerics.losses import Loss
from featbench.numerics.problem import Problem
from featbench.parameters import Bounds, check_parameters
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["LinearClassifier"]

_ROWS = 4096

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
        (fit,) = self._fit_regs(X, codes, len(self.classes_), [self.reg], weights)
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

    def _fit_regs(
        self,
        X: AnyArray,
        codes: Labels,
        n_classes: int,
        regs: Sequence[float],
        weights: Float64Array | None,
    ) -> list[LinearFit]:
        return self._problem().fit(X, codes, n_classes, regs, weights)

    def _path(
        self, X: AnyArray, y: AnyArray, X_new: AnyArray, candidates: Sequence[Mapping[str, Any]]
    ) -> list[AnyArray]:
        """Fit the candidates that differ in `reg` alone as one batch."""
        models = [clone(self).set_params(**candidate) for candidate in candidates]
        for model in models:
            check_parameters(model)
        checked = clone(self)
        X, classes, codes = _rows(checked, X, y)
        X_new = new_rows(checked, X_new)
        predictions: dict[int, AnyArray] = {}
        for batch in _alike(models):
            first, regs = models[batch[0]], [models[i].reg for i in batch]
            weights = row_weights(type(self).__name__, first.class_weight, classes, codes)
            fits = first._fit_regs(X, codes, len(classes), regs, weights)
            for i, winners in zip(batch, _winners(X_new, fits), strict=True):
                predictions[i] = classes[winners]
            missed = [
                f"{reg:g}"
                for reg, fit in zip(regs, fits, strict=True)
                if not first._converged(fit.bound, fit)
            ]
            if missed:
                warnings.warn(
                    f"{type(self).__name__}: searched fits with reg = {', '.join(missed)} ended before tol = "
                    f"{self.tol:g}. Raise max_iter, or search from a larger reg.",
                    ConvergenceWarning,
                    stacklevel=3,
                )
        return [predictions[i] for i in range(len(models))]

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


def _alike(models: Sequence[LinearClassifier]) -> list[list[int]]:
    """Group the positions of models that differ in `reg` alone."""
    groups: dict[str, list[int]] = {}
    for i, model in enumerate(models):
        others = {name: value for name, value in model.get_params().items() if name != "reg"}
        groups.setdefault(repr(others), []).append(i)
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
