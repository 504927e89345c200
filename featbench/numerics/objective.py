"""The penalized mean loss of many linear models at once, and its gradients, block by block of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from featbench.numerics.frames import Frame
from featbench.numerics.losses import Loss
from featbench.numerics.threads import spread
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Objective", "RowLosses", "losses_of"]

# Rows that one thread scores at a time: some hundred columns of scores stay in its cache.
_ROWS = 1024

RowLosses: TypeAlias = Callable[[AnyArray, slice, Any], tuple[Any, Any]]
"""``(scores (n_models, n_classes, rows), which rows, which models) -> (summed losses, gradient)``."""


def losses_of(loss: Loss, y: Labels, weights: AnyArray | None = None) -> RowLosses:
    """Return a loss as a function of blocks of rows.

    Parameters
    ----------
    loss : Loss
    y : ndarray of int64, (n,)
    weights : ndarray, (n,), optional
        What each row's loss counts.
    """

    def of_rows(scores: AnyArray, part: slice, which: Any) -> tuple[Any, Any]:  # noqa: ARG001
        counted = None if weights is None else weights[part]
        return loss.value_and_gradient(scores, y[part], counted)

    return of_rows


class Objective:
    """The objective at points ``(n_models, n_classes, r + 1)``: weights of centred rows, the bias last.

    Parameters
    ----------
    frame : Frame
        The rows.
    losses : callable
        What is summed over them; called by several threads.
    """

    def __init__(self, frame: Frame, losses: RowLosses) -> None:
        self._rows, self._losses = frame.rows, losses
        self._centre = frame.centre.astype(np.float64)

    def __call__(
        self, points: Float64Array, regs: Float64Array, which: Sequence[int]
    ) -> tuple[Float64Array, Float64Array]:
        """Return values ``(n_models,)`` and gradients shaped like `points`.

        Parameters
        ----------
        points : ndarray of float64
        regs : ndarray of float64, (n_models,)
            Strengths of the penalty ``reg / 2 · ‖W‖²``.
        which : sequence of int
            Passed on to the losses.
        """
        n, dtype = len(self._rows), self._rows.dtype
        weights = points[..., :-1].astype(dtype)
        biases = (points[..., -1] - weights @ self._centre).astype(dtype)
        losses, sums, outer = self._sum_over_rows(weights, biases, which)
        gradients = np.empty_like(points)
        gradients[..., :-1] = (outer - sums[..., None] * self._centre) / n
        gradients[..., :-1] += regs[:, None, None] * points[..., :-1]
        gradients[..., -1] = sums / n
        penalties = regs / 2 * np.einsum("mcd,mcd->m", points[..., :-1], points[..., :-1])
        return losses / n + penalties, gradients

    def _sum_over_rows(
        self, weights: AnyArray, biases: AnyArray, which: Sequence[int]
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
                    losses[chunk], gradient = self._losses(batch, part, which)
                    gradient = gradient.reshape(columns, -1)
                    np.sum(gradient, axis=1, dtype=np.float64, out=sums[chunk])
                    np.matmul(gradient, self._rows[part], out=outer[chunk])

        spread(work, len(starts))
        shape = n_models, n_classes
        total = outer.sum(axis=0, dtype=np.float64)
        return losses.sum(axis=0), sums.sum(axis=0).reshape(shape), total.reshape(*shape, d)
