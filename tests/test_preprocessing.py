"""Preprocessing against formulas, in the dtypes that features come in."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from featbench.errors import UnknownNameError
from featbench.preprocessing import PREPROCESSORS, Standardize, make_preprocess


@pytest.fixture
def rows(rng):
    X = (rng.normal(size=(50, 4)) * [1, 10, 0.1, 3] + np.array([0, 5, 100, -2])).astype(np.float32)
    X[:, 3] = 7
    X[4] = 0
    return X


def test_standardize(rows):
    prepared = make_preprocess("standardize").fit_transform(rows)
    exact = rows.astype(np.float64)
    expected = (exact - exact.mean(axis=0)) / exact.std(axis=0)
    # float32 subtracts a mean of 100 from values that differ by 0.1: 1e-7 · 100 / 0.1
    np.testing.assert_allclose(prepared, expected, atol=2e-4)


def test_center_and_l2_and_none(rows):
    centred = make_preprocess("center").fit_transform(rows)
    np.testing.assert_allclose(centred, rows - rows.mean(axis=0, dtype=np.float64), atol=1e-5)
    lengths = np.linalg.norm(make_preprocess("l2").fit_transform(rows), axis=1)
    np.testing.assert_allclose(np.delete(lengths, 4), 1, rtol=1e-6)
    assert lengths[4] == 0
    np.testing.assert_array_equal(make_preprocess("none").fit_transform(rows), rows)


def test_a_constant_column_becomes_zero(rng):
    X = np.full((5000, 2), 7.1, dtype=np.float32)  # more than one block; 7.1 is no float32
    X[:, 1] = rng.normal(size=5000)
    for name in ("standardize", "center"):
        assert np.abs(make_preprocess(name).fit_transform(X)[:, 0]).max() < 1e-6


@pytest.mark.parametrize("name", PREPROCESSORS)
@pytest.mark.parametrize("n", [50, 5000])
def test_what_every_one_keeps(name, n, rng):
    X = (rng.normal(size=(n, 6)) + 3).astype(np.float32)
    before = X.copy()
    transformer = clone(make_preprocess(name)).fit(X)
    prepared = transformer.transform(X)
    assert prepared.dtype == np.float32
    assert prepared.shape == X.shape
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(transformer.transform(X[:3]), prepared[:3])  # learnt on training rows alone
    np.testing.assert_array_equal(clone(transformer).fit(X).transform(X), prepared)
    assert transformer.transform(X[:1]).shape == (1, 6)


def test_blocks_learn_what_the_whole_teaches(rng):
    X = (rng.normal(size=(9000, 5)) + np.array([0, 1, 10, 100, 1000])).astype(np.float32)
    blocks, whole = Standardize().fit(X), StandardScaler().fit(X)
    np.testing.assert_allclose(blocks.mean_, whole.mean_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(blocks.scale_, whole.scale_, rtol=1e-12)
    assert blocks.n_samples_seen_ == 9000
    again = blocks.fit(X[:5000])
    assert again.n_samples_seen_ == 5000


def test_fitting_makes_no_copy_of_all_rows(rng):
    X = rng.normal(size=(40_000, 100)).astype(np.float32)
    tracemalloc.start()
    Standardize().fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes


def test_unknown_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'standardize'"):
        make_preprocess("standardise")
