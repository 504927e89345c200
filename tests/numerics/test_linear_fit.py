"""Linear fits against a slow float64 reference, in every shape that features come in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from featbench.numerics import linear
from featbench.numerics.linear import CURVED_ORDER, FEW_ORDER, ORDER, fit_linear, search_aim
from featbench.numerics.losses import HINGES, SOFTMAX
from featbench.numerics.optimality import certify

LOSSES = {"softmax": SOFTMAX, **HINGES}
REGS = (1e-3, 1e-1)

# An objective may be above its minimum by this share of itself; it is what the fits promise.
TOLERANCE = 1e-4


def problem(rng, n=150, d=8, n_classes=4, dtype=np.float64):
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, d))
    X[:, :n_classes] += 1.5 * np.eye(n_classes)[y]
    return X.astype(dtype), y


def objective(X, y, loss, reg, coef, intercept):
    scores = coef @ X.T.astype(np.float64) + intercept[:, None]
    value, gradient = loss.value_and_gradient(scores, y)
    return float(value) / len(y) + reg / 2 * (coef**2).sum(), gradient / len(y)


def reference(X, y, n_classes, loss, reg):
    """Minimize by scipy's L-BFGS, to the last digits that it finds."""
    X = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)  # the bias takes it up
    d = X.shape[1]

    def value_and_gradient(flat):
        coef, intercept = flat[:-n_classes].reshape(n_classes, d), flat[-n_classes:]
        value, gradient = objective(X, y, loss, reg, coef, intercept)
        return value, np.concatenate([(gradient @ X + reg * coef).ravel(), gradient.sum(axis=1)])

    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 30}
    start = np.zeros(n_classes * (d + 1))
    return minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options).fun


def check(X, y, loss, regs=REGS, n_classes=4):
    fits = fit_linear(X, y, n_classes, loss, regs, max_iter=200, tol=TOLERANCE)
    for fit, reg in zip(fits, regs, strict=True):
        best = reference(X, y, n_classes, loss, reg)
        reached = objective(X, y, loss, reg, fit.coef, fit.intercept)[0]
        assert reached <= best * (1 + TOLERANCE)
        assert best <= reached * (1 + 1e-9)  # else the reference is none
        assert fit.bound <= TOLERANCE
        assert certify(X, y, loss, reg, fit.coef, fit.intercept).optimality <= TOLERANCE
    return fits


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("d", [8, 60])  # 75 rows a column, and 10
def test_models_that_are_only_compared(name, d, rng):
    X, y = problem(rng, n=600, d=d, dtype=np.float32)
    loss, tol = LOSSES[name], 1e-3
    aim = search_aim(X, loss)
    assert aim is (FEW_ORDER if d == 60 else CURVED_ORDER if name == "softmax" else ORDER)
    fits = fit_linear(X, y, 4, loss, REGS, max_iter=200, tol=tol, aim=aim)
    for fit, reg in zip(fits, REGS, strict=True):
        reached = objective(X, y, loss, reg, fit.coef, fit.intercept)[0]
        assert reached <= reference(X, y, 4, loss, reg) * (1 + tol)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_scipy(name, dtype, rng):
    check(*problem(rng, dtype=dtype), LOSSES[name])


@pytest.mark.parametrize("name", LOSSES)
def test_more_columns_than_rows(name, rng):
    X, y = problem(rng, n=40, d=300, dtype=np.float32)
    (fit, _) = check(X, y, LOSSES[name], regs=(3e-2, 1.0))
    assert fit.coef.shape == (4, 300)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_awkward_columns(name, dtype, rng):
    """Constant, repeated, strongly correlated, and of very different means."""
    X, y = problem(rng)
    mixed = X[:, :4] @ rng.normal(size=(4, 4)) + 1e-3 * rng.normal(size=(150, 4))
    X = np.hstack([X, mixed, X[:, :1], np.full((150, 1), 7.0), np.zeros((150, 1))])
    X[:, 1] += 50
    (fit, _) = check(X.astype(dtype), y, LOSSES[name])
    assert np.abs(fit.coef[:, -2:]).max() < 1e-5  # a constant column says nothing


def test_features_far_from_zero(rng):
    """Nothing is lost of rows at 10⁴ ± 1, though float32 holds them to 10⁻³ only."""
    X, y = problem(rng)
    shifted = (X + 1e4).astype(np.float32)
    near = shifted.astype(np.float64) - 1e4
    (far, _), (expected, _) = (check(rows, y, SOFTMAX) for rows in (shifted, near))
    np.testing.assert_allclose(far.coef, expected.coef, atol=2e-2)


def test_uneven_classes_and_one_row_of_a_class(rng):
    X, y = problem(rng, n_classes=3)
    y = np.where(np.arange(150) == 7, 3, y)
    check(X, y, SOFTMAX)


@pytest.mark.parametrize("name", LOSSES)
def test_two_classes(name, rng):
    X, y = problem(rng, n_classes=2)
    fits = fit_linear(X, y, 2, LOSSES[name], [1e-2], max_iter=200, tol=TOLERANCE)
    np.testing.assert_allclose(fits[0].coef[0], -fits[0].coef[1], atol=1e-3)


def test_the_curve_starts_at_zero_weights_and_falls(rng):
    X, y = problem(rng)
    for name, at_zero in (("softmax", np.log(4)), ("weston_watkins", 3), ("one_vs_rest", 4)):
        (fit,) = fit_linear(X, y, 4, LOSSES[name], [1e-2], max_iter=200, tol=TOLERANCE)
        assert fit.curve[0] == pytest.approx(at_zero)
        assert (np.diff(fit.curve) <= 1e-14).all()
        assert len(fit.curve) == fit.n_iter + 1


def test_bits_do_not_depend_on_the_number_of_threads(rng, monkeypatch):
    X, y = problem(rng, n=5000, dtype=np.float32)  # five blocks of rows
    coefs = []
    for threads in ("1", "1", "3"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        coefs.append(fit_linear(X, y, 4, SOFTMAX, [1e-2], max_iter=200, tol=TOLERANCE)[0].coef)
    np.testing.assert_array_equal(coefs[0], coefs[1])
    np.testing.assert_array_equal(coefs[0], coefs[2])


def test_a_fit_that_is_cut_short_says_so(rng):
    X, y = problem(rng)
    (fit,) = fit_linear(X, y, 4, SOFTMAX, [1e-6], max_iter=2, tol=TOLERANCE)
    assert fit.n_iter == 2
    assert fit.bound > TOLERANCE
    assert fit.expected > TOLERANCE / 100


def test_models_whose_factors_do_not_fit_into_memory_together_are_searched_in_turn(rng, monkeypatch):
    X, y = problem(rng)
    together = check(X, y, SOFTMAX)
    monkeypatch.setattr(linear, "_FACTORS", 1)
    for a, b in zip(together, check(X, y, SOFTMAX), strict=True):
        np.testing.assert_allclose(a.coef, b.coef, rtol=1e-9)
