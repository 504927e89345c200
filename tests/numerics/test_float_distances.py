"""The intervals of float rows hold the exact distance, and are narrow enough to be of use."""

from __future__ import annotations

import numpy as np
import pytest
from intervals import distances, ends

from featbench.numerics import wide
from featbench.numerics.distances import METRICS
from featbench.numerics.float_distances import Floats, moments, peaks, power_of_two

WIDE = wide.KINDS
# Bounds for the worst case over 400 columns of float32; loose ones would recheck half the training set.
WIDTH = 1e-3


@pytest.mark.parametrize("kinds", [WIDE, frozenset()], ids=["wide", "portable"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_intervals_hold_the_exact_distance(kinds, metric, dtype, offset, rng, monkeypatch):
    monkeypatch.setattr(wide, "KINDS", kinds)
    X, Q = (offset + 9 * rng.random((n, 400)) for n in (8, 2))
    X[0] = Q[0]
    X, Q = X.astype(dtype), Q.astype(dtype)
    measure = Floats(metric, X, peaks(X), float(Q.max()))
    low, high = ends(measure, Q)
    expected = distances(X, Q, metric)
    # The exact cosine itself comes from three float64 roundings.
    slip = 1e-15 if metric == "cosine" else 0
    assert (low <= expected + slip).all()
    assert (expected - slip <= high).all()
    if not offset or metric in ("l1", "l2"):
        width = WIDTH if metric in ("l1", "l2", "chi2") or offset == 0 else np.inf
        assert (high - low)[:, 1:].max() <= width * max(expected[:, 1:].max(), metric == "cosine")


def test_scale_is_a_power_of_two_where_values_are_out_of_the_ordinary():
    peak = np.array([0.0, 1.0, 255.0, 2.0**41, 3e300, 5e-324])
    scale = power_of_two(peak)
    assert scale[:3].tolist() == [1, 1, 1]
    assert (np.frexp(scale)[0] == 0.5).all()
    assert ((peak * scale)[3:5] >= 0.25).all()
    assert ((peak * scale)[3:] <= 0.5).all()
    assert np.isfinite(scale).all()


def test_moments_and_peaks(rng):
    X = rng.normal(size=(70, 9))
    sums, squares = moments(X, np.full(70, 2.0))
    np.testing.assert_allclose(sums, 2 * np.abs(X).sum(axis=1), rtol=1e-14)
    np.testing.assert_allclose(squares, 4 * (X**2).sum(axis=1), rtol=1e-14)
    np.testing.assert_array_equal(peaks(X), np.abs(X).max(axis=1))
    np.testing.assert_array_equal(peaks(np.array([[0, 200]], dtype=np.uint8)), [200])
