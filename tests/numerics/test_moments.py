"""Second moments and preconditioners against dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.numerics import moments
from featbench.numerics.moments import Preconditioner, covariance

DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_covariance(dtype, rng):
    X = (rng.normal(size=(5000, 6)) @ rng.normal(size=(6, 6)) + 3).astype(dtype)  # more than one block
    expected = np.cov(X.T.astype(float), bias=True)
    # Sums of 4,096 float32 products, about √4096 roundings of 6e-8.
    np.testing.assert_allclose(covariance(X, X.mean(axis=0)), expected, atol=1e-5 * np.abs(expected).max())


def test_covariance_holds_the_products_of_few_blocks(rng, monkeypatch):
    X = (rng.normal(size=(40_000, 60)) + 3).astype(np.float32)  # ten blocks, of 14 kB each
    at_once = covariance(X, X.mean(axis=0))
    monkeypatch.setattr(moments, "_SUMMED_BYTES", 0)
    monkeypatch.setattr(moments, "_LEAST_BLOCKS", 3)
    # The same sums of blocks, in float64 in another order.
    np.testing.assert_allclose(covariance(X, X.mean(axis=0)), at_once, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e15])
def test_preconditioner_inverts_its_model(dtype, scale, rng):
    moment = np.cov(rng.normal(size=(8, 300)) * scale * np.geomspace(1e-3, 1, 8)[:, None], bias=True)
    curvature, reg = 0.09, 1e-4 * scale**2
    gradient = rng.normal(size=(3, 9))
    result = Preconditioner(moment, curvature, reg, dtype)(gradient)
    back = np.hstack([result[:, :-1] @ (curvature * moment + reg * np.eye(8)), result[:, -1:] * curvature])
    np.testing.assert_allclose(back, gradient, rtol=1e-3)  # jitter, and a factor kept in float32


def test_preconditioner_of_constant_and_repeated_columns(rng):
    X = rng.normal(size=(50, 5)).astype(np.float32)
    X[:, 1], X[:, 3] = 0, X[:, 2]
    precondition = Preconditioner(covariance(X, X.mean(axis=0)), 1.0, 1e-9, np.float32)
    result = precondition(np.ones((2, 6)))
    assert np.isfinite(result).all()
    assert (np.einsum("cd,cd->c", result, np.ones((2, 6))) > 0).all()


def test_a_factor_of_vast_matrices_in_float32(rng, monkeypatch):
    """Rows of so many columns that float64 would take too much memory, here four."""
    monkeypatch.setattr(moments, "_VAST", 4)
    X = (rng.normal(size=(5000, 6)) @ rng.normal(size=(6, 6))).astype(np.float32)
    X = np.hstack([X, X[:, :1]])  # float32's rounding alone decides whether this is definite
    moment = covariance(X, X.mean(axis=0))
    assert moment.dtype == np.float32
    np.testing.assert_allclose(moment, np.cov(X.T.astype(float), bias=True), atol=1e-4)
    before = moment.copy()
    result = Preconditioner(moment, 1.0, 1e-12, np.float32)(np.ones((2, 8)))
    np.testing.assert_array_equal(moment, before)
    assert (np.einsum("cd,cd->c", result, np.ones((2, 8))) > 0).all()


def test_a_factor_that_fails_is_tried_with_more_added(rng):
    moment = np.ones((3, 3), np.float32)
    moment[0, 1] = moment[1, 0] = 1.001  # not definite
    result = Preconditioner(moment, 1.0, 1e-12, np.float32)(np.ones((1, 4)))
    assert np.isfinite(result).all()
