"""Each objective goes to the solver that reaches its optimum."""

from __future__ import annotations

import pytest
from test_linear_fit import problem

from featbench.numerics.hinges import Hinge
from featbench.numerics.losses import HINGES, SOFTMAX
from featbench.numerics.problem import Problem


@pytest.mark.parametrize(
    ("loss", "l1_ratio"),
    [(SOFTMAX, 0.0), (SOFTMAX, 1.0), (HINGES["one_vs_rest"], 0.5), (Hinge("crammer_singer"), 0.0)],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_fit_and_certificate(loss, l1_ratio, weighted, rng):
    X, y = problem(rng)
    weights = 0.5 + rng.random(len(y)) if weighted else None
    task = Problem(loss, l1_ratio, max_iter=2000, tol=1e-4)
    (fit,) = task.fit(X, y, 4, [0.02], weights)
    certificate = task.certify(X, y, 0.02, fit, weights)
    assert certificate.optimality <= 1e-4
    assert (fit.coef == 0).any() == (l1_ratio > 0)


def test_folds_share_a_fit_only_where_their_searches_go_on_from_it():
    """With a loose tolerance a fold's model would be that of all rows, those included that it is judged on."""
    assert Problem(SOFTMAX, 0.0, max_iter=10, tol=1e-3).shares_folds()
    assert not Problem(SOFTMAX, 0.0, max_iter=10, tol=1e-2).shares_folds()
