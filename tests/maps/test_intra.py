import numpy as np
import pytest
from sklearn.preprocessing import normalize

from featbench.errors import InputError
from featbench.maps import L2, Intra

FLOAT32 = 1e-6  # one or two roundings of float32


def test_each_block_is_scikit_learns_normalized_row(rng):
    X = rng.normal(size=(9, 12)).astype(np.float32)
    X[3] = 0
    X[5, 4:8] = 0
    expected = normalize(X.reshape(27, 4)).reshape(9, 12)
    np.testing.assert_allclose(Intra(block=4).fit_transform(X), expected, rtol=FLOAT32)


def test_a_word_that_is_repeated_counts_no_more_than_others():
    mapped = Intra(block=2).fit_transform([[300, 400, 0.03, 0.04]])
    np.testing.assert_allclose(mapped, [[0.6, 0.8, 0.6, 0.8]], rtol=FLOAT32)


def test_without_a_block_it_is_l2(rng):
    X = rng.normal(size=(4, 6)).astype(np.float32)
    np.testing.assert_array_equal(Intra().fit_transform(X), L2().fit_transform(X))


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_blocks_neither_overflow_nor_get_lost(size):
    X = np.array([[3, 4, 0, 1]], dtype=np.float32) * np.float32(size)
    np.testing.assert_allclose(Intra(block=2).fit_transform(X), [[0.6, 0.8, 0, 1]], rtol=FLOAT32)


def test_rows_that_are_not_whole_blocks_are_refused():
    with pytest.raises(
        InputError, match="Intra: block must be a divisor of the length of rows, 10 numbers; got 4"
    ):
        Intra(block=4).fit(np.ones((2, 10)))


@pytest.mark.parametrize("block", [0, -1, 1.5])
def test_a_bad_block_is_refused(block):
    with pytest.raises(InputError, match="Intra: block must be"):
        Intra(block=block).fit(np.ones((2, 4)))
