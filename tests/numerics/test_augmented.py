"""Fits of losses with kinks: many at once, alone, cut short, in frames."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.numerics.augmented import fit_augmented
from featbench.numerics.duality import Penalty, Rounded, certify_dual
from featbench.numerics.hinges import Hinge

HINGES = [
    Hinge("weston_watkins"),
    Hinge("crammer_singer"),
    Hinge("one_vs_rest"),
    Hinge("crammer_singer", squared=True),
]
TOLERANCE = 1e-4


def problem(rng, n=150, d=8, n_classes=4, dtype=np.float64):
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, d))
    X[:, :n_classes] += 1.5 * np.eye(n_classes)[y]
    return X.astype(dtype), y


def certified(X, y, hinge, reg, fit):
    rounded = Rounded(hinge, fit.multipliers, fit.width)
    return certify_dual(X, y, hinge.loss, Penalty(reg), fit.coef, fit.intercept, rounded=rounded)


@pytest.mark.parametrize("hinge", HINGES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "d"), [(150, 8), (40, 300)])
def test_a_batch_is_each_model(hinge, dtype, n, d, rng):
    X, y = problem(rng, n, d, dtype=dtype)
    regs = (0.03, 1.0)
    fits = fit_augmented(X, y, 4, hinge, regs, max_iter=2000, tol=TOLERANCE)
    for fit, reg in zip(fits, regs, strict=True):
        (alone,) = fit_augmented(X, y, 4, hinge, [reg], max_iter=2000, tol=TOLERANCE)
        together = certified(X, y, hinge, reg, fit)
        assert together.optimality <= TOLERANCE
        assert certified(X, y, hinge, reg, alone).objective == pytest.approx(
            together.objective, rel=TOLERANCE
        )
        assert fit.curve[0] == pytest.approx({"weston_watkins": 3, "one_vs_rest": 4}.get(hinge.name, 1))


def test_features_far_from_zero(rng):
    X, y = problem(rng)
    hinge = Hinge("crammer_singer")
    objectives = []
    for rows in (X, X + 1e4):
        (fit,) = fit_augmented(rows, y, 4, hinge, [0.1], max_iter=2000, tol=1e-6)
        objectives.append(certified(rows, y, hinge, 0.1, fit).objective)
    assert objectives[1] == pytest.approx(objectives[0], rel=1e-5)


def test_few_iterations(rng):
    X, y = problem(rng)
    (fit,) = fit_augmented(X, y, 4, HINGES[0], [1e-3], max_iter=5, tol=TOLERANCE)
    assert fit.n_iter == 5
    assert fit.bound > TOLERANCE
