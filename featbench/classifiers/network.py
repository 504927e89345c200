"""Training by minibatches: the loop that networks share, whatever their layers are."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, Literal, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from featbench.base import Classifier
from featbench.classifiers.inputs import training_rows
from featbench.errors import InputError, Shown, must_be
from featbench.numerics.blas import serial_blas
from featbench.numerics.first_order import RULES, Memory, decayed
from featbench.numerics.minibatches import minibatches
from featbench.numerics.namespace import beside, namespace
from featbench.types import AnyArray, Labels

__all__ = ["Network"]


class Network(Classifier):
    """Layers whose weights, views of one flat array, are stepped downhill minibatch by minibatch.

    A subclass is a dataclass with the parameters named here, and says in three methods what its layers are.

    Attributes
    ----------
    n_iter_ : int
        Finished epochs.
    loss_curve_ : ndarray of float64, (n_iter_ + 1,)
        Objective of the first weights on the first rows, then the mean over each epoch's minibatches, each taken
        just before its step. Where the training diverged, the last is that of the epoch broken off.
    diverged_ : bool
        Whether the training was broken off at a cost that is no number; the weights are then those of the last
        epoch before.
    """

    method: Literal["sgd", "momentum", "nesterov", "adam"]
    learning_rate: float
    momentum: float
    batch_size: int | None
    epochs: int
    decay: Literal["none", "step", "exponential", "cosine"]
    decay_factor: float
    decay_epochs: float
    random_state: int

    @abstractmethod
    def _first_point(self, dtype: np.dtype[Any]) -> AnyArray:
        """Return the first weights, flat; `classes_` and `n_features_in_` are set."""

    @abstractmethod
    def _cost(
        self, point: AnyArray, X: AnyArray, codes: Labels, rng: np.random.Generator | None
    ) -> tuple[float, AnyArray]:
        """Return the objective on some rows and its gradient; `rng` draws what a step of training draws."""

    @abstractmethod
    def _keep(self, point: AnyArray) -> None:
        """Set what `predict` uses from the last weights, of which the caller keeps none."""

    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Train from new weights.

        Parameters
        ----------
        X : array-like, (n, d)
            Finite numbers.
        y : array-like, (n,)
            Labels of at least two classes.

        Returns
        -------
        Network
            Itself.

        Raises
        ------
        InputError
            Bad parameters, rows or labels; rows so large that the first cost overflows.

        Warns
        -----
        ConvergenceWarning
            The training diverged; says where, and what to do.
        """
        X, self.classes_, codes = training_rows(self, X, y, least_classes=2)
        dtype = np.dtype(np.float64 if X.dtype == np.float64 else np.float32)
        self.n_iter_, self.diverged_ = 0, False
        # One thread: the rows of a minibatch are spread over the cores already.
        with serial_blas(), np.errstate(over="ignore", invalid="ignore"):
            self._keep(self._trained(self._first_point(dtype), X, codes))
        if self.diverged_:
            self._warn()
        return self

    def _trained(self, point: AnyArray, X: AnyArray, codes: Labels) -> AnyArray:
        """Step the weights for all epochs, in place; return them, or those of the last epoch that went well."""
        xp = namespace(point)
        self.loss_curve_ = np.array([self._first_cost(point, X, codes)])
        memory: Memory = {}
        for _ in range(self.epochs):
            last: AnyArray = xp.asarray(point, copy=True)
            cost = self._pass(point, X, codes, memory)
            self.loss_curve_ = np.append(self.loss_curve_, cost)
            if not (np.isfinite(cost) and bool(xp.all(xp.isfinite(point)))):
                self.diverged_ = True
                return last
            self.n_iter_ += 1
        return point

    def _first_cost(self, point: AnyArray, X: AnyArray, codes: Labels) -> float:
        few = np.arange(min(len(X), self._batch_rows(len(X))))
        cost, _ = self._cost(point, _like(point, X[few]), codes[few], None)
        if not np.isfinite(cost):
            peak = max(float(X.max()), -float(X.min()))
            remedy = "Scale the features; standardize does."
            got = Shown(f"values up to {peak:.3g}")
            constraint = f"small enough for sums in {point.dtype}"
            raise InputError(must_be(type(self).__name__, "X", constraint, got, remedy))
        return cost

    def _pass(self, point: AnyArray, X: AnyArray, codes: Labels, memory: Memory) -> float:
        """Step once for each minibatch, in place, and return the mean cost; broken off where it is no number."""
        rng = np.random.default_rng([self.random_state, 1 + self.n_iter_])
        rule = RULES[self.method]
        options = {"mu": self.momentum} if self.method in ("momentum", "nesterov") else {}
        summed, done = 0.0, 0
        for batch, rows in minibatches(X, self._batch_rows(len(X)), rng):
            cost, gradient = self._cost(point, _like(point, batch), codes[rows], rng)
            summed += cost * len(rows)
            if not np.isfinite(cost):
                return cost
            rate = decayed(
                self.learning_rate, self.decay, self.n_iter_ + done / len(X),
                epochs=self.epochs, factor=self.decay_factor, every=self.decay_epochs,
            )  # fmt: skip
            rule(point, gradient, rate, memory, **options)
            done += len(rows)
        return summed / len(X)

    def _batch_rows(self, n: int) -> int:
        return self.batch_size or min(256, max(16, n // 100))

    def _warn(self) -> None:
        warnings.warn(
            f"{type(self).__name__} with method = {self.method!r} and learning_rate = {self.learning_rate:g} diverged "
            f"in epoch {self.n_iter_ + 1} of {self.epochs}: the cost is no number any more. The model is that of the "
            "epoch before. Lower learning_rate (a third, a tenth), or standardize the features.",
            ConvergenceWarning,
            stacklevel=3,
        )


def _like(point: AnyArray, batch: AnyArray) -> AnyArray:
    """Return rows in the precision of the weights and beside them; a device's rows are so already."""
    if not isinstance(batch, np.ndarray):
        return batch
    return beside(point, batch, "float64" if batch.dtype == np.float64 else "float32")
