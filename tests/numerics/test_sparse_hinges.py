"""Sparse weights under hinges with kinks, against the linear and quadratic programs that they are."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog, minimize

from featbench.numerics.duality import Penalty, Rounded, certify_dual
from featbench.numerics.hinges import Hinge
from featbench.numerics.sparse_hinges import fit_sparse_hinges

PLAIN = ("weston_watkins", "crammer_singer", "one_vs_rest")

# What the fits promise of the objective.
TOLERANCE = 1e-4

# float32 rows: products are rounded to 1e-7, and a dual point that must be feasible is the worse for it.
SINGLE = 3e-4

# scipy's SLSQP ends so near the minimum.
REFERENCE = 1e-7


def blobs(rng, n=80, d=8, n_classes=3):
    y = rng.integers(0, n_classes, n)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / 3
    X[:, :n_classes] += 1.5 * np.eye(n_classes)[y]
    return X, y


def margins(X, y, n_classes, loss):
    """Return A and the slack that each row of it shares: A z + slack ≥ 1 for z the weights and biases."""
    rows, owners = [], []
    for i, (row, true) in enumerate(zip(X, y, strict=True)):
        point = np.append(row, 1.0)
        for j in range(n_classes):
            line = np.zeros((n_classes, X.shape[1] + 1))
            if loss == "one_vs_rest":
                line[j] = point if j == true else -point
            elif j == true:
                continue
            else:
                line[true], line[j] = point, -point
            rows.append(line.ravel())
            owners.append(i if loss == "crammer_singer" else len(owners))
    samples = np.repeat(np.arange(len(y)), len(rows) // len(y))
    return np.array(rows), np.array(owners), samples


def linear_program(X, y, loss, reg, weights=None, n_classes=3):
    """Minimize over W = P − N with P, N ≥ 0, and slacks."""
    A, owners, samples = margins(X, y, n_classes, loss)
    n, n_slack = len(y), owners.max() + 1
    slack = sp.csr_matrix((np.ones(len(A)), (np.arange(len(A)), owners)), shape=(len(A), n_slack))
    penalized = np.tile(np.append(np.full(X.shape[1], reg), 0.0), n_classes)
    counts = np.zeros(n_slack)
    counts[owners] = (np.ones(n) if weights is None else weights)[samples] / n
    found = linprog(
        np.concatenate([penalized, penalized, counts]),
        A_ub=-sp.hstack([sp.csr_matrix(A), sp.csr_matrix(-A), slack]),
        b_ub=-np.ones(len(A)),
        bounds=(0, None),
        method="highs",
    )
    assert found.success
    return found.fun


def quadratic_program(X, y, hinge, reg, ratio, n_classes=3):
    A, owners, _ = margins(X, y, n_classes, hinge.name)
    n, n_slack, d = len(y), owners.max() + 1, X.shape[1]
    size = n_classes * (d + 1)
    penalized = np.tile(np.append(np.full(d, reg), 0.0), n_classes)
    counts = np.zeros(n_slack)
    counts[owners] = 1 / n
    constraint = np.hstack([A, -A, np.eye(n_slack)[owners]])

    def value_and_gradient(z):
        both, slack = z[: 2 * size].reshape(2, size), z[2 * size :]
        coef = both[0] - both[1]
        value = ratio * penalized @ both.sum(axis=0) + (1 - ratio) / 2 * penalized @ coef**2
        smooth = (1 - ratio) * penalized * coef
        loss = slack**2 if hinge.squared else slack
        slope = 2 * slack if hinge.squared else np.ones(n_slack)
        gradient = [ratio * penalized + smooth, ratio * penalized - smooth, counts * slope]
        return value + counts @ loss, np.concatenate(gradient)

    start = np.concatenate([np.zeros(2 * size), np.ones(n_slack)])
    found = minimize(
        value_and_gradient,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(0, None)] * len(start),
        constraints={"type": "ineq", "fun": lambda z: constraint @ z - 1, "jac": lambda z: constraint},
        options={"ftol": 1e-14, "maxiter": 2000},
    )
    assert found.success, found.message
    return found.fun


def value_of(X, y, hinge, penalty, fit, weights=None):
    scores = fit.coef @ X.T.astype(np.float64) + fit.intercept[:, None]
    return float(hinge.value_and_gradient(scores, y, weights)[0]) / len(y) + penalty.value(fit.coef)


def certificate(X, y, hinge, penalty, fit, weights=None):
    rounded = Rounded(hinge, fit.multipliers, fit.width)
    return certify_dual(X, y, hinge.loss, penalty, fit.coef, fit.intercept, weights=weights, rounded=rounded)


@pytest.mark.parametrize("loss", PLAIN)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_against_the_linear_program(loss, dtype, rng):
    X, y = blobs(rng)
    X = X.astype(dtype)
    hinge, regs = Hinge(loss), (1e-1, 1e-2)
    fits = fit_sparse_hinges(X, y, 3, hinge, regs, l1_ratio=1.0, max_iter=5000, tol=TOLERANCE)
    for fit, reg in zip(fits, regs, strict=True):
        best = linear_program(X.astype(np.float64), y, loss, reg)
        penalty = Penalty(reg, 1.0)
        reached = value_of(X, y, hinge, penalty, fit)
        bound = TOLERANCE if dtype == np.float64 else SINGLE
        assert reached / best - 1 >= -REFERENCE
        assert reached / best - 1 <= bound
        stated = certificate(X, y, hinge, penalty, fit)
        assert stated.objective == pytest.approx(reached, rel=1e-12)
        assert reached * (1 - stated.optimality) <= best * (1 + REFERENCE), "the gap is for certain"
        assert stated.optimality <= bound
        assert 0.05 < np.mean(fit.coef == 0) < 0.95


@pytest.mark.parametrize("loss", PLAIN)
def test_weighted_rows_and_the_order_of_penalties(loss, rng):
    X, y = blobs(rng)
    weights = np.where(y == 0, 2.0, 0.5)
    hinge, regs = Hinge(loss), (1e-2, 1.0, 1e-1)
    fits = fit_sparse_hinges(
        X, y, 3, hinge, regs, l1_ratio=1.0, max_iter=5000, tol=TOLERANCE, weights=weights
    )
    for fit, reg in zip(fits, regs, strict=True):
        best = linear_program(X, y, loss, reg, weights)
        penalty = Penalty(reg, 1.0)
        reached = value_of(X, y, hinge, penalty, fit, weights)
        assert -REFERENCE <= reached / best - 1 <= TOLERANCE
        stated = certificate(X, y, hinge, penalty, fit, weights)
        assert reached * (1 - stated.optimality) <= best * (1 + REFERENCE)
    assert (fits[1].coef == 0).all(), "a strong penalty leaves the bias alone"


@pytest.mark.parametrize("hinge", [*map(Hinge, PLAIN), Hinge("crammer_singer", squared=True)], ids=str)
@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_against_the_quadratic_program(hinge, ratio, rng):
    X, y = blobs(rng, n=24, d=4)
    for reg in (2e-2, 2e-1):
        (fit,) = fit_sparse_hinges(X, y, 3, hinge, [reg], l1_ratio=ratio, max_iter=5000, tol=1e-5)
        best = quadratic_program(X, y, hinge, reg, ratio)
        penalty = Penalty(reg, ratio)
        reached = value_of(X, y, hinge, penalty, fit)
        assert -REFERENCE <= reached / best - 1 <= TOLERANCE
        assert certificate(X, y, hinge, penalty, fit).optimality <= TOLERANCE


@pytest.mark.parametrize("loss", PLAIN)
def test_more_columns_than_rows(loss, rng):
    X, y = blobs(rng, n=40)
    wide = np.hstack([X, rng.normal(size=(40, 60))])
    (fit,) = fit_sparse_hinges(wide, y, 3, Hinge(loss), [5e-2], l1_ratio=1.0, max_iter=5000, tol=TOLERANCE)
    best = linear_program(wide, y, loss, 5e-2)
    assert -REFERENCE <= value_of(wide, y, Hinge(loss), Penalty(5e-2, 1.0), fit) / best - 1 <= TOLERANCE
    assert np.mean(fit.coef == 0) > 0.5


def test_a_search_that_is_cut_short_says_what_is_certain(rng):
    X, y = blobs(rng)
    (fit,) = fit_sparse_hinges(
        X, y, 3, Hinge("weston_watkins"), [1e-2], l1_ratio=1.0, max_iter=30, tol=TOLERANCE
    )
    assert fit.n_iter == 30
    best = linear_program(X, y, "weston_watkins", 1e-2)
    reached = value_of(X, y, Hinge("weston_watkins"), Penalty(1e-2, 1.0), fit)
    assert reached / best - 1 > TOLERANCE
    stated = certificate(X, y, Hinge("weston_watkins"), Penalty(1e-2, 1.0), fit)
    assert reached * (1 - stated.optimality) <= best
    assert len(fit.curve) >= 2
    assert fit.curve[0] == pytest.approx(2.0), "two margins of 1 at W = 0"
