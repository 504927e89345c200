"""Nearest words are those of float64, however their bounds were had."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.numerics import kmeans_rows, wide
from featbench.numerics.kmeans_rows import Rows

WAYS = ("bytes", "products")


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Search by bytes where the processor has them, and without."""
    if request.param == "products":
        monkeypatch.setattr(wide, "KINDS", frozenset())
    elif "dot8" not in wide.KINDS:
        pytest.skip("this processor does not multiply bytes")
    monkeypatch.setattr(kmeans_rows, "_LEAST_ROWS", 1)
    return request.param


def check(X, words, way=None):
    rows = Rows(X)
    if way is not None:
        assert (rows._bytes is not None) == (way == "bytes")
    labels, distances = rows.nearest(words)
    exact = np.square(X.astype(float)[:, None] - words.astype(float)[None]).sum(axis=2)
    np.testing.assert_allclose(distances, exact.min(axis=1), rtol=1e-13)
    chosen = exact[np.arange(len(X)), labels]
    np.testing.assert_allclose(chosen, exact.min(axis=1), rtol=1e-13)
    ties = np.isclose(exact, exact.min(axis=1, keepdims=True), rtol=1e-13, atol=0)
    alone = ties.sum(axis=1) == 1
    np.testing.assert_array_equal(labels[alone], exact.argmin(axis=1)[alone])
    return rows, labels


@pytest.mark.parametrize(
    ("m", "d", "k"), [(1, 16, 1), (7, 17, 5), (500, 31, 64), (300, 108, 65), (203, 40, 200), (60, 530, 20)]
)
def test_shapes(way, rng, m, d, k):
    check(rng.normal(size=(m, d)).astype(np.float32), rng.normal(size=(k, d)).astype(np.float32), way)


def test_few_columns_go_by_products(rng):
    rows, _ = check(rng.normal(size=(50, 3)).astype(np.float32), rng.normal(size=(9, 3)).astype(np.float32))
    assert rows._bytes is None


def correlated(rng, m, d=64):
    """Rows with a steep spectrum and heavy tails, as whitened patches have."""
    spectrum = np.linalg.qr(rng.normal(size=(d, d)))[0] * 0.9 ** np.arange(d)
    return (rng.standard_t(4, (m, d)) @ spectrum.T).astype(np.float32)


def test_directions_of_little_variance_are_left_out(way, rng):
    X = correlated(rng, 900)
    rows, _ = check(X, X[:150] + 0.1 * correlated(rng, 150), way)
    if way == "bytes":
        assert rows._bytes.directions.shape[1] < 48


@pytest.mark.parametrize("shift", [100.0, 1e4])
def test_rows_far_from_zero(way, rng, shift):
    X = correlated(rng, 400) + np.float32(shift)
    check(X, X[:50], way)


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e15, 1e37])
def test_any_size(way, rng, size):
    X = (correlated(rng, 300) / 100 * size).astype(np.float32)
    check(X, X[::6], way)


@pytest.mark.parametrize("size", [0.0, 1e-44, 1e-38, 1e-29])
def test_rows_of_next_to_nothing_beside_others(way, rng, size):
    X = correlated(rng, 100)
    X = np.concatenate([X, -X, np.full((1, 64), size, np.float32)])  # about zero: their mean
    check(X, X[::10], way)


def test_one_number_far_beyond_the_rest(way, rng):
    X = correlated(rng, 300)
    X[5, 7] = 1e6
    check(X, X[:40], way)


def test_equal_words_go_to_the_first(way, rng):
    X = correlated(rng, 200)
    words = X[rng.integers(0, 20, 100)]
    _, labels = check(X, words, way)
    first = [np.flatnonzero((words == words[label]).all(axis=1))[0] for label in labels]
    assert labels.tolist() == first


def test_constant_rows(way):
    X = np.full((20, 16), 3, np.float32)
    labels, distances = Rows(X).nearest(np.stack([X[0] + 1, X[0], X[0]]))
    assert labels.tolist() == [1] * 20
    assert not distances.any()


def test_both_ways_give_the_same_bits(rng, monkeypatch):
    X = correlated(rng, 6000)
    words = X[:300].copy()
    fast = Rows(X).nearest(words)
    monkeypatch.setattr(wide, "KINDS", frozenset())
    plain = Rows(X)
    assert plain._bytes is None
    for a, b in zip(fast, plain.nearest(words), strict=True):
        np.testing.assert_array_equal(a, b)


def test_bytes_are_given_up_where_they_rule_out_too_little(rng, monkeypatch):
    if "dot8" not in wide.KINDS:
        pytest.skip("this processor does not multiply bytes")
    monkeypatch.setattr(kmeans_rows, "_LEAST_ROWS", 1)
    directions = rng.normal(size=(2, 64)) * [[1e4], [1]]
    X = (rng.normal(size=(400, 2)) @ directions + 0.01 * rng.normal(size=(400, 64))).astype(np.float32)
    words = (X[:1] + 0.01 * rng.normal(size=(300, 64))).astype(np.float32)
    rows, _ = check(X, words, "bytes")
    assert rows._bytes is None
    check(X, words)


def test_many_rows_are_measured_few_words_each(rng, monkeypatch):
    """The speed rests on this: of 400 words hardly more than the nearest is measured."""
    counts = []
    for name in ("by_bytes", "by_products"):
        original = getattr(kmeans_rows, name)
        monkeypatch.setattr(
            kmeans_rows, name, lambda *a, original=original: counts.append(original(*a)) or counts[-1]
        )
    X = correlated(rng, 5000)
    Rows(X).nearest(X[:400])
    assert 5000 <= sum(counts) < 4 * 5000
