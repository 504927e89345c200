"""Linear classifiers for every fold of a cross-validation, out of one fit to all rows.

A fold leaves out a small part of the rows, so its optimum is near that of all rows, and its second derivative is
nearly the same. All rows are therefore fitted first, beginning with one part of them; each fold's search
begins there, with the steps that the whole's search has learned the second derivative from. The sums over the
rows are kept for each part, so that every fold's first gradient is a difference of the whole's. A few more
gradients then suffice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from featbench.numerics.blas import serial_blas
from featbench.numerics.frames import choose_frame
from featbench.numerics.linear import Aim, Batch, LinearFit, fit_linear
from featbench.numerics.losses import Loss
from featbench.numerics.objective import Objective, RowSums, losses_of
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["fit_folds", "fold_scales"]

# The first part of the rows says where to begin, and how the objective curves, for a fraction of the price: if it has
# so many rows for each column, and only so much less exactly, because all rows have their optimum elsewhere.
_ENOUGH = 10
_ROUGH = 10.0

_ROWS = 4096  # whose deviations are in memory at a time

# A fold with a column that varies so many times as much as in all rows, or as little, is a problem of its own: where it
# hardly varies in the fold, the search would leave its weight as the rows that the fold is judged on have made it.
_ALIKE = 2.0

_CONSTANT = 1e-12  # share of a column's variance over all rows that rounding may leave of a constant


def fit_folds(
    X: AnyArray,
    y: Labels,
    n_classes: int,
    loss: Loss,
    regs: Sequence[float],
    parts: Sequence[slice],
    rescaled: bool,
    *,
    max_iter: int,
    tol: float,
    aim: Aim,
) -> list[list[LinearFit]]:
    """Fit one model for each fold and strength of the penalty; a fold learns from the rows outside its part.

    Parameters
    ----------
    X : ndarray of float32 or float64, (n, d), d ≤ n
        Rows, ordered by part.
    y : ndarray of int64, (n,)
        Classes, 0 to n_classes − 1, each of them outside every part.
    n_classes : int
    loss : Loss
    regs : sequence of float
        Positive.
    parts : sequence of slice
        Rows of each fold that it does not learn from; together all rows.
    rescaled : bool
        Whether each fold divides the columns by their standard deviation over its own rows, as all rows have
        been divided by theirs; its penalty is on the weights of columns so divided.
    max_iter, tol, aim
        As in `featbench.numerics.linear.fit_linear`.

    Returns
    -------
    list of list of LinearFit
        ``[fold][reg]``, for rows as they are in `X`.
    """
    batch = Batch(choose_frame(X), n_classes, loss, regs, None, max_iter, aim.within(tol))
    losses = losses_of(loss, y)
    whole = Objective(batch.frame, losses)
    few = parts[0]
    known = None
    if few.stop - few.start >= _ENOUGH * X.shape[1] and len(np.unique(y[few])) == n_classes:
        known = batch.search(Objective(batch.frame, losses, parts=[few]), aim=aim.within(_ROUGH * tol))
    known = batch.search(whole, known)
    points = np.stack([found.point for found in known])
    with serial_blas():
        sums = [whole.sums(points, range(len(regs)), [part]) for part in parts]
    fits = []
    for fold, scale in enumerate(fold_scales(X, batch.frame.centre + batch.frame.shift, parts)):
        others = [part for i, part in enumerate(parts) if i != fold]
        divisor = np.where(scale > 0, scale, 1.0) if rescaled else np.ones_like(scale)
        if scale.max() > _ALIKE or scale.min() < 1 / _ALIKE:
            rows = np.concatenate([X[part] for part in others]) / divisor.astype(X.dtype)
            rows[:, scale == 0] = 0  # its weight is 0, which rounding of its mean would hide
            labels = np.concatenate([y[part] for part in others])
            alone = fit_linear(rows, labels, n_classes, loss, regs, max_iter=max_iter, tol=tol, aim=aim)
            fits.append([replace(fit, coef=fit.coef / divisor) for fit in alone])
            continue
        objective = Objective(batch.frame, losses, parts=others, metric=divisor**2)
        rest = reduce(RowSums.plus, (part for i, part in enumerate(sums) if i != fold))
        found = batch.search(objective, known, objective.penalized(points, batch.regs, rest))
        fits.append(batch.models(found, objective.metric))
    return fits


def fold_scales(X: AnyArray, centre: AnyArray, parts: Sequence[slice]) -> list[Float64Array]:
    """Return how much each column varies over the rows outside each part, as a share of how much over all rows.

    Parameters
    ----------
    X : ndarray, (n, d)
        Rows, ordered by part.
    centre : ndarray, (d,)
        Near their mean.
    parts : sequence of slice

    Returns
    -------
    list of ndarray of float64, (d,)
        Quotients of standard deviations; 0 where a column is constant over a fold's rows alone, 1 where it is over
        all rows.
    """
    numbers = np.array([part.stop - part.start for part in parts])[:, None]
    sums, squares = np.zeros((2, len(parts), X.shape[1]))
    for i, part in enumerate(parts):
        for start in range(part.start, part.stop, _ROWS):
            rows = X[start : min(start + _ROWS, part.stop)] - centre.astype(X.dtype)
            sums[i] += rows.sum(axis=0, dtype=np.float64)
            squares[i] += np.einsum("ij,ij->j", rows, rows, dtype=np.float64)
    level = squares.sum(axis=0) / len(X)
    whole = level - (sums.sum(axis=0) / len(X)) ** 2
    left = len(X) - numbers
    variances = (squares.sum(axis=0) - squares) / left - ((sums.sum(axis=0) - sums) / left) ** 2
    variances[variances <= _CONSTANT * whole] = 0
    varies = whole > _CONSTANT * level
    return list(np.sqrt(np.where(varies, variances / np.where(varies, whole, 1.0), 1.0)))
