"""The duality gap: never smaller than the truth; multipliers balanced exactly; penalties and their conjugates."""

from __future__ import annotations

import numpy as np
import pytest
from test_linear_fit import LOSSES, problem, reference

from featbench.numerics.duality import Penalty, balanced, certify_dual
from featbench.numerics.hinges import Hinge
from featbench.numerics.linear import fit_linear
from featbench.numerics.optimality import certify
from featbench.numerics.sparse import fit_sparse


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("blur", [0.0, 1e-3, 1.0])
def test_with_a_quadratic_penalty_it_is_the_bound_by_the_gradient(name, blur, rng):
    X, y = problem(rng)
    (fit,) = fit_linear(X, y, 4, LOSSES[name], [1e-2], max_iter=200, tol=1e-9)
    coef = fit.coef + blur * rng.normal(size=fit.coef.shape)
    arguments = coef, fit.intercept
    gap = certify_dual(X, y, LOSSES[name], Penalty(1e-2), *arguments)
    bound = certify(X, y, LOSSES[name], 1e-2, *arguments)
    assert gap.objective == pytest.approx(bound.objective, rel=1e-14)
    assert gap.optimality == pytest.approx(
        bound.optimality, rel=1e-3, abs=1e-9
    )  # the bias is best but for 1e-10
    assert gap.gradient_norm == pytest.approx(bound.gradient_norm, rel=1e-3, abs=1e-7)
    assert gap.objective * (1 - gap.optimality) <= reference(X, y, 4, LOSSES[name], 1e-2) * (1 + 1e-9)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_with_an_absolute_penalty_it_bounds_the_excess(name, l1_ratio, rng):
    X, y = problem(rng)
    weights = 0.5 + rng.random(len(y))
    arguments = {"max_iter": 5000, "weights": weights, "l1_ratio": l1_ratio}
    (best,) = fit_sparse(X, y, 4, LOSSES[name], [1e-2], tol=1e-8, **arguments)
    (rough,) = fit_sparse(X, y, 4, LOSSES[name], [1e-2], tol=1e-2, **arguments)
    penalty = Penalty(1e-2, l1_ratio)
    exact, stated = (
        certify_dual(X, y, LOSSES[name], penalty, fit.coef, fit.intercept, weights=weights)
        for fit in (best, rough)
    )
    assert exact.optimality <= 1e-5  # without squares the gap falls as the root of the excess does
    assert exact.objective >= stated.objective * (1 - stated.optimality)
    wrong = certify_dual(X, y, LOSSES[name], penalty, 0 * best.coef, best.intercept, weights=weights)
    assert exact.objective >= wrong.objective * (1 - wrong.optimality)
    assert wrong.optimality > 1e-2


@pytest.mark.parametrize("name", ["weston_watkins", "one_vs_rest"])
def test_balanced_multipliers_add_up_to_nothing(name, rng):
    loss = Hinge(name).loss
    y, weights = rng.integers(0, 5, 300), rng.random(300) + 0.1
    q = rng.random((5, 300))
    if loss.paired:
        q[y, np.arange(300)] = 0
        q[4] *= y == 0  # only class 0 pushes 4, which pushes others
    found = balanced(q, y, loss, weights)
    sums = (loss.derivatives(found, y) * weights).sum(axis=1)
    np.testing.assert_allclose(sums, 0, atol=1e-11)
    assert (found >= 0).all()
    assert (found <= q * (1 + 1e-12)).all()
    assert found.sum() > 0.1 * q.sum()
    np.testing.assert_allclose(balanced(found, y, loss, weights), found, rtol=1e-9)  # nothing left to do


def test_multipliers_that_never_come_back_are_dropped():
    loss, y = Hinge("weston_watkins").loss, np.array([0, 1, 2])
    q = np.array([[0, 0.5, 0], [0.25, 0, 0.75], [0, 0, 0]])  # 2 → 1, and nothing returns to 2
    np.testing.assert_allclose(balanced(q, y, loss), [[0, 0.25, 0], [0.25, 0, 0], [0, 0, 0]], rtol=1e-12)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_the_conjugate_is_never_exceeded_and_is_reached(l1_ratio, rng):
    penalty = Penalty(0.2, l1_ratio)
    slopes = rng.normal(size=(2, 3)) * (0.1 if l1_ratio == 1 else 1)
    slopes = np.clip(slopes, -0.2, 0.2) if l1_ratio == 1 else slopes
    conjugate = penalty.conjugate(slopes)
    for _ in range(100):
        coef = rng.normal(size=(2, 3)) * 5
        assert np.vdot(slopes, coef) - penalty.value(coef) <= conjugate + 1e-12
    if l1_ratio < 1:
        coef = np.sign(slopes) * np.maximum(np.abs(slopes) - penalty.lasso, 0) / penalty.ridge
        assert np.vdot(slopes, coef) - penalty.value(coef) == pytest.approx(conjugate, rel=1e-12)
        np.testing.assert_allclose(penalty.subgradient(-slopes, coef), 0, atol=1e-15)
    else:
        assert conjugate == 0
        assert penalty.conjugate(slopes * 10) == np.inf
