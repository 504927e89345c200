"""One step of a sparse search: its factor, and its minimum against the conditions of optimality."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.numerics.descent import factor, shrink_towards

# Coordinate descent stops at a ten-thousandth of the first pass's largest gain.
SETTLED = 1e-2


def test_the_factor_of_a_covariance_with_a_constant_column_and_a_repeated_one(rng):
    X = rng.normal(size=(50, 5)) * [1e-6, 1, 1, 1e6, 1]
    X[:, 1], X[:, 2] = 0, X[:, 4]
    covariance = X.T @ X / 50
    lower = factor(covariance)
    scale = np.sqrt(np.diagonal(covariance))
    np.testing.assert_allclose(lower @ lower.T, covariance, atol=1e-5 * np.outer(scale, scale).max())
    assert (lower[1] == 0).all()


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("shape", [(6, 6), (12, 5)])
def test_the_minimum(ridge, shape, rng):
    F = np.tril(rng.normal(size=shape)) if shape[0] == shape[1] else rng.normal(size=shape)
    F[np.arange(5), np.arange(5)] += 3
    around, slopes, lasso = rng.normal(size=(3, shape[0])), rng.normal(size=(3, shape[1])) @ F.T, 0.8
    options = {"scale": 2.0, "ridge": ridge, "lasso": lasso}
    w = shrink_towards(F, np.zeros_like(around), around, slopes, **options)
    for _ in range(20):
        w = shrink_towards(F, w, around, slopes, **options)
    gradient = slopes + 2.0 * (w - around) @ F @ F.T + ridge * w
    at_zero = w == 0
    assert at_zero.any()
    assert not at_zero.all()
    assert (np.abs(gradient[at_zero]) <= lasso + SETTLED).all()
    np.testing.assert_allclose(gradient[~at_zero], -lasso * np.sign(w[~at_zero]), atol=SETTLED)


def test_a_column_of_nothing_gets_no_weight():
    w = shrink_towards(
        np.zeros((2, 2)), np.ones((1, 2)), np.ones((1, 2)), np.zeros((1, 2)), scale=1, ridge=0, lasso=0.1
    )
    assert (w == 0).all()
