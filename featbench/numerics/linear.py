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
from featbench.numerics.frames import choose_frame
from featbench.numerics.lbfgs import Search, lbfgs, minimize_together
from featbench.numerics.losses import Loss
from featbench.numerics.moments import Preconditioner, covariance
from featbench.numerics.objective import Objective, losses_of
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["LinearFit", "fit_linear"]

# A search aims at this share of the tolerance: its own bound takes the bias for the best, in the rows'
# precision; with the best bias the gradient in W is a little different.
_AIM = 0.1

# Where the penalty is tiny beside the curvature of the loss, the bound is far from tight, and with float32 rows
# it may be out of reach. A search then ends when it expects to gain less than this share of the tolerance.
_LEAST_GAIN = 1e-8

# Threads only hold up the factorization of a smaller matrix, above all on a machine with other work.
_SMALL = 2048


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

    Returns
    -------
    list of LinearFit
        In the order of `regs`.
    """
    frame = choose_frame(X, weights)
    objective = Objective(frame, losses_of(loss, y, weights))
    start = np.zeros((n_classes, frame.rows.shape[1] + 1))
    curvature = loss.curvature(n_classes)
    moment = covariance(frame.rows, frame.centre, weights)
    noise = 4 * float(np.finfo(X.dtype).eps)
    strengths = np.asarray(regs, dtype=np.float64)

    def excess(value: float, gradient: Float64Array, reg: float) -> float:
        weights, biases = gradient[:, :-1], gradient[:, -1]
        above = np.vdot(weights, weights) / reg + np.vdot(biases, biases) / curvature
        return float(above) / 2 / value

    def search(reg: float) -> Search:
        return lbfgs(
            start,
            Preconditioner(moment, curvature, reg, X.dtype),
            lambda value, gradient: excess(value, gradient, reg) <= _AIM * tol,
            max_iter=max_iter,
            noise=noise,
            least_gain=_LEAST_GAIN * tol,
        )

    with serial_blas() if len(moment) < _SMALL else nullcontext():
        searches = [search(reg) for reg in strengths]
    with serial_blas():
        found = minimize_together(lambda points, which: objective(points, strengths[which], which), searches)
    return [
        LinearFit(
            *frame.original(end.point),
            excess(end.value, end.gradient, reg),
            end.expected / end.value,
            end.n_iter,
            end.curve,
        )
        for end, reg in zip(found, strengths, strict=True)
    ]
