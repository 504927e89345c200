"""The best bias for given weights: a convex problem with one unknown a class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from featbench.numerics.lbfgs import lbfgs, minimize_together
from featbench.types import Float64Array

__all__ = ["best_bias"]

_GRADIENT = 1e-10  # of the mean loss: below it, a better bias gains less than rounding does


def best_bias(
    n_classes: int, losses: Callable[[Float64Array], tuple[float, Float64Array]], curvature: float
) -> Float64Array:
    """Return what to add to each class's scores so that the mean loss is smallest.

    Parameters
    ----------
    n_classes : int
    losses : callable
        ``what is added, (n_classes,) -> (mean loss, its derivatives)``.
    curvature : float
        About the mean second derivative with respect to one score.

    Returns
    -------
    ndarray of float64, (n_classes,)
    """

    def evaluate(points: Float64Array, numbers: list[int]) -> tuple[Float64Array, Float64Array]:  # noqa: ARG001
        mean, derivatives = losses(points[0])
        return np.array([mean]), derivatives[None]

    search = lbfgs(
        np.zeros(n_classes),
        lambda gradient: gradient / curvature,
        lambda value, gradient: float(np.max(np.abs(gradient))) <= _GRADIENT * abs(value),
        max_iter=100,
        noise=4 * float(np.finfo(np.float64).eps),
    )
    return minimize_together(evaluate, [search])[0].point
