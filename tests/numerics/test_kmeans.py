"""k-means against a slow float64 version and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans as Peer

from featbench.numerics import kmeans
from featbench.numerics.kmeans import lloyd, minibatch

ROUNDING = 1e-6  # relative: words are float32
FLOAT32_SUMS = 1e-5  # relative: scikit-learn's own sums are float32


def lumps(rng, m=3000, d=24, groups=40):
    centres = rng.normal(0, 3, (groups, d))
    return (centres[rng.integers(0, groups, m)] + rng.normal(0, 1, (m, d))).astype(np.float32)


def slow_lloyd(X, words, iterations):
    """Plain Lloyd in float64; no word may become empty."""
    X, words, inertia, before = X.astype(float), words.astype(float), [], None
    for _ in range(iterations):
        D = np.square(X[:, None] - words.astype(np.float32).astype(float)[None]).sum(axis=2)
        labels = D.argmin(axis=1)
        inertia.append(D.min(axis=1).mean())
        if before is not None and (labels == before).all():
            break
        words, before = np.stack([X[labels == k].mean(axis=0) for k in range(len(words))]), labels
    return words, inertia


def test_it_is_plain_lloyd_in_float64(rng):
    X = lumps(rng)
    words, inertia = slow_lloyd(X, X[:50], 7)
    found = lloyd(X, X[:50], 7)
    np.testing.assert_allclose(found.words, words, rtol=ROUNDING, atol=ROUNDING)
    np.testing.assert_allclose(found.inertia, inertia, rtol=1e-12)
    assert found.words.dtype == np.float32
    assert found.inertia.dtype == np.float64


def test_it_stops_when_no_row_changes_its_word(rng):
    X = lumps(rng, m=400, groups=5)
    _, inertia = slow_lloyd(X, X[:5], 100)
    found = lloyd(X, X[:5], 100)
    assert len(found.inertia) == len(inertia) < 100
    assert found.inertia[-1] == lloyd(X, found.words, 1).inertia[0]


def test_scikit_learn_comes_as_far_from_the_same_start(rng):
    X = lumps(rng, m=6000)
    peer = Peer(60, init=X[:60], n_init=1, max_iter=8, tol=0, algorithm="lloyd").fit(X)
    found = lloyd(X, X[:60], 8)
    ours = lloyd(X, found.words, 1).inertia[0] * len(X)
    assert ours == pytest.approx(peer.inertia_, rel=FLOAT32_SUMS)
    np.testing.assert_allclose(found.words, peer.cluster_centers_, rtol=1e-3, atol=1e-3)


def test_inertia_never_grows_though_words_are_refilled(rng):
    X = lumps(rng)
    start = np.concatenate([X[:20], X[:20] + np.float32(1e4)])  # twenty words that no row is near
    found = lloyd(X, start, 12)
    assert (np.diff(found.inertia) <= 0).all()
    assert np.abs(found.words).max() < 100
    assert len(np.unique(found.words, axis=0)) == 40


def test_empty_words_move_to_the_farthest_rows():
    X = np.array([[0.0], [1.0], [1.0], [9.0], [9.0], [5.0]], np.float32)
    found = lloyd(X, np.array([[0.0], [100.0], [200.0]], np.float32), 1)
    # The mean of all, 25 / 6; then the farthest from 0: a 9, and the 5 rather than the other 9.
    np.testing.assert_allclose(found.words.ravel(), [25 / 6, 9, 5], rtol=ROUNDING)


def test_words_without_rows_stay_where_all_rows_lie_upon_words():
    X = np.array([[1.0], [1.0], [2.0]], np.float32)
    found = lloyd(X, np.array([[1.0], [2.0], [7.0]], np.float32), 5)
    assert found.words.ravel().tolist() == [1, 2, 7]
    assert found.inertia.tolist() == [0, 0]


def test_spherical_words_are_sums_brought_to_length_1(rng):
    X = rng.normal(size=(500, 12))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    found = lloyd(X, X[:9], 1, spherical=True)
    labels = (X.astype(float) @ X[:9].T.astype(float)).argmax(axis=1)
    sums = np.stack([X[labels == k].sum(axis=0, dtype=float) for k in range(9)])
    np.testing.assert_allclose(found.words, sums / np.linalg.norm(sums, axis=1, keepdims=True), atol=ROUNDING)


def test_spherical_words_whose_rows_cancel_are_refilled():
    X = np.array([[1, 0], [-1, 0], [0, 1]], np.float32)
    found = lloyd(X, np.array([[0, -1], [0.6, 0.8]], np.float32), 1, spherical=True)
    assert np.allclose(np.linalg.norm(found.words, axis=1), 1)


def test_threads_change_no_bit(rng, monkeypatch):
    X = lumps(rng, m=9000)
    results = []
    for n in ("1", "3"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", n)
        results.append((*lloyd(X, X[:70], 4), *minibatch(X, X[:70], 2, 2500, np.random.default_rng(5))))
    for one, three in zip(*results, strict=True):
        np.testing.assert_array_equal(one, three)


def test_minibatch_words_are_means_of_all_rows_they_were_nearest_to(rng):
    """Two passes over three batches, beside a plain loop over rows."""
    X = lumps(rng, m=300, d=6, groups=4)
    found = minibatch(X, X[:4], 2, 100, np.random.default_rng(3))
    order = np.random.default_rng(3)
    sums, counts, words = np.zeros((4, 6)), np.zeros(4), X[:4].astype(float)
    for _ in range(2):
        drawn = order.permutation(300)
        for batch in drawn.reshape(3, 100):
            D = np.square(X[batch, None].astype(float) - words.astype(np.float32)).sum(axis=2)
            for row, label in zip(batch, D.argmin(axis=1), strict=True):
                sums[label] += X[row]
                counts[label] += 1
            words = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], words)
    np.testing.assert_allclose(found.words, words, rtol=ROUNDING, atol=ROUNDING)


def test_minibatch_comes_near_to_lloyd(rng):
    X = lumps(rng)
    whole = lloyd(X, X[:40], 8)
    parts = minibatch(X, X[:40], 8, 500, rng)
    assert len(parts.inertia) == 8
    inertia = [lloyd(X, found.words, 1).inertia[0] for found in (whole, parts)]
    assert inertia[1] < 1.1 * inertia[0]


def test_minibatch_refills_words_that_no_row_is_near(rng):
    X = lumps(rng)
    found = minibatch(X, np.concatenate([X[:10], X[:10] + 1000]), 3, 700, rng)
    assert np.abs(found.words).max() < 100


def test_sums_are_those_of_each_word(rng):
    X, labels = lumps(rng, m=500), rng.integers(0, 7, 500)
    labels[labels == 3] = 4
    sums, counts = kmeans._sums(X, labels, 7)
    assert counts.tolist() == [(labels == k).sum() for k in range(7)]
    np.testing.assert_allclose(sums, [X[labels == k].sum(axis=0, dtype=float) for k in range(7)], atol=1e-9)
