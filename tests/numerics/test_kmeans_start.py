"""Rows to begin with: different ones, at random or spread out."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.errors import InputError
from featbench.numerics.kmeans_start import different_rows, points_near_mean, spread_out_rows

STARTS = pytest.mark.parametrize("start", [different_rows, spread_out_rows])


@STARTS
def test_every_different_row_is_found_among_duplicates(start):
    X = np.repeat(np.arange(6, dtype=np.float32), 50)[:, None] * np.ones(3, np.float32)
    chosen = start(X, 6, np.random.default_rng(0), "Here")
    assert sorted(X[chosen, 0].tolist()) == [0, 1, 2, 3, 4, 5]


@STARTS
def test_fewer_different_rows_than_wanted_are_refused(start):
    X = np.array([[0.0, 1], [-0.0, 1], [2, 1]], np.float32)
    message = (
        r"Here: descriptors must be at least 3 different ones, one a word; got 2 different of 3\. "
        r"Learn from more samples or more images, or ask for fewer words\."
    )
    with pytest.raises(InputError, match=message):
        start(X, 3, np.random.default_rng(0), "Here")


@STARTS
def test_no_row_is_refused(start):
    with pytest.raises(InputError, match="got 0 different of 0"):
        start(np.empty((0, 3), np.float32), 1, np.random.default_rng(0), "Here")


@STARTS
def test_the_seed_decides(start, rng):
    X = rng.normal(size=(2000, 5)).astype(np.float32)
    drawn = [start(X, 30, np.random.default_rng(seed), "Here").tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 30


def test_all_rows_are_as_likely_at_random():
    X = np.arange(10, dtype=np.float32)[:, None]
    counts = np.zeros(10)
    for seed in range(2000):
        counts[different_rows(X, 3, np.random.default_rng(seed), "Here")] += 1
    assert np.abs(counts - 600).max() < 5 * np.sqrt(600 * 0.7)  # five standard deviations


def test_rows_are_drawn_in_proportion_to_squared_distances():
    """From 0, 1 and 3 the second row has chances that are computed by hand."""
    X = np.array([[0.0], [1.0], [3.0]], np.float32)
    pairs = np.zeros((3, 3))
    n = 6000
    for seed in range(n):
        first, second = spread_out_rows(X, 2, np.random.default_rng(seed), "Here")
        pairs[first, second] += 1 / n
    expected = np.array([[0, 1, 9], [1, 0, 4], [9, 4, 0]]) / np.array([[10], [5], [13]]) / 3
    assert np.abs(pairs - expected).max() < 5 * np.sqrt(0.3 * 0.7 / n)  # five standard deviations


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_points_near_the_mean_are_a_tenth_as_far_as_rows(rng, size):
    X = (rng.normal(3, 2, (3000, 40)) * size).astype(np.float32)
    points = points_near_mean(X, 500, rng, "Here") / size
    assert points.dtype == np.float32
    np.testing.assert_allclose(points.mean(), 3, atol=0.01)
    np.testing.assert_allclose((points - X.mean(axis=0) / size).std(), 0.2, rtol=0.02)


def test_points_near_the_mean_of_too_few_rows_are_refused():
    with pytest.raises(InputError, match="got 1 different of 4"):
        points_near_mean(np.ones((4, 2), np.float32), 2, np.random.default_rng(0), "Here")


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_spread_out_rows_hit_every_lump(rng, size):
    """Random rows would miss some of 30 far lumps; these do not, whatever the unit."""
    centres = rng.normal(0, 100, (30, 8))
    lump = np.concatenate([np.arange(30), rng.integers(0, 30, 570)])
    X = ((centres[lump] + rng.normal(0, 0.01, (600, 8))) * size).astype(np.float32)
    assert len(set(lump[spread_out_rows(X, 30, rng, "Here")])) == 30
