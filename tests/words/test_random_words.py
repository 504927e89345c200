"""Codebooks that nobody learned."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.errors import InputError
from featbench.saved import load_plugin, save_plugin
from featbench.words import CODEBOOKS, RandomDirections, RandomPatches

ROUNDING = 1e-6  # of a length in float32


def test_they_are_registered():
    assert CODEBOOKS.load("random_patches") is RandomPatches
    assert CODEBOOKS.load("gaussian") is RandomDirections


def test_words_are_descriptors(rng):
    X = rng.normal(size=(200, 7)).astype(np.float32)
    words = RandomPatches(words=200, normalized=False).fit(X).words_
    np.testing.assert_array_equal(np.unique(words, axis=0), np.unique(X, axis=0))


def test_normalized_words_have_length_1_and_different_directions(rng):
    X = rng.normal(size=(60, 7)).astype(np.float32)
    X = np.concatenate([X, 2 * X, np.zeros((9, 7), np.float32)])
    words = RandomPatches(words=60).fit(X).words_
    np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1, atol=ROUNDING)
    assert len(np.unique(words, axis=0)) == 60
    with pytest.raises(InputError, match="at least 61 different ones, one a word; got 60 different of 120"):
        RandomPatches(words=61).fit(X)


def test_duplicates_are_drawn_once():
    X = np.repeat(np.eye(5, dtype=np.float32), 20, axis=0)
    assert sorted(RandomPatches(words=5).fit(X).words_.argmax(axis=1)) == [0, 1, 2, 3, 4]
    with pytest.raises(InputError, match="RandomPatches: descriptors must be at least 6 different ones"):
        RandomPatches(words=6, normalized=False).fit(X)


def test_directions_have_length_1_and_no_preference(rng):
    words = RandomDirections(words=20_000).fit(rng.random((3, 4), dtype=np.float32)).words_
    assert words.shape == (20_000, 4)
    assert words.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1, atol=ROUNDING)
    # On a sphere in 4 dimensions a coordinate has variance 1 / 4; five standard deviations of the estimates.
    assert np.abs(words.mean(axis=0)).max() < 5 * 0.5 / np.sqrt(20_000)
    assert np.abs(np.cov(words.T) - np.eye(4) / 4).max() < 5 * 0.25 / np.sqrt(20_000)


@pytest.mark.parametrize("cls", [RandomPatches, RandomDirections])
def test_seeds_bad_input_and_saving(cls, rng, tmp_path):
    X = rng.normal(size=(50, 6)).astype(np.float32)
    fitted = cls(words=8).fit(X, random_state=3)
    np.testing.assert_array_equal(fitted.words_, cls(words=8).fit(X, random_state=3).words_)
    assert not np.array_equal(fitted.words_, cls(words=8).fit(X, random_state=4).words_)
    save_plugin(fitted, tmp_path)
    np.testing.assert_array_equal(load_plugin(tmp_path, cls).words_, fitted.words_)
    with pytest.raises(InputError, match=f"{cls.__name__}: words must be"):
        cls(words=0).fit(X)
    X[0, 0] = np.nan
    with pytest.raises(InputError, match=f"{cls.__name__}: rows must be finite"):
        cls(words=2).fit(X)
