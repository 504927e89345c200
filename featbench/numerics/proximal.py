"""Accelerated proximal gradients: steps towards weights that are exactly 0 where that costs least.

The metric is that of the features' covariance times the loss's second derivative. Each step minimizes a quadratic
model of the loss plus the penalty by coordinate descent. The model is accepted where the loss between two
points is no more curved; momentum is dropped where it leads uphill.

References
----------
A. Beck, M. Teboulle, A fast iterative shrinkage-thresholding algorithm for linear inverse problems, SIAM
Journal on Imaging Sciences 2 (2009), 183-202. doi:10.1137/080716542
B. O'Donoghue, E. Candès, Adaptive restart for accelerated gradient schemes, Foundations of Computational
Mathematics 15 (2015), 715-732. doi:10.1007/s10208-013-9150-3
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass

import numpy as np

from featbench.numerics.descent import factor, shrink_towards
from featbench.numerics.duality import Penalty, lower_bound
from featbench.numerics.frames import weighted_mean
from featbench.numerics.losses import Loss
from featbench.numerics.moments import covariance
from featbench.numerics.objective import RowLosses, losses_of
from featbench.numerics.threads import spread
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["ProximalSearch", "Rows", "State"]

_ROWS = 1024
_REMEMBERED = 10
_NOISE = 4.0  # roundings of a value that are no rise
_STEEPER, _FLATTER = 1.5, 0.97


@dataclass
class State:
    """A point, and the scores of all rows there."""

    coef: Float64Array
    bias: Float64Array
    scores: AnyArray

    def beyond(self, last: State, share: float) -> State:
        """Go on in the direction from the last point to this one."""
        return State(
            self.coef + share * (self.coef - last.coef),
            self.bias + share * (self.bias - last.bias),
            self.scores + self.scores.dtype.type(share) * (self.scores - last.scores),
        )


class ProximalSearch:
    """The way of one model.

    Attributes
    ----------
    state : State
        Where it is.
    value : float
        The objective there.
    excess : float
        The objective is above its minimum by at most so much; of the looks at the duality gap so far, the least.
    gains : deque of float
        What the quadratic models of the last steps expected to gain.
    curve : list of float
        The objective at the start and after each step.
    """

    def __init__(self, rows: Rows, penalty: Penalty, state: State, curvature: float) -> None:
        self._rows, self._penalty, self._curvature = rows, penalty, curvature
        self.state = self._ahead = state
        self._momentum = self._scale = 1.0
        value, _ = rows.value_and_derivatives(state.scores)
        self.value = value + penalty.value(state.coef)
        self.excess = float("inf")
        self.gains: deque[float] = deque([float("inf")], maxlen=_REMEMBERED)
        self.curve = [self.value]

    def step(self, *, checked: bool) -> None:
        """Take a step; look at the duality gap first where that is wanted."""
        ahead, last = self._ahead, self.state
        _, derivatives = self._rows.value_and_derivatives(ahead.scores)
        slopes, sums = self._rows.products(derivatives)
        if checked:
            bound = self._rows.lower_bound(derivatives, self._penalty, slopes)
            self.excess = min(self.excess, max(0.0, self.value - bound) + float(np.abs(sums).sum()))
        while True:
            state, value, curved = self._propose(derivatives, slopes, sums)
            if curved <= 1:
                break
            self._scale *= max(_STEEPER, min(curved, 10.0))
        total = value + self._penalty.value(state.coef)
        self._scale *= _FLATTER
        if total > self.value * (1 + _NOISE * np.finfo(derivatives.dtype).eps) and ahead is not last:
            self._ahead, self._momentum = last, 1.0  # led too far; from the last point itself it goes down
            self.curve.append(self.value)
            return
        uphill = self._product(ahead, state, last) > 0
        momentum = 1.0 if uphill else (1 + np.sqrt(1 + 4 * self._momentum**2)) / 2
        self._ahead = state if uphill else state.beyond(last, (self._momentum - 1) / momentum)
        self._momentum, self.state = momentum, state
        self.value = total
        self.curve.append(self.value)

    def _propose(
        self, derivatives: AnyArray, slopes: Float64Array, sums: Float64Array
    ) -> tuple[State, float, float]:
        """Return the minimum of the model, the loss there, and how curved it is in units of the model."""
        ahead, curvature = self._ahead, self._scale * self._curvature
        coef = shrink_towards(
            self._rows.factor,
            self.state.coef,
            ahead.coef,
            slopes,
            scale=curvature,
            ridge=self._penalty.ridge,
            lasso=self._penalty.lasso,
        )
        bias = ahead.bias - sums / curvature
        state = State(coef, bias, self._rows.scores(coef, bias))
        value, after = self._rows.value_and_derivatives(state.scores)
        moved = (coef - ahead.coef) @ self._rows.factor
        change = np.einsum("cn,cn->", after - derivatives, state.scores - ahead.scores, dtype=np.float64)
        model = curvature * float(np.vdot(moved, moved) + ((bias - ahead.bias) ** 2).sum())
        # A rounded difference of scores is no curvature.
        tiny = float(np.finfo(derivatives.dtype).eps) * self.value
        if change / len(self._rows.y) > model + tiny:
            return state, value, change / len(self._rows.y) / model if model > 0 else _STEEPER
        self.gains.append(model)
        return state, value, 0.0

    def _product(self, ahead: State, state: State, last: State) -> float:
        """Return the product of where the gradient leads away from and where the iterates go."""
        first, second = (
            (ahead.coef - state.coef) @ self._rows.factor,
            (state.coef - last.coef) @ self._rows.factor,
        )
        return float(np.vdot(first, second) + (ahead.bias - state.bias) @ (state.bias - last.bias))


class Rows:
    """Centred rows, their losses, and products with them spread over the threads."""

    def __init__(self, X: AnyArray, y: Labels, loss: Loss, weights: Float64Array | None) -> None:
        n, d = X.shape
        self.y, self.loss, self.weights = y, loss, weights
        self._losses = losses_of(loss, y, weights)
        self.centre = weighted_mean(X, weights)
        self._X = X - self.centre.astype(X.dtype)
        self.centre = self.centre.astype(X.dtype).astype(np.float64)
        if d <= n:
            self.factor = factor(covariance(self._X, np.zeros(d), weights))
        else:
            counted = self._X if weights is None else self._X * np.sqrt(weights)[:, None]
            self.factor = np.ascontiguousarray(counted.T, dtype=np.float64) / np.sqrt(n)

    def judged_by(self, loss: Loss, losses: RowLosses) -> Rows:
        """Return the same rows with another loss, which may differ from row to row."""
        other = copy.copy(self)
        other.loss, other._losses = loss, losses
        return other

    def none(self, n_classes: int) -> AnyArray:
        """Return scores of 0."""
        return np.zeros((n_classes, len(self._X)), dtype=self._X.dtype)

    def scores(self, coef: Float64Array, bias: Float64Array) -> AnyArray:
        """Return the scores of all rows, ``(n_classes, n)``."""
        scores = self.none(len(coef))
        narrow, offsets = coef.astype(scores.dtype), bias.astype(scores.dtype)[:, None]

        def work(first: int, stop: int) -> None:
            for part in _parts(first, stop):
                scores[:, part] = narrow @ self._X[part].T + offsets

        spread(work, -(-len(self._X) // _ROWS))
        return scores

    def value_and_derivatives(self, scores: AnyArray) -> tuple[float, AnyArray]:
        """Return the mean loss and each row's derivatives, counted by its weight."""
        losses = np.empty(-(-len(self._X) // _ROWS))
        derivatives = np.empty_like(scores)

        def work(first: int, stop: int) -> None:
            for chunk, part in enumerate(_parts(first, stop), first):
                losses[chunk], derivatives[:, part] = self._losses(scores[:, part], part, None)

        spread(work, len(losses))
        return float(losses.sum()) / len(self._X), derivatives

    def lower_bound(self, derivatives: AnyArray, penalty: Penalty, slopes: Float64Array) -> float:
        """Return the dual objective at the multipliers that belong to derivatives."""
        multipliers = np.abs(derivatives).astype(np.float64)
        if self.weights is not None:
            multipliers /= self.weights
        return lower_bound(multipliers, self.y, self.loss, penalty, slopes, self.weights)

    def products(self, derivatives: AnyArray) -> tuple[Float64Array, Float64Array]:
        """Return the means over rows of derivatives times features, and of derivatives."""
        n_classes, n = derivatives.shape
        outer = np.empty((-(-n // _ROWS), n_classes, self._X.shape[1]), dtype=self._X.dtype)

        def work(first: int, stop: int) -> None:
            for chunk, part in enumerate(_parts(first, stop), first):
                np.matmul(derivatives[:, part], self._X[part], out=outer[chunk])

        spread(work, len(outer))
        return outer.sum(axis=0, dtype=np.float64) / n, derivatives.sum(axis=1, dtype=np.float64) / n


def _parts(first: int, stop: int) -> list[slice]:
    return [slice(chunk * _ROWS, (chunk + 1) * _ROWS) for chunk in range(first, stop)]
