"""Sparse fits against scipy on the problem split into positive and negative weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from test_linear_fit import LOSSES, problem

from featbench.numerics.sparse import fit_sparse

# What the fits promise of the objective.
TOLERANCE = 1e-4

# scipy's bounded L-BFGS on twice as many, redundant unknowns ends so near the minimum.
REFERENCE = 1e-5


def value_of(X, y, loss, reg, ratio, coef, intercept, weights=None):
    scores = coef @ X.T.astype(np.float64) + intercept[:, None]
    value, gradient = loss.value_and_gradient(scores, y, weights)
    penalty = ratio * np.abs(coef).sum() + (1 - ratio) / 2 * (coef**2).sum()
    return float(value) / len(y) + reg * penalty, gradient / len(y)


def reference(X, y, loss, reg, ratio, weights=None, n_classes=4):
    """Minimize over W = P − N with P, N ≥ 0, where the penalty is smooth."""
    d = X.shape[1]
    size = n_classes * d

    def value_and_gradient(z):
        positive, negative = z[:size].reshape(-1, d), z[size : 2 * size].reshape(-1, d)
        coef = positive - negative
        value, gradient = value_of(X, y, loss, reg, 0.0, coef, z[2 * size :], weights)
        value += reg * ratio * (positive + negative).sum() - reg * ratio / 2 * (coef**2).sum()
        slopes = gradient @ X + reg * (1 - ratio) * coef
        flat = [(slopes + reg * ratio).ravel(), (reg * ratio - slopes).ravel(), gradient.sum(axis=1)]
        return value, np.concatenate(flat)

    bounds = [(0, None)] * (2 * size) + [(None, None)] * n_classes
    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 30}
    start = np.zeros(2 * size + n_classes)
    return minimize(
        value_and_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    ).fun


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("ratio", [0.5, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_scipy(name, ratio, dtype, rng):
    X, y = problem(rng, dtype=dtype)
    weights = np.where(y == 0, 3.0, 0.5)
    regs = (1e-3, 3e-2)
    for counted in (None, weights):
        fits = fit_sparse(
            X, y, 4, LOSSES[name], regs, l1_ratio=ratio, max_iter=1000, tol=TOLERANCE, weights=counted
        )
        for fit, reg in zip(fits, regs, strict=True):
            arguments = X, y, LOSSES[name], reg, ratio
            best = reference(*(a.astype(float) if a is X else a for a in arguments), counted)
            reached = value_of(*arguments, fit.coef, fit.intercept, counted)[0]
            assert reached <= best * (1 + TOLERANCE)
            assert best <= reached * (1 + REFERENCE)
            assert fit.bound <= TOLERANCE or fit.expected <= TOLERANCE / 100


def test_a_path_is_each_fit(rng):
    X, y = problem(rng)
    regs = (1e-1, 1e-3, 1e-2)
    fits = fit_sparse(X, y, 4, LOSSES["softmax"], regs, l1_ratio=1.0, max_iter=1000, tol=1e-6)
    sparse = [np.mean(fit.coef == 0) for fit in fits]
    assert sparse[0] > sparse[2] > sparse[1]
    for fit, reg in zip(fits, regs, strict=True):
        (alone,) = fit_sparse(X, y, 4, LOSSES["softmax"], [reg], l1_ratio=1.0, max_iter=1000, tol=1e-6)
        reached, expected = (
            value_of(X, y, LOSSES["softmax"], reg, 1.0, end.coef, end.intercept)[0] for end in (fit, alone)
        )
        assert reached == pytest.approx(expected, rel=TOLERANCE / 10)


def test_one_iteration_is_counted_and_not_enough(rng):
    X, y = problem(rng)
    (fit,) = fit_sparse(X, y, 4, LOSSES["softmax"], [1e-3], l1_ratio=1.0, max_iter=1, tol=TOLERANCE)
    assert fit.n_iter == 1
    assert fit.bound > TOLERANCE
