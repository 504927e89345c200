"""Neighbours against a stable sort of exact distances."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from featbench.errors import InputError
from featbench.numerics import neighbors
from featbench.numerics.neighbors import nearest

DTYPES = (np.uint8, np.float32, np.float64)


def oracle(X, Q, k, metric):
    """Sort distances, stably; exact for small integers, whose squares and sums float64 holds."""
    exact = cdist(Q.astype(float), X.astype(float), {"l1": "cityblock", "l2": "sqeuclidean"}[metric])
    order = np.argsort(exact, axis=1, kind="stable")[:, :k]
    distances = np.take_along_axis(exact, order, axis=1)
    return (np.sqrt(distances) if metric == "l2" else distances), order


def same(found, expected):
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 40),
    m=st.integers(0, 6),
    d=st.integers(1, 20),
    high=st.sampled_from([1, 2, 4, 256]),
    metric=st.sampled_from(["l1", "l2"]),
    train=st.sampled_from(DTYPES),
    query=st.sampled_from(DTYPES),
    k=st.integers(1, 40),
)
def test_integers_with_many_ties(seed, n, m, d, high, metric, train, query, k):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, high, (n, d)).astype(train)
    Q = rng.integers(0, high, (m, d)).astype(query)
    k = min(k, n)
    same(nearest(X, Q, k, metric), oracle(X, Q, k, metric))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_blocks_and_threads_change_nothing(dtype, metric, rng, monkeypatch):
    X, Q = rng.integers(0, 3, (200, 9)).astype(dtype), rng.integers(0, 3, (41, 9)).astype(dtype)
    expected = oracle(X, Q, 17, metric)
    monkeypatch.setattr(neighbors, "_MOST_TRAIN_ROWS", 7)
    monkeypatch.setattr(neighbors, "_MOST_QUERY_ROWS", 3)
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", "3")
    same(nearest(X, Q, 17, metric), expected)


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_extreme_pixels_stay_exact(metric):
    """All 0 against all 255 over more columns than one exact matrix product may have."""
    X = np.zeros((3, 3072), dtype=np.uint8)
    X[1], X[2, 0] = 255, 1
    distances, indices = nearest(X, np.full((1, 3072), 255, dtype=np.uint8), 3, metric)
    assert indices.tolist() == [[1, 2, 0]]
    if metric == "l1":
        assert distances.tolist() == [[0, 3072 * 255 - 1, 3072 * 255]]
    else:
        assert (distances[0] ** 2).round().tolist() == [0, 3072 * 255**2 - 255**2 + 254**2, 3072 * 255**2]


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_near_ties_that_a_matrix_product_cannot_order(metric, dtype, rng):
    """Rows far from each other and close to ties: differences of 1 in distances of some 10⁷."""
    far = rng.integers(-1000, 1000, 2000)
    X = np.tile(far, (60, 1))
    X[np.arange(60), rng.permutation(2000)[:60]] += rng.permutation(60) % 20
    X = X.astype(dtype)
    Q = -X[:5]
    same(nearest(X, Q, 30, metric), oracle(X, Q, 30, metric))
    if metric == "l2" and dtype == np.float32:
        naive = (X**2).sum(1) + (Q**2).sum(1)[:, None] - 2 * Q @ X.T
        assert (np.argsort(naive, axis=1, kind="stable")[:, :30] != oracle(X, Q, 30, metric)[1]).any()


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.float32, 2.0**120), (np.float32, 2.0**-120), (np.float64, 2.0**900)]
)
def test_magnitudes_whose_squares_overflow_or_vanish(metric, dtype, scale, rng):
    X, Q = rng.integers(-4, 5, (50, 6)), rng.integers(-4, 5, (8, 6))
    distances, indices = oracle(X, Q, 20, metric)
    same(
        nearest((X * scale).astype(dtype), (Q * scale).astype(dtype), 20, metric),
        (distances * scale, indices),
    )


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_ordinary_floats_against_float64(metric, rng):
    X, Q = rng.normal(size=(300, 50)).astype(np.float32), rng.normal(size=(20, 50)).astype(np.float32)
    distances, indices = nearest(X, Q, 25, metric)
    expected, order = oracle(X, Q, 25, metric)
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_allclose(distances, expected, rtol=1e-14)  # sums of 50 float64 in another order


def test_a_training_row_is_its_own_nearest_neighbour(rng):
    X = rng.normal(size=(30, 4)).astype(np.float32)
    for metric in ("l1", "l2"):
        distances, indices = nearest(X, X, 1, metric)
        assert (distances == 0).all()
        assert indices[:, 0].tolist() == list(range(30))


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_memory_beyond_the_inputs(dtype, metric, rng):
    X = rng.integers(0, 256, (6000, 1500), dtype=np.uint8).astype(dtype)
    nearest(X[:50], X[:5], 3, metric)
    tracemalloc.start()
    nearest(X, X[:300], 3, metric)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 256 << 20


def test_inputs_that_are_not_contiguous(rng):
    X, Q = rng.integers(0, 5, (40, 12)), rng.integers(0, 5, (6, 12))
    for metric in ("l1", "l2"):
        wide = np.asfortranarray(X.astype(np.float32))
        same(nearest(wide, Q.astype(np.float32)[::-1], 5, metric), oracle(X, Q[::-1], 5, metric))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 4}, "k must be 1 to the 3 training rows; got 4"),
        ({"k": 0}, "k must be 1 to the 3"),
        ({"metric": "l3"}, "metric must be one of l1, l2; got 'l3'"),
        ({"X_query": np.zeros((1, 5))}, r"as many columns; got shapes \(3, 2\) and \(1, 5\)"),
    ],
)
def test_bad_input(changes, message):
    arguments = {"X_train": np.zeros((3, 2)), "X_query": np.zeros((1, 2)), "k": 1, **changes}
    with pytest.raises(InputError, match=message):
        nearest(**arguments)
