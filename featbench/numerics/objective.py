"""The penalized mean loss of many linear models at once, and its gradients, block by block of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from featbench.numerics.frames import Frame
from featbench.numerics.losses import Loss
from featbench.numerics.threads import spread
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Objective", "RowLosses", "RowSums", "losses_of"]

# Rows that one thread scores at a time: some hundred columns of scores stay in its cache.
_ROWS = 1024

# Derivatives by weight of so many blocks of rows are in memory together: as many as take this, 16 at the least.
_SUMMED_BYTES = 2**26
_LEAST_BLOCKS = 16

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


class RowSums(NamedTuple):
    """Sums over rows, for each model; those of disjoint rows add up.

    Attributes
    ----------
    losses : ndarray of float64, (n_models,)
    by_score : ndarray of float64, (n_models, n_classes)
        Derivatives of the losses by score.
    by_weight : ndarray of float64, (n_models, n_classes, r)
        The same times the rows, which are not centred.
    """

    losses: Float64Array
    by_score: Float64Array
    by_weight: Float64Array

    def plus(self, other: RowSums) -> RowSums:
        """Return the sums over the rows of both."""
        return RowSums(*(a + b for a, b in zip(self, other, strict=True)))


class Objective:
    """The objective at points ``(n_models, n_classes, r + 1)``: weights of centred rows, the bias last.

    Parameters
    ----------
    frame : Frame
        The rows.
    losses : callable
        What is summed over them; called by several threads.
    parts : sequence of slice, optional
        The rows that count; all by default.
    metric : ndarray of float64, (r,), optional
        What the square of each column's weights counts in the penalty; 1 by default.
    """

    def __init__(
        self,
        frame: Frame,
        losses: RowLosses,
        *,
        parts: Sequence[slice] | None = None,
        metric: Float64Array | None = None,
    ) -> None:
        self._rows, self._losses = frame.rows, losses
        self._centre = frame.centre.astype(np.float64)
        self._parts = [slice(0, len(self._rows))] if parts is None else parts
        self._n = sum(part.stop - part.start for part in self._parts)
        self.metric = np.ones(self._rows.shape[1]) if metric is None else metric

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
        return self.penalized(points, regs, self.sums(points, which, self._parts))

    def penalized(
        self, points: Float64Array, regs: Float64Array, sums: RowSums
    ) -> tuple[Float64Array, Float64Array]:
        """Return values and gradients where the sums over the rows that count are known."""
        weights = points[..., :-1]
        gradients = np.empty_like(points)
        gradients[..., :-1] = (sums.by_weight - sums.by_score[..., None] * self._centre) / self._n
        pulls = weights * self.metric * regs[:, None, None]
        gradients[..., :-1] += pulls
        gradients[..., -1] = sums.by_score / self._n
        return sums.losses / self._n + np.einsum("mcd,mcd->m", weights, pulls) / 2, gradients

    def sums(self, points: Float64Array, which: Sequence[int], parts: Sequence[slice]) -> RowSums:
        """Sum the losses, their derivatives by score, and those times the rows.

        The rows are cut at the same places whatever the number of threads, so the sums are the same too.
        """
        dtype = self._rows.dtype
        weights = points[..., :-1].astype(dtype)
        biases = (points[..., -1] - weights @ self._centre).astype(dtype)
        n_models, n_classes, d = weights.shape
        columns = n_models * n_classes
        flat, offsets = weights.reshape(columns, d), biases.reshape(columns, 1)
        chunks = [
            slice(start, min(start + _ROWS, part.stop))
            for part in parts
            for start in range(part.start, part.stop, _ROWS)
        ]
        losses = np.empty((len(chunks), n_models))
        by_score = np.empty((len(chunks), columns), dtype=dtype)
        together = max(_LEAST_BLOCKS, _SUMMED_BYTES // (columns * d * dtype.itemsize))
        by_weight = np.empty((min(together, len(chunks)), columns, d), dtype=dtype)
        summed = np.zeros((columns, d))
        ones = np.ones(_ROWS, dtype=dtype)

        def work(begin: int, first: int, stop: int) -> None:
            for i in range(begin + first, begin + stop):
                rows = self._rows[chunks[i]]
                # A step that is much too long may overflow; its value is not finite and it is refused.
                with np.errstate(over="ignore", invalid="ignore"):
                    scores = flat @ rows.T
                    scores += offsets
                    batch = scores.reshape(n_models, n_classes, -1)
                    losses[i], gradient = self._losses(batch, chunks[i], which)
                    gradient = gradient.reshape(columns, -1)
                    np.matmul(gradient, ones[: len(rows)], out=by_score[i])
                    np.matmul(gradient, rows, out=by_weight[i - begin])

        for begin in range(0, len(chunks), together):
            n_blocks = min(together, len(chunks) - begin)
            spread(partial(work, begin), n_blocks)
            summed += by_weight[:n_blocks].sum(axis=0, dtype=np.float64)
        shape = n_models, n_classes
        return RowSums(
            losses.sum(axis=0),
            by_score.sum(axis=0, dtype=np.float64).reshape(shape),
            summed.reshape(*shape, d),
        )
