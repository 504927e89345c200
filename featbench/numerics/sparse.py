"""Linear classifiers with weights that are exactly 0: smooth losses with an L1 or elastic-net penalty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from featbench.numerics.blas import serial_blas
from featbench.numerics.duality import Penalty
from featbench.numerics.linear import LinearFit
from featbench.numerics.losses import Loss
from featbench.numerics.proximal import ProximalSearch, Rows, State
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["fit_sparse"]

_AIM = 0.5  # of the tolerance: the certificate's bias differs a little
_LEAST_GAIN = 1e-5  # of the tolerance, in every of the last iterations
_CHECKED = 5  # iterations between two looks at the duality gap


def fit_sparse(
    X: AnyArray,
    y: Labels,
    n_classes: int,
    loss: Loss,
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
    loss : Loss
        Smooth.
    regs : sequence of float
        Positive.
    l1_ratio : float
        Share of the penalty that is absolute, above 0.
    max_iter : int
        Most iterations for each model.
    tol : float
        A model is done where the objective is within this share of its minimum.
    weights : ndarray of float64, (n,), optional
        What each row's loss counts.

    Returns
    -------
    list of LinearFit
        In the order of `regs`; a curve begins where the model began.
    """
    rows = Rows(X, y, loss, weights)
    state = State(np.zeros((n_classes, X.shape[1])), np.zeros(n_classes), rows.none(n_classes))
    fits: dict[int, LinearFit] = {}
    with serial_blas():
        for i in sorted(range(len(regs)), key=lambda i: -regs[i]):
            search = ProximalSearch(rows, Penalty(float(regs[i]), l1_ratio), state, loss.curvature(n_classes))
            _run(search, max_iter, tol)
            state = search.state
            fits[i] = _result(search, rows)
    return [fits[i] for i in range(len(regs))]


def _run(search: ProximalSearch, max_iter: int, tol: float) -> None:
    """Iterate until the duality gap is small, or nothing is gained any more."""
    for iteration in range(max_iter):
        search.step(checked=iteration % _CHECKED == 0)
        enough, nothing = _AIM * tol * search.value, _LEAST_GAIN * tol * search.value
        if search.excess <= enough or max(search.gains) <= nothing:
            return


def _result(search: ProximalSearch, rows: Rows) -> LinearFit:
    coef, bias, value = search.state.coef, search.state.bias, search.value
    gap = min(1.0, search.excess / value) if value > 0 else 0.0
    expected = max(search.gains) / value if value > 0 else 0.0
    return LinearFit(coef, bias - coef @ rows.centre, gap, expected, len(search.curve) - 1, search.curve)
