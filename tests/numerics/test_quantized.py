"""Intervals of rows rounded to 256 levels hold the exact distance; they are used where they are narrow enough."""

from __future__ import annotations

import numpy as np
import pytest
from intervals import distances, ends

from featbench.numerics import quantized, wide
from featbench.numerics.quantized import Quantized

pytestmark = pytest.mark.skipif("dot8" not in wide.KINDS, reason="this processor does not multiply bytes")


def spread_out(rng, n, d):
    """Rows whose distances differ, as those of pictures do."""
    return (rng.random((n, d)) * rng.random((n, 1)) * 3 - 1).astype(np.float32)


def concentrated(rng, n, d):
    """Rows that are farther from each other than from their mean; some entries outlie all levels."""
    rows = rng.normal(size=(n, d)) + 10 * rng.random(d)
    rows[1::7, 3] += 9
    return rows.astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kept", [True, False])
def test_intervals_about_a_centre(dtype, kept, rng, monkeypatch):
    if not kept:
        monkeypatch.setattr(quantized, "_KEPT_BYTES", 0)
    X = concentrated(rng, 530, 40)
    Q = concentrated(rng, 9, 40).astype(dtype)
    Q[-1] += 100
    Q[-2] = X[0]
    measure = Quantized("l2", X, 2.0)
    assert measure.useful
    assert measure._centred
    low, high = (side[:, :50] for side in ends(measure, Q))
    expected = distances(X[:50] * 2.0, Q * 2.0, "l2")
    assert (low <= expected).all()
    assert (expected <= high).all()
    assert np.median(high - low) < 0.1 * np.median(expected)


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("kept", [True, False])
def test_intervals_hold_the_exact_distance(metric, dtype, kept, rng, monkeypatch):
    if not kept:
        monkeypatch.setattr(quantized, "_KEPT_BYTES", 0)
    X = spread_out(rng, 520, 40)
    Q = (X[:4] + 0.01).astype(dtype) if dtype != np.uint8 else rng.integers(0, 2, (4, 40)).astype(dtype)
    Q[3] *= 2  # outside the levels
    measure = Quantized(metric, X, 0.5)
    assert measure.useful
    assert measure.in_place == kept
    low, high = ends(measure, Q)
    expected = distances(X * 0.5, Q * 0.5, metric)
    assert (low <= expected).all()
    assert (expected <= high).all()
    inside = slice(0, 3)
    # Rounding to 256 levels leaves half a per cent of a row; L2 is squared and bounded for all sizes at once.
    assert (high - low)[inside].mean() < {"l1": 0.03, "l2": 0.1}[metric] * expected[inside].mean()


def test_rows_whose_distances_hardly_differ_are_not_rounded(rng):
    assert not Quantized("l2", rng.normal(size=(600, 12_000)).astype(np.float32), 1.0).useful


@pytest.mark.parametrize("X", [np.zeros((600, 40)), np.ones((100, 40)), np.ones((600, 5))])
def test_nothing_to_gain(X):
    measure = Quantized("l1", X, 1.0)
    assert not measure.useful
    assert not measure.suits(X[:3])


def test_queries_of_another_size_do_not_suit(rng):
    X = spread_out(rng, 600, 50)
    measure = Quantized("l2", X, 1.0)
    assert measure.suits(X[:90])
    assert not measure.suits(20 * X[:90])


def test_half_of_the_rows_equal(rng):
    """The typical distance of the nearest is 0; rounding leaves nothing of integers."""
    X = np.zeros((600, 40), dtype=np.float32)
    X[:40] = 255
    measure = Quantized("l2", X, 1.0)
    low, high = ends(measure, X[:2])
    assert (low <= distances(X, X[:2], "l2")).all()
    assert (high >= distances(X, X[:2], "l2")).all()
