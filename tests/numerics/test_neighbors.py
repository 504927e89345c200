"""Neighbours against a stable sort of exact distances."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from featbench.errors import InputError
from featbench.numerics import lists, neighbors, wide
from featbench.numerics.neighbors import METRICS, Neighbors, nearest

DTYPES = (np.uint8, np.float32, np.float64)
WIDE = wide.KINDS


def direct(X, Q, metric):
    """Distances in float64 by the definitions; L2 squared."""
    X, Q = X.astype(float), Q.astype(float)
    if metric in ("l1", "l2", "cosine"):
        with np.errstate(invalid="ignore"):
            distances = cdist(Q, X, {"l1": "cityblock", "l2": "sqeuclidean", "cosine": "cosine"}[metric])
        return np.nan_to_num(distances, nan=1.0)
    if metric == "chi2":
        totals = Q[:, None] + X
        return ((Q[:, None] - X) ** 2 / np.where(totals > 0, totals, 1)).sum(-1)
    X, Q = (rows / np.maximum(rows.sum(1, keepdims=True), 1e-300) for rows in (X, Q))
    return 1 - np.minimum(Q[:, None], X).sum(-1)


def oracle(X, Q, k, metric):
    """Sort distances, stably; exact for small integers, whose squares and sums float64 holds."""
    exact = direct(X, Q, metric)
    order = np.argsort(exact, axis=1, kind="stable")[:, :k]
    distances = np.take_along_axis(exact, order, axis=1)
    return (np.sqrt(distances) if metric == "l2" else distances), order


@pytest.fixture(params=["wide", "no products", "portable"])
def path(request, monkeypatch):
    """Each way through the sums: by the widest instructions of this processor, without products of bytes, or without any."""
    kinds = {"wide": WIDE, "no products": WIDE - {"min8", "dot8"}, "portable": frozenset()}[request.param]
    if request.param != "portable" and not kinds:
        pytest.skip("this processor has no wide instructions")
    if request.param == "no products" and kinds == WIDE:
        pytest.skip("this processor does not multiply bytes anyway")
    monkeypatch.setattr(wide, "KINDS", kinds)


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


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_blocks_and_threads_change_nothing(dtype, metric, rng, monkeypatch):
    X, Q = rng.integers(0, 3, (200, 9)).astype(dtype), rng.integers(0, 3, (41, 9)).astype(dtype)
    expected = oracle(X, Q, 17, metric)
    for name, value in {
        "_MOST_QUERIES": 5,
        "_MOST_PRODUCTS": 5,
        "_GROUP_BYTES": 2 << 16,
        "_SUMS_BYTES": 1,
        "_FEW": 1,
    }.items():
        monkeypatch.setattr(neighbors, name, value)
    monkeypatch.setattr(neighbors, "_TRAIN_BYTES", 1)
    for threads in "1", "3", "20":
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        same(nearest(X, Q, 17, metric), expected)
        same(nearest(X, Q[:1], 17, metric), (expected[0][:1], expected[1][:1]))


@pytest.mark.usefixtures("path")
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


@pytest.mark.usefixtures("path")
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


@pytest.mark.usefixtures("path")
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


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("d", [1, 7, 63, 64, 65, 3072])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_any_length_of_rows(d, dtype, metric, rng):
    """Around whole registers and tiles, with duplicates, fewer rows than a tile, and all rows as neighbours."""
    for n, m, k in ((1, 1, 1), (3, 2, 3), (23, 9, 23), (61, 5, 7)):
        X = rng.integers(0, 256, (n, d), dtype=np.uint8).astype(dtype)
        X[n // 2 :] = X[: n - n // 2]
        Q = rng.integers(0, 256, (m, d), dtype=np.uint8).astype(dtype)
        same(nearest(X, Q, k, metric), oracle(X, Q, k, metric))


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("query", DTYPES)
def test_rows_rounded_to_256_levels(metric, noise, query, rng):
    """Many rows and columns, so that rounded rows are used: rows in clusters, close to one another or equal."""
    centres = rng.integers(0, 60, (12, 40))
    X = (centres[rng.integers(0, 12, 700)] + noise * rng.integers(-5, 6, (700, 40))).astype(np.float32)
    Q = (centres[rng.integers(0, 12, 20)] + rng.integers(0, 2, (20, 40))).astype(query)
    if query != np.uint8:
        Q[-1] *= 3  # far beyond the levels of the training rows
    prepared = Neighbors(X, metric)
    distances, indices = prepared.nearest(Q, 80)
    possible = "dot8" in wide.KINDS or ("sad" in wide.KINDS and metric == "l1")
    assert prepared._measures["quantized"][1].useful == possible
    expected, order = oracle(X, Q, 80, metric)
    if noise == 0:
        same((distances, indices), (expected, order))
    np.testing.assert_allclose(distances, expected, rtol=1e-12)  # float64 sums in another order
    again = np.take_along_axis(direct(X, Q, metric), indices, axis=1)
    np.testing.assert_allclose(np.sqrt(again) if metric == "l2" else again, distances, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 30),
    m=st.integers(1, 6),
    d=st.integers(1, 70),
    k=st.integers(1, 30),
    metric=st.sampled_from(METRICS),
    dtype=st.sampled_from(DTYPES),
)
def test_both_paths_give_the_same_bits(seed, n, m, d, k, metric, dtype):
    rng = np.random.default_rng(seed)
    X, Q = (rng.integers(0, 3, (rows, d)) * rng.choice([1, 0.1]) for rows in (n, m))
    X, Q = X.astype(dtype), Q.astype(dtype)
    with pytest.MonkeyPatch.context() as patch:
        found = nearest(X, Q, min(k, n), metric)
        patch.setattr(wide, "KINDS", frozenset())
        same(nearest(X, Q, min(k, n), metric), found)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["cosine", "chi2", "intersection"])
def test_other_metrics_against_their_definitions(metric, dtype, rng):
    X, Q = (rng.integers(0, 200, (n, 50)).astype(dtype) for n in (300, 20))
    distances, indices = nearest(X, Q, 25, metric)
    expected, order = oracle(X, Q, 25, metric)
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_allclose(distances, expected, rtol=1e-10, atol=1e-14)  # 1 − … cancels


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("metric", ["cosine", "chi2", "intersection"])
def test_other_metrics_with_ties_and_rows_of_zeros(metric, rng):
    """Rows that sum to 4 and have squares that sum to 4 or 16: all distances are exact."""
    X = np.zeros((90, 6))
    for row in X[:80]:
        row[rng.permutation(6)[: rng.choice([1, 4])]] = 1
    X[:80] *= 4 / X[:80].sum(1, keepdims=True)
    Q = X[60:]
    distances, indices = nearest(X, Q, 90, metric)
    expected, order = oracle(X, Q, 90, metric)
    if metric == "cosine":
        expected = np.maximum(np.round(expected, 12), 0)  # roots in the oracle
        order = np.argsort(np.maximum(np.round(direct(X, Q, metric), 12), 0), axis=1, kind="stable")
    same((distances, indices), (expected, order))
    assert (distances[-1] == (0 if metric == "chi2" else 1)).sum() >= 10


@pytest.mark.parametrize("metric", METRICS)
def test_a_row_is_at_distance_0_from_itself(metric, rng):
    X = rng.random((50, 37)).astype(np.float32)
    distances, indices = nearest(X, X, 1, metric)
    assert (distances == 0).all()
    assert indices[:, 0].tolist() == list(range(50))


@pytest.mark.parametrize("metric", ["cosine", "intersection"])
def test_magnitudes_that_differ_from_row_to_row(metric, rng):
    X, Q = rng.integers(1, 9, (40, 8)).astype(float), rng.integers(1, 9, (5, 8)).astype(float)
    expected = nearest(X, Q, 40, metric)
    found = nearest(X * 2.0 ** rng.choice([-600, 0, 600], (40, 1)), Q * 2.0**700, 40, metric)
    same(found, expected)


def test_ties_that_outgrow_the_lists(monkeypatch, rng):
    """Far more equal rows than a list of candidates has places: the first of them are kept."""
    monkeypatch.setattr(lists, "_SPARE", 16)
    for metric in METRICS:
        X = np.ones((2000, 5), dtype=np.float32)
        X[1500] = 2
        _, indices = nearest(X, 2 * X[:3], 6, metric)
        first = [] if metric in ("cosine", "intersection") else [1500]
        assert indices.tolist() == [[*first, 0, 1, 2, 3, 4, 5][:6]] * 3


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("k", [1, 200])
def test_rows_whose_distances_concentrate(metric, k, rng):
    """Many columns of noise: rounded rows leave more candidates than lists have places."""
    X = rng.integers(-900, 900, (900, 1500)).astype(np.float32)
    X[450:700] = X[:250]
    Q = rng.integers(-900, 900, (6, 1500)).astype(np.float32)
    Q[0] = X[3]
    same(nearest(X, Q, k, metric), oracle(X, Q, k, metric))


def test_searches_share_what_was_prepared(rng):
    X, Q = rng.random((60, 16), dtype=np.float32), rng.random((5, 16), dtype=np.float32)
    prepared = Neighbors(X, "l2")
    prepared.prepare()
    made = dict(prepared._measures)
    for rows in (Q, Q[:2], Q[:0]):
        same(prepared.nearest(rows, 4), oracle(X, Q, 4, "l2")) if len(rows) == 5 else prepared.nearest(
            rows, 4
        )
    assert prepared._measures == made
    same(prepared.nearest(Q * np.float32(2.0**90), 4), nearest(X, Q * np.float32(2.0**90), 4))
    np.testing.assert_array_equal(prepared.nearest(Q, 4)[1], oracle(X, Q, 4, "l2")[1])


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
        ({"metric": "l3"}, "metric must be one of l2, l1, cosine, chi2, intersection; got 'l3'"),
        ({"X_train": np.zeros((0, 2))}, r"X_train must be a matrix with rows; got \(0, 2\)"),
        (
            {"X_query": np.full((1, 2), -0.5), "metric": "chi2"},
            "X_query must be nowhere negative for the metric chi2; got .*-0.5",
        ),
        ({"X_train": np.full((3, 2), -1.0), "metric": "intersection"}, "X_train must be nowhere negative"),
        ({"X_query": np.zeros((1, 5))}, r"as many columns; got shapes \(3, 2\) and \(1, 5\)"),
    ],
)
def test_bad_input(changes, message):
    arguments = {"X_train": np.zeros((3, 2)), "X_query": np.zeros((1, 2)), "k": 1, **changes}
    with pytest.raises(InputError, match=message):
        nearest(**arguments)
