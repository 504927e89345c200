"""Rows in another frame give the same scores."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.numerics.frames import choose_frame, rotate

DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dependent", [False, True])
def test_rotation_keeps_every_inner_product(dtype, dependent, rng):
    X = rng.normal(size=(20, 90))
    if dependent:
        X[10:] = X[:10]
    X = X.astype(dtype)
    rotated, basis = rotate(X)
    assert rotated.shape == (20, 20)
    tolerance = 100 * np.finfo(dtype).eps  # Householder reflections of columns of length about 10
    np.testing.assert_allclose(basis.T @ basis, np.eye(20), atol=tolerance)
    np.testing.assert_allclose(rotated @ basis.T, X, atol=tolerance * 10)


def scores(weights, bias, rows):
    return rows.astype(np.float64) @ weights.T + bias


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(30, 5), (10, 40)])
@pytest.mark.parametrize("mean", [0.0, 3.0, 1e3])
def test_the_way_back(dtype, shape, mean, rng):
    X = (rng.normal(size=shape) + mean).astype(dtype)
    frame = choose_frame(X)
    point = rng.normal(size=(3, frame.rows.shape[1] + 1))
    inside = scores(point[:, :-1], point[:, -1], frame.rows - frame.centre)
    tolerance = 1e3 * np.finfo(dtype).eps * max(mean, 1)  # the rows themselves are rounded
    np.testing.assert_allclose(scores(*frame.original(point), X), inside, atol=tolerance)


def test_only_rows_far_from_zero_are_copied(rng):
    near, far = rng.normal(size=(30, 4)) + 5, rng.normal(size=(30, 4)) + 50
    assert choose_frame(near).rows is near
    centred = choose_frame(far).rows
    assert np.abs(centred.mean(axis=0)).max() < 1e-12
