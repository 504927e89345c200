"""Linear classifiers with weights that are exactly 0 and a loss with kinks: the method of multipliers.

As in `featbench.numerics.augmented`, each round smooths the kinks around the multipliers of the last one, and the
maximizing multipliers of the smoothed loss are the next round's. What is smoothed is minimized by the proximal
gradients of `featbench.numerics.proximal`, until its own duality gap is a share of that of the problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from featbench.numerics.blas import serial_blas
from featbench.numerics.duality import Penalty, balanced, lower_bound
from featbench.numerics.hinges import Hinge
from featbench.numerics.linear import LinearFit
from featbench.numerics.proximal import ProximalSearch, Rows, State
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["fit_sparse_hinges"]

_WIDTH = 1.0  # margins are 1 long
_NARROWER, _NARROWEST, _WIDEST = 0.7, 0.05, 10.0
_SOON = 30  # a search that ends within so many steps leaves room for a narrower width
_STEPS = 500  # a search that needs more is given a wider one
_INNER = 0.3  # share of the gap that a round's search leaves
_AIM = 0.5  # of the tolerance: the certificate's bias and multipliers differ a little
_CHECKED = 5  # steps between two looks at the smoothed problem's gap
_LEAST_GAIN = 1e-7  # of the tolerance, in every of the last steps
_MOST_STALLS = 40


def fit_sparse_hinges(
    X: AnyArray,
    y: Labels,
    n_classes: int,
    hinge: Hinge,
    regs: Sequence[float],
    *,
    l1_ratio: float,
    max_iter: int,
    tol: float,
    weights: Float64Array | None = None,
) -> list[LinearFit]:
    """Fit one model for each strength of the penalty, each from the next stronger one's weights on.

    Parameters
    ----------
    X : ndarray of float32 or float64, (n, d)
        Finite rows. Products with them run in this precision.
    y : ndarray of int64, (n,)
        Classes, 0 to n_classes − 1.
    n_classes : int
    hinge : Hinge
        The loss.
    regs : sequence of float
        Positive.
    l1_ratio : float
        Share of the penalty that is absolute, above 0.
    max_iter : int
        Most steps for each model, all rounds together.
    tol : float
        A model is done where the objective is within this share of its minimum.
    weights : ndarray of float64, (n,), optional
        What each row's loss counts.

    Returns
    -------
    list of LinearFit
        In the order of `regs`; a curve begins where the model began and goes on by rounds.
    """
    rows = Rows(X, y, hinge.loss, weights)
    state = State(np.zeros((n_classes, X.shape[1])), np.zeros(n_classes), rows.none(n_classes))
    multipliers = rows.none(n_classes)
    fits: dict[int, LinearFit] = {}
    with serial_blas():
        for i in sorted(range(len(regs)), key=lambda i: -regs[i]):
            model = _Model(rows, hinge, Penalty(float(regs[i]), l1_ratio), state, multipliers)
            while not model.ended(max_iter, tol):
                model.round(max_iter, tol)
            state, multipliers = model.state, model.multipliers
            fits[i] = model.result()
    return [fits[i] for i in range(len(regs))]


class _Model:
    """One strength of the penalty on its way."""

    def __init__(
        self, rows: Rows, hinge: Hinge, penalty: Penalty, state: State, multipliers: AnyArray
    ) -> None:
        self._rows, self._hinge, self._penalty = rows, hinge, penalty
        self.state, self.multipliers, self._width = state, multipliers, _WIDTH
        self._between = 1.0  # share of the multipliers that are strictly between their bounds
        self._value = rows.value_and_derivatives(state.scores)[0] + penalty.value(state.coef)
        self._curve, self._n_iter, self._stalls = [self._value], 0, 0
        self._gap = 1.0
        self._best = state, multipliers, self._width

    def ended(self, max_iter: int, tol: float) -> bool:
        """Tell whether another round is not needed, not allowed or of no use."""
        return self._gap <= _AIM * tol or self._n_iter >= max_iter or self._stalls == _MOST_STALLS

    def round(self, max_iter: int, tol: float) -> None:
        """Search with smoothed kinks, then update multipliers and gap."""
        search = ProximalSearch(
            self._smoothed(), self._penalty, self.state, max(self._between, 0.02) / self._width
        )
        target = max(_INNER * self._gap, 0.1 * _AIM * tol) * self._value
        n_steps = 0
        while n_steps < min(_STEPS, max_iter - self._n_iter):
            n_steps += 1
            search.step(checked=n_steps % _CHECKED == 0)
            if search.excess <= target or max(search.gains) <= _LEAST_GAIN * tol * self._value:
                break
        self._n_iter += n_steps
        self._take(search.state)
        if n_steps == _STEPS:  # its multipliers are not good enough to go on from
            self._width = min(2 * self._width, _WIDEST)
            return
        self.multipliers = self._next
        if n_steps <= _SOON:
            self._width = max(_NARROWER * self._width, _NARROWEST)

    def result(self) -> LinearFit:
        """Return the model with the least gap so far."""
        state, multipliers, width = self._best
        intercept = state.bias - state.coef @ self._rows.centre
        fit = LinearFit(state.coef, intercept, self._gap, self._gap, self._n_iter, self._curve)
        return replace(fit, multipliers=multipliers, width=width)

    def _smoothed(self) -> Rows:
        """Return the rows under the loss that is smoothed around the multipliers."""
        y, counted, width = self._rows.y, self._rows.weights, np.array([self._width])
        around = self.multipliers

        def losses(scores: AnyArray, part: slice, which: Any) -> tuple[Any, Any]:  # noqa: ARG001
            weights = None if counted is None else counted[part]
            summed, gradient = self._hinge.smoothed(
                scores[None], y[part], around[None, :, part], width, weights
            )
            return summed[0], gradient[0]

        def constant(q: AnyArray, y: Labels) -> AnyArray:
            moved = q - around
            lost: AnyArray = width / 2 * np.einsum("cn,cn->n", moved, moved)
            return np.asarray(self._hinge.loss.constant(q, y) - lost)

        return self._rows.judged_by(replace(self._hinge.loss, constant=constant), losses)

    def _take(self, state: State) -> None:
        """Move to where a search ended, and find the multipliers and the duality gap there."""
        rows, loss = self._rows, self._hinge.loss
        margins = self._hinge.margins(state.scores[None], rows.y)
        width = np.array([self._width])
        self._next = self._hinge.step(margins, rows.y, self.multipliers[None], width)[0]
        self._between = float(np.mean((self._next > 0) & (self._next < 1)))
        self.state = state
        self._value = rows.value_and_derivatives(state.scores)[0] + self._penalty.value(state.coef)
        self._curve.append(self._value)
        feasible = balanced(self._next.astype(np.float64), rows.y, loss, rows.weights)
        derivatives = loss.derivatives(feasible, rows.y)
        if rows.weights is not None:
            derivatives = derivatives * rows.weights
        slopes, _ = rows.products(derivatives.astype(self._next.dtype))
        bound = lower_bound(feasible, rows.y, loss, self._penalty, slopes, rows.weights)
        gap = max(0.0, self._value - max(0.0, bound)) / self._value if self._value > 0 else 0.0
        self._stalls = 0 if gap < 0.9 * self._gap else self._stalls + 1
        if gap <= self._gap:
            self._gap, self._best = gap, (state, self.multipliers, self._width)
