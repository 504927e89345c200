import numpy as np
import pytest
from fused_sums import CELLS, Given, cell_by_cell, scattered
from scipy.spatial.distance import cdist

from featbench.words import Hard


def test_the_nearest_word_is_scipys(rng):
    X, _, codebook = scattered(rng, 300, 12, 40)
    nearest = cdist(X.astype(float), codebook.words_.astype(float)).argmin(axis=1)
    np.testing.assert_array_equal(Hard().codes(X, codebook), np.eye(40)[nearest])
    assert Hard().length(codebook) == 40


@pytest.mark.parametrize("how", ["sum", "max"])
def test_cells_are_those_of_the_codes(rng, how):
    X, cells, codebook = scattered(rng, 500, 12, 40)
    pooled = Hard().pooled(X, cells, CELLS, codebook, how)
    np.testing.assert_array_equal(pooled, cell_by_cell(Hard(), X, cells, codebook, how))
    assert pooled.dtype == np.float32


def test_of_words_as_near_the_first_is_taken():
    X, codebook = np.float32([[0, 0], [2, 0]]), Given([[1, 0], [-1, 0], [1, 0], [3, 0]])
    assert Hard().codes(X, codebook).tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]
    assert Hard().pooled(X, np.array([1, 1]), 2, codebook, "sum").tolist() == [[0, 0, 0, 0], [2, 0, 0, 0]]


def test_torch_gets_the_same(rng):
    torch = pytest.importorskip("torch")
    X, _, codebook = scattered(rng, 100, 12, 40)
    np.testing.assert_array_equal(Hard().codes(torch.tensor(X), codebook), Hard().codes(X, codebook))
