"""Linear classifiers with a quadratic penalty, fitted for many strengths of the penalty at once.

The objective of one model, for rows x of class y, is::

    mean over rows of loss(W x + b, y)  +  reg / 2 · ‖W‖²

each row's loss counted by its weight, where weights are given.

It is strongly convex in W with the constant reg, so with b at its best for W the objective is above its
minimum by at most ``‖gradient in W‖² / (2 reg)``. Each search ends by that bound where it can;
`featbench.numerics.optimality` states it anew, in float64, for a fitted model.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from featbench.numerics.blas import serial_blas
from featbench.numerics.frames import Frame, choose_frame
from featbench.numerics.lbfgs import Found, Search, lbfgs, minimize_together
from featbench.numerics.losses import Loss
from featbench.numerics.moments import Preconditioner, covariance
from featbench.numerics.objective import Objective, losses_of
from featbench.types import AnyArray, Float64Array, Labels

__all__ = [
    "CURVED_ORDER",
    "EXACT",
    "FEW_ORDER",
    "ORDER",
    "Aim",
    "Batch",
    "LinearFit",
    "fit_linear",
    "search_aim",
]

# Threads only hold up the factorization of a smaller matrix, above all on a machine with other work.
_SMALL = 2048

# Bytes of factors that are in memory together; where those of all models need more, models are searched for in turn.
_FACTORS = 2**30


@dataclass(frozen=True)
class Aim:
    """Where a search ends, as shares of the tolerance.

    Attributes
    ----------
    bound : float
        The bound on what the objective may still fall by.
    gain : float
        What the search expects to gain. Where the penalty is tiny beside the curvature of the loss, the bound
        is far from tight, and with float32 rows it may be out of reach; this then decides.
    """

    bound: float
    gain: float

    def within(self, tol: float) -> Aim:
        """Return the aim as shares of the objective."""
        return Aim(self.bound * tol, self.gain * tol)


EXACT = Aim(bound=0.1, gain=1e-8)
"""Of a model that is kept. A search's own bound takes the bias for the best, in the rows' precision; with the best
bias the gradient in W is a little different, and the statement about the fitted model must hold."""

ORDER = Aim(bound=0.5, gain=0.05)
"""Of models that are compared and thrown away: their order is what counts. What a search expected to gain was up to
ten times too small on features of images, twenty-five times on columns that nearly depend on one another, so that
this leaves half the tolerance, or little more than all of it."""

CURVED_ORDER = Aim(bound=0.5, gain=0.3)
"""The same for a loss with a second derivative everywhere, of which a search knows more. On HOG features of CIFAR-10
100 models of softmax, with a tolerance of 1e-3, ended at most 4e-4 above their minima."""

FEW_ORDER = Aim(bound=0.5, gain=1e-3)
"""The same for few rows a column, where training rows are nearly all right, the objective is small and its second
derivative far from the one that a search begins with. On 45,000 rows of 6,400 visual words a gain of 0.1 left the
objective within 1e-3 of where ten times as many gradients brought it, and no accuracy moved by more than a row in
800."""

_MANY = 50  # rows a column: with fewer, squared hinges that ended by the estimate were a hundredth above the minimum


def search_aim(X: AnyArray, loss: object) -> Aim:
    """Return how near models of these rows are brought that are only compared."""
    if len(X) < _MANY * X.shape[1]:
        return FEW_ORDER
    return CURVED_ORDER if isinstance(loss, Loss) and loss.curved else ORDER


@dataclass(frozen=True)
class LinearFit:
    """A fitted model.

    Attributes
    ----------
    coef : ndarray of float64, (n_classes, d)
    intercept : ndarray of float64, (n_classes,)
    bound : float
        The objective is above its minimum by at most this share of itself, as far as the search can tell.
    expected : float
        What its quadratic model still expects to gain, as a share of the objective; an estimate.
    n_iter : int
    curve : list of float
        Objective at W = 0 and after each iteration.
    multipliers : ndarray, (n_classes, n), or None
        Dual variables that the last round of a loss with kinks began with.
    width : float
        Of the smoothed kinks in that round.
    """

    coef: Float64Array
    intercept: Float64Array
    bound: float
    expected: float
    n_iter: int
    curve: list[float]
    multipliers: AnyArray | None = None
    width: float = 0.0


def fit_linear(
    X: AnyArray,
    y: Labels,
    n_classes: int,
    loss: Loss,
    regs: Sequence[float],
    *,
    max_iter: int,
    tol: float,
    weights: Float64Array | None = None,
    aim: Aim = EXACT,
) -> list[LinearFit]:
    """Fit one model for each strength of the penalty, all in one batch.

    Parameters
    ----------
    X : ndarray of float32 or float64, (n, d)
        Finite rows. Matrix products run in this precision, their sums and everything else in float64.
    y : ndarray of int64, (n,)
        Classes, 0 to n_classes − 1.
    n_classes : int
    loss : Loss
    regs : sequence of float
        Positive.
    max_iter : int
        Most iterations of each search.
    tol : float
        A search ends where the objective is within this share of its minimum.
    weights : ndarray of float64, (n,), optional
        What each row's loss counts; their mean is near 1.
    aim : Aim, optional
        How well within.

    Returns
    -------
    list of LinearFit
        In the order of `regs`.
    """
    batch = Batch(choose_frame(X, weights), n_classes, loss, regs, weights, max_iter, aim.within(tol))
    objective = Objective(batch.frame, losses_of(loss, y, weights))
    return batch.models(batch.search(objective))


class Batch:
    """Models of the same rows with several strengths of the penalty, searched for together.

    Parameters
    ----------
    frame : Frame
    n_classes : int
    loss : Loss
    regs : sequence of float
    weights : ndarray of float64, (n,), or None
    max_iter : int
    aim : Aim
        As shares of the objective.
    """

    def __init__(
        self,
        frame: Frame,
        n_classes: int,
        loss: Loss,
        regs: Sequence[float],
        weights: Float64Array | None,
        max_iter: int,
        aim: Aim,
    ) -> None:
        self.frame, self.regs = frame, np.asarray(regs, dtype=np.float64)
        self._max_iter, self._aim = max_iter, aim
        self._curvature = loss.curvature(n_classes)
        self._start = np.zeros((n_classes, frame.rows.shape[1] + 1))
        moment = covariance(frame.rows, frame.centre, weights)
        self._at_once = max(1, _FACTORS // (moment.size * frame.rows.itemsize))
        together = self._at_once >= len(self.regs)
        self._kept = self._preconditioners(moment, range(len(self.regs))) if together else None
        self._moment = None if together else moment  # needed no more, and as large as two factors

    def search(
        self,
        objective: Objective,
        known: Sequence[Found] | None = None,
        first: tuple[Float64Array, Float64Array] | None = None,
        aim: Aim | None = None,
    ) -> list[Found]:
        """Minimize an objective for each strength of the penalty.

        Parameters
        ----------
        objective : Objective
            Of the rows, or of most of them.
        known : sequence of Found, optional
            Where to begin: the minima of nearly the same objective; at W = 0 by default.
        first : tuple, optional
            Values and gradients there.
        aim : Aim, optional
            Another than the batch's, as shares of the objective.
        """
        found: list[Found] = []
        for start in range(0, len(self.regs), self._at_once):
            numbers = range(start, min(start + self._at_once, len(self.regs)))
            here = None if first is None else (first[0][start : numbers.stop], first[1][start : numbers.stop])
            found += self._search(numbers, objective, known, here, aim or self._aim)
        return found

    def _search(
        self,
        numbers: range,
        objective: Objective,
        known: Sequence[Found] | None,
        first: tuple[Float64Array, Float64Array] | None,
        aim: Aim,
    ) -> list[Found]:
        """Search for those models whose preconditioners are in memory together."""
        noise = 4 * float(np.finfo(self.frame.rows.dtype).eps)

        def one(i: int, precondition: Preconditioner) -> Search:
            return lbfgs(
                self._start if known is None else known[i].point,
                precondition,
                lambda value, gradient: (
                    self._excess(value, gradient, self.regs[i], objective.metric) <= aim.bound
                ),
                max_iter=self._max_iter,
                noise=noise,
                least_gain=aim.gain,
                known=() if known is None else known[i].pairs,
            )

        def evaluate(points: AnyArray, which: list[int]) -> tuple[Float64Array, Float64Array]:
            models = [numbers[i] for i in which]
            return objective(points, self.regs[models], models)

        preconditioners = self._kept
        if preconditioners is None:
            assert self._moment is not None
            preconditioners = self._preconditioners(self._moment, numbers)
        with serial_blas():
            searches = [
                one(i, precondition) for i, precondition in zip(numbers, preconditioners, strict=True)
            ]
            return minimize_together(evaluate, searches, first)

    def _preconditioners(self, moment: AnyArray, numbers: range) -> list[Preconditioner]:
        dtype = self.frame.rows.dtype
        with serial_blas() if len(moment) < _SMALL else nullcontext():
            return [Preconditioner(moment, self._curvature, self.regs[i], dtype) for i in numbers]

    def models(self, found: Sequence[Found], metric: Float64Array | float = 1.0) -> list[LinearFit]:
        """Return the models of the original rows where searches ended."""
        return [
            LinearFit(
                *self.frame.original(end.point),
                self._excess(end.value, end.gradient, reg, metric),
                end.expected / end.value,
                end.n_iter,
                end.curve,
            )
            for end, reg in zip(found, self.regs, strict=True)
        ]

    def _excess(
        self, value: float, gradient: Float64Array, reg: float, metric: Float64Array | float
    ) -> float:
        weights, biases = gradient[:, :-1], gradient[:, -1]
        above = np.sum(weights * weights / metric) / reg + np.vdot(biases, biases) / self._curvature
        return float(above) / 2 / value
