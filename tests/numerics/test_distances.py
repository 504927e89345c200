"""The intervals hold the exact distance, and are narrow enough to be of use."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from featbench.numerics.distances import INTERVALS, power_of_two_scale


def exact(a, b, metric):
    """The distance (squared for L2) in rational numbers, as the nearest float64."""
    differences = [Fraction(float(x)) - Fraction(float(y)) for x, y in zip(a, b, strict=True)]
    return float(sum(abs(v) if metric == "l1" else v * v for v in differences))


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_float_intervals_hold_the_exact_distance(metric, dtype, offset, rng):
    X, Q = (offset + rng.normal(size=(n, 1100)) for n in (12, 3))
    X[0] = Q[0]
    X, Q = X.astype(dtype), Q.astype(dtype)
    low, high = INTERVALS[metric](X, Q)(X)(Q)
    unit = power_of_two_scale(X, Q) ** 2 if metric == "l2" else 1.0
    distances = np.array([[exact(x, q, metric) for x in X] for q in Q]) * unit
    assert (low <= distances).all()
    assert (distances <= high).all()
    # A bound for the worst case over 1,024 columns; loose bounds would recheck half the training set.
    width = {np.float32: 1e-3, np.float64: 1e-11}[dtype]
    assert (high - low)[:, 1:].max() <= width * distances[:, 1:].max()


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_uint8_intervals_are_points(metric, rng):
    X, Q = (rng.integers(0, 256, (n, 2100), dtype=np.uint8) for n in (40, 5))
    low, high = INTERVALS[metric](X, Q)(X)(Q)
    differences = Q.astype(np.int64)[:, None] - X.astype(np.int64)
    expected = np.abs(differences).sum(-1) if metric == "l1" else (differences**2).sum(-1)
    np.testing.assert_array_equal(low, expected)
    np.testing.assert_array_equal(high, expected)


def test_scale_is_a_power_of_two_that_leaves_pixels_alone():
    pixels = np.full((2, 2), 200, dtype=np.uint8)
    assert power_of_two_scale(pixels, pixels) == 1
    rows = np.array([[3.0, -5.0]])
    scale = power_of_two_scale(rows, rows)
    assert np.frexp(scale)[0] == 0.5
    assert 0.25 <= 5 * scale <= 0.5
    assert power_of_two_scale(np.zeros((1, 2)), np.zeros((1, 2))) == 1
