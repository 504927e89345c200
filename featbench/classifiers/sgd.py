"""Linear classifiers by first-order descent, as taught: minibatches, learning rates, loss curves."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from scipy.special import softmax as shares
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if

from featbench.classifiers.inputs import new_rows, training_rows
from featbench.classifiers.linear_scores import LinearScores, loss_named
from featbench.errors import InputError, Shown, must_be
from featbench.numerics.blas import serial_blas
from featbench.numerics.first_order import RULES, Memory, decayed
from featbench.numerics.losses import LossAndGradient
from featbench.numerics.minibatches import minibatches
from featbench.numerics.penalized import penalized_loss
from featbench.parameters import Bounds, check_parameters
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["GradientDescent"]

_DIVERGED = 3.0  # times the first cost
_WATCHED_ROWS = (
    1024  # whose mean cost is held against that: a single row's may be higher in a healthy descent
)


@dataclass(kw_only=True, eq=False, repr=False)
class GradientDescent(LinearScores):
    """Linear classifier fitted by minibatch gradient descent.

    Minimizes the objective of `Softmax` and `SVM`, the mean loss plus ``reg / 2 · ‖W‖²`` with the bias left out,
    from W = 0. Those reach the optimum and say how near they are; this one is for teaching, and for rows that do
    not fit into memory.

    Parameters
    ----------
    loss : {"softmax", "weston_watkins", "one_vs_rest"}, default="softmax"
        As of `Softmax` and `SVM`.
    hinge : {"plain", "squared"}, default="squared"
        Of the two margin losses: max(0, m) or its square.
    method : {"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"}, default="adam"
        What a step makes of a gradient.
    learning_rate : float, default=1e-3
        At the start, above 0.
    batch_size : int, default=256
        Most rows of a minibatch.
    epochs : int, default=10
        Passes over all rows.
    decay : {"none", "step", "exponential", "cosine"}, default="cosine"
        How the learning rate falls: not at all; times `decay_factor` after each `decay_epochs`; the same
        smoothly; along half a cosine to 0.
    decay_factor : float, default=0.5
        Above 0, at most 1.
    decay_epochs : float, default=5
        Epochs, above 0.
    momentum : float, default=0.9
        Share of its velocity that `momentum` and `nesterov` keep from step to step, in [0, 1).
    reg : float, default=1e-3
        Strength of the penalty, 0 or more.
    random_state : int, default=0
        Seed of the order of rows.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    coef_ : ndarray of float64, (n_classes, d)
        Weights W; two rows for two classes.
    intercept_ : ndarray of float64, (n_classes,)
        Bias b.
    n_iter_ : int
        Finished epochs; with `partial_fit`, finished calls.
    loss_curve_ : ndarray of float64
        Objective at W = 0, then the mean over each epoch's minibatches, each taken just before its step. Where
        the descent diverged, the last is that of the epoch broken off.
    step_curve_ : ndarray of float64, (n_steps,)
        Objective on each minibatch, just before its step.
    diverged_ : bool
        Whether the descent was broken off: a cost that is no number, or whose mean over 1,024 rows is above
        three times the first. The model is then that after the epoch with the lowest cost.

    Notes
    -----
    Rows are shuffled anew each epoch; those beyond 64 MB as `featbench.numerics.minibatches` says, chunk by
    chunk, so that a memory-mapped array is never held whole. The same seed and data give the same bits on one
    machine, whatever the number of threads, in memory or mapped.

    References
    ----------
    Stanford CS231n course notes, Neural networks part 3, https://cs231n.github.io/neural-networks-3/
    L. Bottou, F. E. Curtis, J. Nocedal, Optimization methods for large-scale machine learning, SIAM Review 60
    (2018), 223-311. doi:10.1137/16M1080173
    """

    loss: Literal["softmax", "weston_watkins", "one_vs_rest"] = "softmax"
    hinge: Literal["plain", "squared"] = "squared"
    method: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"] = "adam"
    learning_rate: Annotated[float, Bounds(gt=0, le=1e12)] = 1e-3
    batch_size: Annotated[int, Bounds(ge=1)] = 256
    epochs: Annotated[int, Bounds(ge=1)] = 10
    decay: Literal["none", "step", "exponential", "cosine"] = "cosine"
    decay_factor: Annotated[float, Bounds(gt=0, le=1)] = 0.5
    decay_epochs: Annotated[float, Bounds(gt=0)] = 5.0
    momentum: Annotated[float, Bounds(ge=0, lt=1)] = 0.9
    reg: Annotated[float, Bounds(ge=0, le=1e12)] = 1e-3
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    default_search: ClassVar[Mapping[str, Sequence[Any]]] = {"learning_rate": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]}

    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Descend from W = 0 for `epochs` passes over the rows.

        Parameters
        ----------
        X : array-like, (n, d)
            Finite numbers; a C-contiguous memory-mapped array of uint8, float32 or float64 is not copied.
            Products of float32 (and uint8) rows run in float32, of all others in float64.
        y : array-like, (n,)
            Labels of at least two classes.

        Returns
        -------
        GradientDescent
            Itself.

        Raises
        ------
        InputError
            Bad parameters, rows or labels.

        Warns
        -----
        ConvergenceWarning
            The descent diverged; says where, and what to do.
        """
        X, classes, codes = training_rows(self, X, y, least_classes=2)
        self._begin(classes, X.shape[1])
        self._descend(X, codes, self.epochs, self.decay)
        return self

    def partial_fit(self, X: AnyArray, y: AnyArray, classes: AnyArray | None = None) -> Self:
        """Descend for one pass over some rows, from where the model is, at the full learning rate.

        Parameters
        ----------
        X : array-like, (n, d)
            As in `fit`.
        y : array-like, (n,)
            Labels.
        classes : array-like, (n_classes,), optional
            All labels that will ever come, at the first call; those of its `y` otherwise.

        Returns
        -------
        GradientDescent
            Itself.

        Raises
        ------
        InputError
            Bad parameters, rows or labels; a label that the first call did not know of.

        Warns
        -----
        ConvergenceWarning
            The descent diverged; the model is that before the call.
        """
        if not hasattr(self, "coef_"):
            X, found, codes = training_rows(self, X, y)
            self._begin(found if classes is None else np.unique(classes), X.shape[1])
        else:
            X = new_rows(self, X)
            _, found, codes = training_rows(clone(self), X, y)
            if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                remedy = "Leave them out after the first call."
                first = f"those of the first call, {self.classes_.tolist()}"
                raise InputError(must_be(type(self).__name__, "classes", first, classes, remedy))
        positions = {label: i for i, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in found.tolist() if label not in positions]
        if unknown:
            remedy = "Give all of them as `classes` at the first call."
            known = f"among the classes of the first call, {self.classes_.tolist()}"
            raise InputError(must_be(type(self).__name__, "labels", known, unknown, remedy))
        self._descend(X, np.array([positions[label] for label in found.tolist()])[codes], 1, "none")
        return self

    def _loss(self) -> LossAndGradient:
        return loss_named(self.loss, self.hinge)

    def _begin(self, classes: AnyArray, d: int) -> None:
        if len(classes) < 2:
            remedy = "Give all that will ever come as `classes`: there is nothing to tell apart."
            got = Shown(f"one class, {classes.tolist()[0]!r}")
            raise InputError(must_be(type(self).__name__, "classes", "at least 2 labels", got, remedy))
        self.classes_, self.n_iter_, self.diverged_ = classes, 0, False
        self.coef_, self.intercept_ = np.zeros((len(classes), d)), np.zeros(len(classes))
        self.loss_curve_, self.step_curve_ = np.empty(0), np.empty(0)
        self._memory: Memory = {}

    def _descend(self, X: AnyArray, codes: Labels, epochs: int, decay: Any) -> None:
        check_parameters(self)
        point = np.hstack([self.coef_, self.intercept_[:, None]])
        if not len(self.loss_curve_):
            start, _ = penalized_loss(point, X[:1].astype(np.float64), codes[:1], self._loss(), self.reg)
            self.loss_curve_ = np.array([start])  # at W = 0 the loss of one row is that of all
        best, lowest = point.copy(), self.loss_curve_[0]
        self.diverged_ = False
        for epoch in range(epochs):
            cost, healthy = self._pass(point, X, codes, epoch, epochs, decay)
            self.loss_curve_ = np.append(self.loss_curve_, cost)
            if not healthy:
                self._give_up(epoch + 1, epochs)
                point, self._memory = best, {}
                break
            self.n_iter_ += 1
            if cost < lowest:
                best, lowest = point.copy(), cost
        self.coef_, self.intercept_ = point[:, :-1].copy(), point[:, -1].copy()

    def _pass(
        self, point: Float64Array, X: AnyArray, codes: Labels, epoch: int, epochs: int, decay: Any
    ) -> tuple[float, bool]:
        """Step once for each minibatch, in place; return the mean cost and whether all is well."""
        rng = np.random.default_rng([self.random_state, self.n_iter_])
        rule, options, loss = RULES[self.method], {}, self._loss()
        if self.method in ("momentum", "nesterov"):
            options = {"mu": self.momentum}
        dtype = np.float64 if X.dtype == np.float64 else np.float32
        costs, sizes, watch = [], [], _Watch(_DIVERGED * self.loss_curve_[0])
        done = 0
        # One thread: a skinny product gains little from more, and its sums are then always the same.
        with serial_blas(), np.errstate(over="ignore", invalid="ignore"):
            for batch, rows in minibatches(X, self.batch_size, rng):
                cost, gradient = penalized_loss(
                    point, batch.astype(dtype, copy=False), codes[rows], loss, self.reg
                )
                costs.append(cost)
                sizes.append(len(rows))
                if watch.sees_trouble(cost, len(rows)):
                    break
                at = epoch + done / len(X)
                rate = decayed(
                    self.learning_rate, decay, at,
                    epochs=epochs, factor=self.decay_factor, every=self.decay_epochs,
                )  # fmt: skip
                rule(point, gradient, rate, self._memory, **options)
                done += len(rows)
            mean = float(np.average(costs, weights=sizes))
        self.step_curve_ = np.append(self.step_curve_, costs)
        return mean, done == len(X) and watch.holds(mean) and bool(np.isfinite(point).all())

    def _give_up(self, epoch: int, epochs: int) -> None:
        self.diverged_ = True
        warnings.warn(
            f"{type(self).__name__} with method = {self.method!r} and learning_rate = {self.learning_rate:g} "
            f"diverged in epoch {epoch} of {epochs}: the cost went from {self.loss_curve_[0]:.3g} to "
            f"{self.step_curve_[-1]:.3g}. The model is the best before that. Lower learning_rate (a third, a "
            "tenth), or standardize the features.",
            ConvergenceWarning,
            stacklevel=4,
        )

    @available_if(lambda self: self.loss == "softmax")
    def predict_proba(self, X: AnyArray) -> Float64Array:
        """Return each class's probability, ``(m, n_classes)``, columns as in `classes_`."""
        probabilities: Float64Array = shares(self._scores(X), axis=1)
        return probabilities


class _Watch:
    """Holds the mean cost of so many rows against a limit."""

    def __init__(self, limit: float) -> None:
        self._limit, self._sum, self._rows = limit, 0.0, 0

    def holds(self, cost: float) -> bool:
        return bool(np.isfinite(cost)) and cost <= self._limit

    def sees_trouble(self, cost: float, rows: int) -> bool:
        self._sum += cost * rows
        self._rows += rows
        mean = self._sum / self._rows
        if self._rows >= _WATCHED_ROWS:
            self._sum, self._rows = 0.0, 0
            return not self.holds(mean)
        return not np.isfinite(cost)
