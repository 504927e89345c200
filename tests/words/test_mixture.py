"""A codebook of Gaussians against scikit-learn's, from the same start."""

import os
import tracemalloc
import warnings
from unittest import mock

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from featbench.errors import InputError
from featbench.numerics.kmeans import lloyd
from featbench.numerics.kmeans_start import spread_out_rows
from featbench.numerics.nearest_words import nearest_words
from featbench.words.mixture import Mixture

FLOAT32 = 1e-6  # relative, of numbers that are kept as float32
# Both sum 3,000 float64 numbers a dozen times over, in another order.
FLOAT64 = 1e-9
ADDED = 1e-3


@pytest.fixture
def X(rng):
    means = rng.normal(size=(4, 6)) * 2
    spread = rng.uniform(0.3, 2, (4, 6))
    makers = rng.integers(0, 4, 3000)
    return (means[makers] + spread[makers] * rng.normal(size=(3000, 6))).astype(np.float32)


def peer(X, words, iterations):
    """Return scikit-learn's mixture from the cells of the words that `Mixture` starts from."""
    start = lloyd(X, X[spread_out_rows(X, words, np.random.default_rng(0), "test")], 10).words
    cells, rows = nearest_words(X, start)[:, 0], X.astype(np.float64)
    added = ADDED * rows.var(axis=0).mean()
    groups = [rows[cells == word] for word in range(words)]
    gmm = GaussianMixture(
        words,
        covariance_type="diag",
        reg_covar=added,
        max_iter=iterations,
        tol=0,
        weights_init=[len(group) / len(X) for group in groups],
        means_init=[group.mean(axis=0) for group in groups],
        precisions_init=[1 / (group.var(axis=0) + added) for group in groups],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it has not converged, as is meant
        return gmm.fit(rows)


@pytest.mark.parametrize(("words", "iterations"), [(1, 1), (4, 1), (4, 12), (7, 12)])
def test_iterations_are_scikit_learns(X, words, iterations):
    gmm = peer(X, words, iterations)
    found = Mixture(words=words, iterations=iterations, tolerance=0.0, added=ADDED).fit(X)
    assert found.words_.dtype == found.variances_.dtype == np.float32
    np.testing.assert_allclose(found.words_, gmm.means_, rtol=FLOAT32, atol=FLOAT32)
    np.testing.assert_allclose(found.variances_, gmm.covariances_, rtol=FLOAT32)
    np.testing.assert_allclose(found.weights_, gmm.weights_, rtol=FLOAT64)
    # The one iteration that both began with before the last step.
    assert found.log_likelihoods_[-1] == pytest.approx(gmm.lower_bound_, rel=FLOAT64)


def test_one_word_is_mean_and_variance_of_all(X):
    found = Mixture(words=1, added=1e-9).fit(X)
    np.testing.assert_allclose(found.words_[0], X.mean(axis=0, dtype=np.float64), rtol=FLOAT32, atol=FLOAT32)
    np.testing.assert_allclose(found.variances_[0], X.var(axis=0, dtype=np.float64), rtol=FLOAT32)
    assert found.weights_.tolist() == [1.0]


def test_likelihood_rises_until_it_stands(X):
    found = Mixture(words=6, tolerance=1e-4, added=1e-9).fit(X)
    gains = np.diff(found.log_likelihoods_)
    assert (gains[:-1] >= 1e-4).all()
    assert 0 <= gains[-1] < 1e-4


def test_the_unit_of_descriptors_changes_nothing_else(X):
    """As with SIFT in bytes and SIFT of length 1; by a power of two, which rounds nothing."""
    small, large = (Mixture(words=5, iterations=5).fit(X * np.float32(unit)) for unit in (1, 512))
    np.testing.assert_allclose(large.words_, 512 * small.words_, rtol=FLOAT32)
    np.testing.assert_allclose(large.variances_, 512**2 * small.variances_, rtol=FLOAT32)
    np.testing.assert_allclose(large.weights_, small.weights_, rtol=FLOAT64)


def test_threads_change_nothing(X):
    fitted = []
    for threads in ("1", "3"):
        with mock.patch.dict(os.environ, FEATBENCH_NUM_THREADS=threads):
            fitted.append(Mixture(words=5, iterations=5).fit(X))
    for name in ("words_", "weights_", "variances_", "log_likelihoods_"):
        np.testing.assert_array_equal(*(getattr(found, name) for found in fitted))


def test_shares_of_all_descriptors_are_never_there(rng):
    X, words = rng.normal(size=(40_000, 4)).astype(np.float32), 100
    Mixture(words=2, iterations=1).fit(X[:100])  # compiled before it is measured
    tracemalloc.start()
    Mixture(words=words, iterations=1).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 8 * words * len(X)


def test_numbers_that_do_not_vary_keep_what_is_added():
    X = np.zeros((40, 3), np.float32)
    X[:, 0] = np.repeat([-1, 1], 20)
    X[:, 2] = 7
    found = Mixture(words=2, added=0.01).fit(X)
    np.testing.assert_allclose(np.sort(found.words_, axis=0), [[-1, 0, 7], [1, 0, 7]], atol=1e-6)
    np.testing.assert_allclose(found.variances_, 0.01 / 3, rtol=FLOAT32)  # one of three varies, by 1
    assert np.isfinite(found.log_likelihoods_).all()


def test_constant_descriptors_are_one_word():
    found = Mixture(words=1).fit(np.full((9, 4), 3, np.float32))
    assert (found.words_ == 3).all()
    np.testing.assert_allclose(found.variances_, 1e-4, rtol=FLOAT32)


def test_fewer_different_descriptors_than_words_are_refused():
    with pytest.raises(
        InputError, match="Mixture: descriptors must be at least 2 different ones, one a word"
    ):
        Mixture(words=2).fit(np.ones((9, 4), np.float32))


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [({"words": 0}, "words must be an integer ≥ 1"), ({"added": 0.0}, "added must be a number > 0")],
)
def test_bad_parameters_are_refused(X, wrong, complaint):
    with pytest.raises(InputError, match=f"Mixture: {complaint}"):
        Mixture(**wrong).fit(X)


def test_descriptors_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="Mixture: rows must be finite"):
        Mixture(words=1).fit(np.full((3, 2), np.nan, np.float32))
