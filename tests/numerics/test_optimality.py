"""The certificate is never smaller than the truth, and small where the fit is good."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from test_linear_fit import LOSSES, objective, problem, reference

from featbench.numerics import optimality
from featbench.numerics.linear import fit_linear
from featbench.numerics.optimality import certify


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("blur", [0.0, 1e-4, 1e-2, 1.0])
def test_it_bounds_the_distance_from_the_minimum(name, blur, rng):
    X, y = problem(rng)
    reg, loss = 1e-2, LOSSES[name]
    (fit,) = fit_linear(X, y, 4, loss, [reg], max_iter=200, tol=1e-9)
    coef = fit.coef + blur * rng.normal(size=fit.coef.shape)
    intercept = fit.intercept + blur * rng.normal(size=4)
    certificate = certify(X, y, loss, reg, coef, intercept)
    value = objective(X, y, loss, reg, coef, intercept)[0]
    assert certificate.objective == pytest.approx(value, rel=1e-14)
    excess = (value - reference(X, y, 4, loss, reg)) / value
    assert excess <= certificate.optimality + 1e-12  # the reference is good to so many digits
    assert certificate.optimality <= 1
    if blur == 0:
        assert certificate.optimality <= 1e-8


@pytest.mark.parametrize("name", LOSSES)
def test_a_wrong_bias_counts(name, rng):
    X, y = problem(rng)
    (fit,) = fit_linear(X, y, 4, LOSSES[name], [1e-2], max_iter=200, tol=1e-9)
    wrong = certify(X, y, LOSSES[name], 1e-2, fit.coef, fit.intercept + np.array([0.5, 0, 0, 0]))
    assert wrong.optimality > 1e-3
    assert wrong.gradient_norm < 1e-3  # of the weights, which are right


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_that_are_too_many_are_made_block_by_block(weighted, rng, monkeypatch):
    """In float64 30,000 scores of 50 classes are 12 MB; of 1,024 rows 0.4 MB."""
    X, y = rng.normal(size=(30_000, 4)), rng.integers(0, 50, 30_000)
    weights = rng.random(30_000) if weighted else None
    coef, intercept = rng.normal(size=(50, 4)) / 10, rng.normal(size=50) / 10
    whole = certify(X, y, LOSSES["softmax"], 1e-2, coef, intercept, weights=weights)
    monkeypatch.setattr(optimality, "_KEPT", 0)
    tracemalloc.start()
    found = certify(X, y, LOSSES["softmax"], 1e-2, coef, intercept, weights=weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.objective, found.gradient_norm, found.optimality) == pytest.approx(
        (whole.objective, whole.gradient_norm, whole.optimality), rel=1e-12
    )
    assert peak < 6e6
