"""VLAD against sums of residuals taken one by one."""

import tracemalloc

import numpy as np
import pytest
from fused_sums import Given
from scipy.spatial.distance import cdist

from featbench.errors import InputError
from featbench.words.parts import Encoding
from featbench.words.vlad import VLAD

FLOAT32 = 1e-5  # of the largest number: some hundred float32 additions


def close(found, expected):
    return np.abs(found - expected).max() <= FLOAT32 * np.abs(expected).max()


def test_by_hand():
    codebook = Given([[0, 0], [10, 0]])
    X = np.array([[1, 2], [9, 1], [-3, 1], [10, 5], [5, 0]], np.float32)  # the last is as far from both
    codes = VLAD().codes(X, codebook)
    assert codes.dtype == np.float32
    assert codes.tolist() == [[1, 2, 0, 0], [0, 0, -1, 1], [-3, 1, 0, 0], [0, 0, 0, 5], [5, 0, 0, 0]]
    cells = np.array([0, 0, 0, 2, 2])
    assert VLAD().pooled(X, cells, 3, codebook, "sum").tolist() == [[-2, 3, -1, 1], [0] * 4, [5, 0, 0, 5]]


@pytest.mark.parametrize("words", [1, 6])
def test_cells_are_sums_of_residuals(rng, words):
    X, codebook = rng.normal(size=(900, 11)).astype(np.float32), Given(rng.normal(size=(words, 11)))
    cells = rng.integers(0, 3, len(X)) * 2
    found = VLAD().pooled(X, cells, 6, codebook, "sum")
    assert found.dtype == np.float32
    assert found.shape == (6, VLAD().length(codebook)) == (6, 11 * words)
    expected = np.zeros((6, words, 11))
    for row, cell, word in zip(X, cells, cdist(X, codebook.words_).argmin(axis=1), strict=True):
        expected[cell, word] += row - codebook.words_[word]
    assert close(found, expected.reshape(6, -1))
    assert close(found, Encoding.pooled(VLAD(), X, cells, 6, codebook, "sum"))
    assert not found[1::2].any()


def test_a_cell_does_not_depend_on_those_beside_it(rng):
    X, codebook = rng.normal(size=(900, 8)).astype(np.float32), Given(rng.normal(size=(6, 8)))
    cells = rng.integers(0, 3, len(X))
    together = VLAD().pooled(X, cells, 3, codebook, "sum")
    alone = VLAD().pooled(X[cells == 1], np.zeros((cells == 1).sum(), np.int64), 1, codebook, "sum")
    np.testing.assert_array_equal(alone[0], together[1])


def test_descriptors_that_are_words_leave_nothing():
    codebook = Given([[1, 2], [3, 4]])
    cells = np.zeros(2, np.int64)
    assert not VLAD().pooled(codebook.words_, cells, 1, codebook, "sum").any()


def test_torch_runs_the_same_lines(rng):
    torch = pytest.importorskip("torch")
    X, codebook = rng.normal(size=(50, 8)).astype(np.float32), Given(rng.normal(size=(6, 8)))
    np.testing.assert_array_equal(
        VLAD().codes(torch.from_numpy(X), codebook).numpy(), VLAD().codes(X, codebook)
    )


def test_codes_of_all_descriptors_are_never_there(rng):
    X, codebook, cells = (
        rng.normal(size=(20_000, 20)).astype(np.float32),
        Given(rng.normal(size=(50, 20))),
        np.zeros(20_000, np.int64),
    )
    VLAD().pooled(X[:9], cells[:9], 1, codebook, "sum")  # compiled before it is measured
    tracemalloc.start()
    VLAD().pooled(X, cells, 1, codebook, "sum")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.1 * 4 * len(X) * VLAD().length(codebook)


def test_a_maximum_is_refused(rng):
    X, codebook = rng.normal(size=(5, 8)).astype(np.float32), Given(rng.normal(size=(6, 8)))
    message = r"VLAD: the pooling's how must be \"sum\" or \"mean\"; got 'max'\. VLAD adds up"
    with pytest.raises(InputError, match=message):
        VLAD().pooled(X, np.zeros(5, np.int64), 1, codebook, "max")
