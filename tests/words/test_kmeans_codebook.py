"""Codebooks learned by k-means."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.errors import InputError
from featbench.numerics.kmeans import lloyd
from featbench.saved import load_plugin, save_plugin
from featbench.words import CODEBOOKS, KMeans, SphericalKMeans

BOTH = pytest.mark.parametrize("cls", [KMeans, SphericalKMeans])


@pytest.fixture
def descriptors(rng):
    return (rng.normal(0, 2, (12, 20))[rng.integers(0, 12, 900)] + rng.normal(size=(900, 20))).astype(
        np.float32
    )


def test_they_are_registered():
    assert CODEBOOKS.load("kmeans") is KMeans
    assert CODEBOOKS.load("spherical") is SphericalKMeans


@pytest.mark.parametrize("init", ["kmeans++", "random", "normal"])
@pytest.mark.parametrize("batch", [None, 300])
def test_words_are_where_descriptors_are(descriptors, init, batch):
    fitted = KMeans(words=12, iterations=8, init=init, batch=batch).fit(descriptors)
    assert fitted.words_.shape == (12, 20)
    assert fitted.words_.dtype == np.float32
    assert fitted.inertia_.dtype == np.float64
    variance = np.square(descriptors - descriptors.mean(axis=0)).sum(axis=1).mean()
    assert fitted.inertia_[-1] < 0.7 * variance
    assert fitted.inertia_[-1] < fitted.inertia_[0]


def test_a_batch_of_all_is_lloyd(descriptors):
    one, other = (KMeans(words=9, batch=batch).fit(descriptors) for batch in (None, 900))
    np.testing.assert_array_equal(one.words_, other.words_)


@BOTH
def test_seed_decides_and_input_is_not_written(cls, descriptors):
    before = descriptors.copy()
    words = [cls(words=10, iterations=3).fit(descriptors, random_state=s).words_ for s in (4, 4, 5)]
    np.testing.assert_array_equal(words[0], words[1])
    assert not np.array_equal(words[0], words[2])
    np.testing.assert_array_equal(descriptors, before)


def test_spherical_words_have_length_1_and_lengths_of_descriptors_do_not_matter(descriptors):
    powers = np.float32(2) ** (np.arange(900) % 9 - 4)[:, None]  # exact
    one = SphericalKMeans(words=10).fit(descriptors)
    other = SphericalKMeans(words=10).fit(descriptors * powers.astype(np.float32))
    np.testing.assert_array_equal(one.words_, other.words_)
    np.testing.assert_allclose(np.linalg.norm(one.words_, axis=1), 1, atol=1e-6)
    assert (np.diff(one.inertia_) <= 0).all()


def test_spherical_inertia_is_that_of_the_angles(descriptors):
    fitted = SphericalKMeans(words=10, iterations=3).fit(descriptors)
    unit = (descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)).astype(np.float32)
    cosines = unit.astype(float) @ fitted.words_.T.astype(float)
    following = lloyd(unit, fitted.words_, 1, spherical=True).inertia[0]
    assert following == pytest.approx((2 - 2 * cosines.max(axis=1)).mean(), rel=1e-6)  # lengths are float32


def test_descriptors_of_zeros_have_no_direction(descriptors):
    with_zeros = np.concatenate([descriptors, np.zeros((50, 20), np.float32)])
    one, other = (SphericalKMeans(words=5).fit(X) for X in (descriptors, with_zeros))
    np.testing.assert_array_equal(one.words_, other.words_)


@BOTH
def test_too_few_different_descriptors_are_refused(cls, descriptors):
    X = np.repeat(descriptors[:4], 30, axis=0)
    assert cls(words=4).fit(X).words_.shape == (4, 20)
    with pytest.raises(InputError, match=rf"{cls.__name__}: descriptors must be at least 5 different ones"):
        cls(words=5).fit(X)


@BOTH
def test_constant_descriptors_make_one_word(cls):
    X = np.full((100, 16), 2, np.float32)
    fitted = cls(words=1).fit(X)
    np.testing.assert_allclose(fitted.words_, 2 if cls is KMeans else 0.25)
    with pytest.raises(InputError, match="got 1 different of 100"):
        cls(words=2).fit(X)


@BOTH
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(cls, descriptors, bad):
    descriptors[3, 2] = bad
    with pytest.raises(InputError, match=f"{cls.__name__}: rows must be finite"):
        cls(words=3).fit(descriptors)


@pytest.mark.parametrize(
    "parameters", [{"words": 0}, {"iterations": 0}, {"init": "spread"}, {"batch": 0}, {"words": 2.0}]
)
def test_bad_parameters_are_refused(descriptors, parameters):
    with pytest.raises(InputError, match=f"KMeans: {next(iter(parameters))} must be"):
        KMeans(**parameters).fit(descriptors)


@BOTH
def test_saved_and_loaded_without_pickle(cls, descriptors, tmp_path):
    fitted = cls(words=6, iterations=2).fit(descriptors)
    save_plugin(fitted, tmp_path)
    loaded = load_plugin(tmp_path, cls)
    np.testing.assert_array_equal(loaded.words_, fitted.words_)
    np.testing.assert_array_equal(loaded.inertia_, fitted.inertia_)
    assert loaded.get_params() == fitted.get_params()
