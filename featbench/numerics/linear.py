"""Linear classifiers with a quadratic penalty, fitted for many strengths of the penalty at once.

The objective of one model, for rows x of class y, is::

    mean over rows of loss(W x + b, y)  +  reg / 2 · ‖W‖²

It is strongly convex in W with the constant reg, so with b at its best for W the objective is above its
minimum by at most ``‖gradient in W‖² / (2 reg)``. Each search ends by that bound where it can;
`featbench.numerics.optimality` states it anew, in float64, for a fitted model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featbench.numerics.blas import serial_blas
from featbench.numerics.frames import Frame, choose_frame
from featbench.numerics.lbfgs import Search, lbfgs, minimize_together
from featbench.numerics.losses import Loss
from featbench.numerics.moments import Preconditioner, covariance
from featbench.numerics.threads import spread
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["LinearFit", "fit_linear"]

# Rows that one thread scores at a time: some hundred columns of scores stay in its cache.
_ROWS = 1024

# A search aims at this share of the tolerance: its own bound takes the bias for the best, in the rows'
# precision; with the best bias the gradient in W is a little different.
_AIM = 0.1

# Where the penalty is tiny beside the curvature of the loss, the bound is far from tight, and with float32 rows
# it may be out of reach. A search then ends when it expects to gain less than this share of the tolerance.
_LEAST_GAIN = 1e-8


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
    """

    coef: Float64Array
    intercept: Float64Array
    bound: float
    expected: float
    n_iter: int
    curve: list[float]


def fit_linear(
    X: AnyArray, y: Labels, n_classes: int, loss: Loss, regs: Sequence[float], *, max_iter: int, tol: float
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

    Returns
    -------
    list of LinearFit
        In the order of `regs`.
    """
    frame = choose_frame(X)
    objective = _Objective(frame, y, loss)
    start = np.zeros((n_classes, frame.rows.shape[1] + 1))
    curvature = loss.curvature(n_classes)
    moment = covariance(frame.rows, frame.centre)
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

    searches = [search(reg) for reg in strengths]
    with serial_blas():
        found = minimize_together(lambda points, which: objective(points, strengths[which]), searches)
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


class _Objective:
    """The objective at points ``(n_models, n_classes, r + 1)``: weights of centred rows, the bias last."""

    def __init__(self, frame: Frame, y: Labels, loss: Loss) -> None:
        self._rows, self._y, self._loss = frame.rows, y, loss
        self._centre = frame.centre.astype(np.float64)

    def __call__(self, points: Float64Array, regs: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return values ``(n_models,)`` and gradients shaped like `points`."""
        n, dtype = len(self._rows), self._rows.dtype
        weights = points[..., :-1].astype(dtype)
        biases = (points[..., -1] - weights @ self._centre).astype(dtype)
        losses, sums, outer = self._sum_over_rows(weights, biases)
        gradients = np.empty_like(points)
        gradients[..., :-1] = (outer - sums[..., None] * self._centre) / n
        gradients[..., :-1] += regs[:, None, None] * points[..., :-1]
        gradients[..., -1] = sums / n
        penalties = regs / 2 * np.einsum("mcd,mcd->m", points[..., :-1], points[..., :-1])
        return losses / n + penalties, gradients

    def _sum_over_rows(
        self, weights: AnyArray, biases: AnyArray
    ) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Sum the losses, their derivatives by score, and those times the rows.

        The rows are cut at the same places whatever the number of threads, so the sums are the same too.
        """
        n_models, n_classes, d = weights.shape
        columns = n_models * n_classes
        flat, offsets = weights.reshape(columns, d), biases.reshape(columns, 1)
        starts = range(0, len(self._rows), _ROWS)
        losses = np.empty((len(starts), n_models))
        sums = np.empty((len(starts), columns))
        outer = np.empty((len(starts), columns, d), dtype=weights.dtype)

        def work(first: int, stop: int) -> None:
            for chunk in range(first, stop):
                part = slice(starts[chunk], starts[chunk] + _ROWS)
                # A step that is much too long may overflow; its value is not finite and it is refused.
                with np.errstate(over="ignore", invalid="ignore"):
                    scores = flat @ self._rows[part].T
                    scores += offsets
                    batch = scores.reshape(n_models, n_classes, -1)
                    losses[chunk], gradient = self._loss.value_and_gradient(batch, self._y[part])
                    gradient = gradient.reshape(columns, -1)
                    np.sum(gradient, axis=1, dtype=np.float64, out=sums[chunk])
                    np.matmul(gradient, self._rows[part], out=outer[chunk])

        spread(work, len(starts))
        shape = n_models, n_classes
        total = outer.sum(axis=0, dtype=np.float64)
        return losses.sum(axis=0), sums.sum(axis=0).reshape(shape), total.reshape(*shape, d)
