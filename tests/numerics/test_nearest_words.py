"""The nearest of few words against a sort of exact distances."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from featbench.numerics.nearest_words import nearest_words


def sorted_exactly(X, words, k):
    distances = cdist(X.astype(np.float64), words.astype(np.float64), "sqeuclidean")
    return np.argsort(distances, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize(("n", "d"), [(1, 3), (7, 1), (33, 8), (300, 129)])
@pytest.mark.parametrize("k", [1, 5])
def test_words_are_ordered_by_exact_distance(rng, n, d, k):
    # Whole numbers, so that distances are exact and many are equal.
    X, words = (rng.integers(-3, 4, (rows, d)).astype(np.float32) for rows in (500, n))
    k = min(k, n)
    np.testing.assert_array_equal(nearest_words(X, words, k), sorted_exactly(X, words, k))


def test_products_that_say_nothing_are_measured(rng):
    """Far from 0 float32 products are off by more than distances differ."""
    words = (1e4 + rng.integers(0, 9, (50, 16))).astype(np.float32)
    X = (1e4 + rng.integers(0, 9, (200, 16))).astype(np.float32)
    rough = np.argmin((words**2).sum(axis=1) / 2 - X @ words.T, axis=1)
    exact = sorted_exactly(X, words, 3)
    assert (rough != exact[:, 0]).any()
    np.testing.assert_array_equal(nearest_words(X, words, 3), exact)


@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e20, 1e30])
def test_sizes_that_squares_do_not_fit_into(rng, size):
    X, words = (rng.integers(-9, 10, (rows, 6)) * np.float32(size) for rows in (40, 20))
    X, words = X.astype(np.float32), words.astype(np.float32)
    np.testing.assert_array_equal(nearest_words(X, words, 2), sorted_exactly(X, words, 2))


def test_equal_words_come_in_order():
    words = np.ones((40, 4), np.float32)
    assert nearest_words(np.zeros((2, 4), np.float32), words, 4).tolist() == [[0, 1, 2, 3]] * 2


def test_no_rows():
    assert nearest_words(np.empty((0, 4), np.float32), np.ones((3, 4), np.float32), 2).shape == (0, 2)


def test_rows_beside_a_row_do_not_count(rng):
    X, words = rng.normal(size=(700, 32)).astype(np.float32), rng.normal(size=(900, 32)).astype(np.float32)
    together = nearest_words(X, words, 5)
    np.testing.assert_array_equal(together[::-1], nearest_words(X[::-1], words, 5))
    np.testing.assert_array_equal(together[3:4], nearest_words(X[3:4], words, 5))
