"""Linear classifiers whose loss has kinks, by the method of multipliers.

Each round smooths the kinks around the multipliers of the last one (`featbench.numerics.hinges`) and searches
with preconditioned L-BFGS, all strengths of the penalty in one batch. The maximizing multipliers of
the smoothed loss are the next round's; they converge to the dual solution, and the width of the
smoothing need not vanish. Multipliers q give a lower bound on the minimum, for each row's loss
``Σ_j q_j m_j − quadratic(q)`` with the derivative a with respect to the scores::

    mean over rows of Σ_j q_j · (constant of m_j) − quadratic(q)   −   ‖mean over rows of a xᵀ‖² / (2 reg)

wherever the mean of a is 0, as it is at the best bias. A model is done when the bound is near enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from featbench.numerics.blas import serial_blas
from featbench.numerics.frames import choose_frame
from featbench.numerics.hinges import Hinge
from featbench.numerics.lbfgs import Found, Search, lbfgs, minimize_together
from featbench.numerics.linear import LinearFit
from featbench.numerics.moments import Preconditioner, covariance
from featbench.numerics.objective import Objective, losses_of
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["fit_augmented"]

_WIDTH = 1.0  # margins are 1 long
_NARROWER = 0.7
_SOON = 100  # a search that ends within so many steps leaves room for a narrower width
_STEPS = 300  # a search that needs more is given a wider one
_INNER = 0.1  # share of the gap that a round's search leaves
_AIM = 0.5  # of the tolerance: the certificate's bias and multipliers differ a little
_LEAST_GAIN = 1e-10
_MOST_STALLS = 10


@dataclass
class _Model:
    """One strength of the penalty on its way."""

    reg: float
    point: Float64Array
    value: float
    width: float = _WIDTH
    spread: float = 1.0  # share of the multipliers that are strictly between their bounds
    gap: float = 1.0
    n_iter: int = 0
    curve: list[float] = field(default_factory=list)
    stalls: int = 0
    accepted: bool = False
    best: tuple[Float64Array, AnyArray, float] | None = None  # point, multipliers and width of the least gap

    def search(self, moment: Float64Array, dtype: Any, max_iter: int, tol: float) -> Search:
        """Return the search of the next round."""
        curvature = max(self.spread, 0.02) / self.width
        target = max(_INNER * min(self.gap, 1.0), 0.1 * _AIM * tol) * self.value

        def done(value: float, gradient: Float64Array) -> bool:  # noqa: ARG001 - the smoothed value is no scale
            weights, biases = gradient[:, :-1], gradient[:, -1]
            return float(np.vdot(weights, weights) / (2 * self.reg) + np.abs(biases).sum()) <= target

        return lbfgs(
            self.point,
            Preconditioner(moment, curvature, self.reg, dtype),
            done,
            max_iter=min(_STEPS, max_iter - self.n_iter),
            noise=4 * float(np.finfo(dtype).eps),
            least_gain=_LEAST_GAIN * tol,
        )

    def take(self, found: Found, multipliers: AnyArray, value: float, bound: float, residual: float) -> bool:
        """Move to where a search ended; return whether its multipliers are good enough for the next round.

        Parameters
        ----------
        found : Found
        multipliers : ndarray, (n_classes, n)
            Those that the round began with.
        value, bound, residual : float
            The objective there, what it is never below, and what the bias leaves uncertain of that.
        """
        self.point, self.value = found.point, value
        self.n_iter += found.n_iter
        self.curve.append(value)
        gap = (value - bound + residual) / value if value > 0 else 0.0
        self.stalls = 0 if gap < 0.9 * self.gap else self.stalls + 1
        if self.best is None or gap < self.gap:
            self.gap = min(1.0, max(gap, 0.0))
            self.best = found.point, multipliers.copy(), self.width
        return found.n_iter < _STEPS

    def ended(self, max_iter: int, tol: float) -> bool:
        """Tell whether another round is not needed, not allowed or of no use."""
        return self.gap <= _AIM * tol or self.n_iter >= max_iter or self.stalls == _MOST_STALLS


def fit_augmented(
    X: AnyArray,
    y: Labels,
    n_classes: int,
    hinge: Hinge,
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
        Finite rows. Matrix products and multipliers are of this precision.
    y : ndarray of int64, (n,)
        Classes, 0 to n_classes − 1.
    n_classes : int
    hinge : Hinge
        The loss.
    regs : sequence of float
        Positive.
    max_iter : int
        Most iterations for each model, all rounds together.
    tol : float
        A model is done where the objective is within this share of its minimum.
    weights : ndarray of float64, (n,), optional
        What each row's loss counts.

    Returns
    -------
    list of LinearFit
        In the order of `regs`. The curve holds the objective at W = 0 and after each round.
    """
    batch = _Batch(X, y, n_classes, hinge, regs, weights)
    going = list(range(len(regs)))
    fits: dict[int, LinearFit] = {}
    with serial_blas():
        while going:
            batch.round(going, max_iter, tol)
            for i in [i for i in going if batch.models[i].ended(max_iter, tol)]:
                fits[i] = batch.result(i)
                going.remove(i)
    return [fits[i] for i in range(len(regs))]


class _Batch:
    """Models and their multipliers, ``(n_models, n_classes, n)``."""

    def __init__(
        self,
        X: AnyArray,
        y: Labels,
        n_classes: int,
        hinge: Hinge,
        regs: Sequence[float],
        weights: Float64Array | None,
    ) -> None:
        self._y, self._hinge, self._weights = y, hinge, weights
        self._frame = choose_frame(X, weights)
        self._moment = covariance(self._frame.rows, self._frame.centre, weights)
        self._now = np.zeros((len(regs), n_classes, len(X)), dtype=X.dtype)
        self._next = np.zeros_like(self._now)
        start = np.zeros((n_classes, self._frame.rows.shape[1] + 1))
        at_zero = float(hinge.loss.value_and_gradient(np.zeros((n_classes, len(y))), y, weights)[0]) / len(y)
        self.models = [_Model(float(reg), start, at_zero, curve=[at_zero]) for reg in regs]
        self._plain = losses_of(hinge.loss, y, weights)

    def round(self, going: Sequence[int], max_iter: int, tol: float) -> None:
        """Search with smoothed kinks, then update multipliers and gaps."""
        models = [self.models[i] for i in going]
        for i, model in zip(going, models, strict=True):
            if model.accepted:
                self._now[i] = self._next[i]
        regs = np.array([model.reg for model in models])
        smoothed = Objective(self._frame, self._smoothed)
        searches = [model.search(self._moment, self._now.dtype, max_iter, tol) for model in models]
        found = minimize_together(
            lambda points, which: smoothed(points, regs[which], [going[w] for w in which]), searches
        )
        points = np.stack([end.point for end in found])
        values, gradients = Objective(self._frame, self._multiply)(points, regs, going)
        for i, model, end, value, gradient in zip(going, models, found, values, gradients, strict=True):
            used = model.width
            outer = gradient[:, :-1] - model.reg * end.point[:, :-1]
            bound = self._constant(i) - float(np.vdot(outer, outer)) / (2 * model.reg)
            residual = float(np.abs(gradient[:, -1]).sum())
            good = model.take(end, self._now[i], float(value), bound, residual)
            model.accepted, model.spread = good, self._between(i)
            if not good:
                model.width = 2 * used
            elif end.n_iter <= _SOON:
                model.width = _NARROWER * used

    def result(self, i: int) -> LinearFit:
        """Return a model that has ended."""
        model = self.models[i]
        assert model.best is not None
        point, multipliers, width = model.best
        coef, intercept = self._frame.original(point)
        return LinearFit(coef, intercept, model.gap, model.gap, model.n_iter, model.curve, multipliers, width)

    def _smoothed(self, scores: AnyArray, part: slice, which: Any) -> tuple[Any, Any]:
        widths = np.array([self.models[i].width for i in which])
        weights = None if self._weights is None else self._weights[part]
        return self._hinge.smoothed(scores, self._y[part], self._now[which, :, part], widths, weights)

    def _multiply(self, scores: AnyArray, part: slice, which: Any) -> tuple[Any, Any]:
        """Return the plain losses, and the gradient by the new multipliers, which are kept."""
        y, widths = self._y[part], np.array([self.models[i].width for i in which])
        found = self._hinge.step(self._hinge.margins(scores, y), y, self._now[which, :, part], widths)
        self._next[which, :, part] = found
        gradient = self._hinge.loss.derivatives(found, y)
        if self._weights is not None:
            gradient *= self._weights[part].astype(gradient.dtype)
        return self._plain(scores, part, which)[0], gradient

    def _constant(self, i: int) -> float:
        """Return the mean over rows of what the multipliers give at scores of 0."""
        rows = self._hinge.loss.constant(self._next[i].astype(np.float64), self._y)
        return float(np.mean(rows if self._weights is None else rows * self._weights))

    def _between(self, i: int) -> float:
        multipliers = self._next[i]
        return float(np.mean((multipliers > 0) & (multipliers < 1)))
