"""Neighbours by torch against a stable sort and against the kernels' own bits; torch's processor stands in for a GPU."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from featbench.errors import InputError
from featbench.numerics import device_neighbors
from featbench.numerics.device_neighbors import DeviceNeighbors
from featbench.numerics.neighbors import METRICS, nearest

DTYPES = (np.uint8, np.float32, np.float64)


def on_device(X, Q, k, metric):
    return DeviceNeighbors(X, metric, "cpu").nearest(Q, k)


def oracle(X, Q, k, metric):
    """Sort distances of integers stably; float64 holds their sums and squares."""
    name = {"l1": "cityblock", "l2": "sqeuclidean"}[metric]
    exact = cdist(Q.astype(float), X.astype(float), name)
    order = np.argsort(exact, axis=1, kind="stable")[:, :k]
    distances = np.take_along_axis(exact, order, axis=1)
    return (np.sqrt(distances) if metric == "l2" else distances), order


def same(found, expected):
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.fixture
def small(monkeypatch):
    """Let every block be small, and shorten pairs after nearly each of them."""
    sizes = {
        "_QUERY_BYTES": 3000,
        "_TRAIN_BYTES": 900,
        "_PAIRS": 200,
        "_TERMS": 50,
        "_KEPT": 1,
        "_PADDED": 40,
    }
    for name, size in sizes.items():
        monkeypatch.setattr(device_neighbors, name, size)


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
    X, Q = rng.integers(0, high, (n, d)).astype(train), rng.integers(0, high, (m, d)).astype(query)
    same(on_device(X, Q, min(k, n), metric), oracle(X, Q, min(k, n), metric))


@pytest.mark.parametrize("d", [1, 7, 64, 3072])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_duplicates_and_all_rows_as_neighbours(d, dtype, metric, rng):
    for n, m, k in ((1, 1, 1), (23, 9, 23), (61, 5, 7)):
        X = rng.integers(0, 256, (n, d), dtype=np.uint8).astype(dtype)
        X[n // 2 :] = X[: n - n // 2]
        Q = rng.integers(0, 256, (m, d), dtype=np.uint8).astype(dtype)
        same(on_device(X, Q, k, metric), oracle(X, Q, k, metric))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("k", [1, 17, 200])
def test_blocks_and_threads_change_nothing(dtype, metric, k, rng, monkeypatch):
    X, Q = rng.integers(0, 3, (200, 9)).astype(dtype), rng.integers(0, 3, (41, 9)).astype(dtype)
    for threads in "1", "3":
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        same(on_device(X, Q, k, metric), oracle(X, Q, k, metric))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("blocks", ["small", "ordinary"])
def test_the_same_bits_as_the_kernels(metric, dtype, blocks, rng, request):
    if blocks == "small":
        request.getfixturevalue("small")
    X, Q = (rng.gamma(1, 40, (n, 50)).astype(dtype) for n in (300, 20))
    X[:9] = X[100:109]
    X[5] = Q[3] = 0
    same(on_device(X, Q, 25, metric), nearest(X, Q, 25, metric))


@pytest.mark.parametrize("metric", METRICS)
def test_the_same_bits_with_more_columns_than_one_product(metric, rng):
    X, Q = rng.random((30, 9000), dtype=np.float32), rng.random((4, 9000), dtype=np.float32)
    same(on_device(X, Q, 5, metric), nearest(X, Q, 5, metric))


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_near_ties_that_a_matrix_product_cannot_order(metric, dtype, rng):
    """Rows far from each other and close to ties: differences of 1 in distances of some 10⁷."""
    X = np.tile(rng.integers(-1000, 1000, 2000), (60, 1))
    X[np.arange(60), rng.permutation(2000)[:60]] += rng.permutation(60) % 20
    X = X.astype(dtype)
    same(on_device(X, -X[:5], 30, metric), oracle(X, -X[:5], 30, metric))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.float32, 2.0**120), (np.float32, 2.0**-120), (np.float64, 2.0**900)]
)
def test_magnitudes_whose_squares_overflow_or_vanish(metric, dtype, scale, rng):
    X, Q = (rng.integers(0, 9, (n, 6)) for n in (50, 8))
    X, Q = (X * scale).astype(dtype), (Q * scale).astype(dtype)
    same(on_device(X, Q, 20, metric), nearest(X, Q, 20, metric))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("metric", METRICS)
def test_rows_that_are_all_equal(metric):
    """No interval drops anything: pairs outgrow what is kept, and the first rows stay."""
    X = np.ones((2000, 5), dtype=np.float32)
    assert on_device(X, 2 * X[:3], 6, metric)[1].tolist() == [[0, 1, 2, 3, 4, 5]] * 3


def test_few_pairs_reach_the_exact_sums(rng, monkeypatch):
    """The intervals do sift: of 2,000 rows little more than the ten neighbours are computed exactly."""
    totals = []

    class Counting(device_neighbors._Pairs):
        def shorten(self, limit, exactly):
            totals.append(self.total)
            return super().shorten(limit, exactly)

    monkeypatch.setattr(device_neighbors, "_Pairs", Counting)
    X, Q = (rng.normal(size=(n, 300)).astype(np.float32) for n in (2000, 50))
    for metric in ("l1", "l2"):
        on_device(X, Q, 10, metric)
    assert all(500 <= total < 600 for total in totals)
    assert len(totals) == 2


@pytest.mark.parametrize("metric", ["l1", "chi2"])
def test_memory_beyond_the_inputs(metric, rng):
    X = rng.integers(0, 256, (6000, 1500), dtype=np.uint8)
    on_device(X[:50], X[:5], 3, metric)
    tracemalloc.start()
    on_device(X, X[:60], 3, metric)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 256 << 20


def test_autocast_does_not_reach_the_sums(rng):
    X, Q = (rng.normal(size=(n, 40)).astype(np.float32) for n in (200, 9))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (torch.tensor(Q) @ torch.tensor(X).T).dtype == torch.bfloat16
        found = on_device(X, Q, 8, "l2")
    same(found, nearest(X, Q, 8, "l2"))


def test_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    message = r"nearest: device must be .*finds no GPU here; got 'cuda'\. Use device=\"cpu\""
    with pytest.raises(InputError, match=message):
        DeviceNeighbors(np.ones((3, 2)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", METRICS)
def test_on_a_gpu(metric, dtype, rng):
    X, Q = (rng.gamma(1, 40, (n, 500)).astype(dtype) for n in (3000, 70))
    X[:90] = X[100:190]
    same(DeviceNeighbors(X, metric).nearest(Q, 25), nearest(X, Q, 25, metric))
