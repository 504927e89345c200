import numpy as np
import pytest
from fused_sums import CELLS, Given, cell_by_cell, scattered
from scipy.spatial.distance import cdist

from featbench.words import Triangle

FLOAT32 = 2e-6  # of distances: their squares are rounded to some 6e-8 of the squared lengths


@pytest.mark.parametrize("n_words", [1, 3, 40])
def test_codes_are_what_float64_says(rng, n_words):
    X, _, codebook = scattered(rng, 200, 12, n_words)
    distances = cdist(X.astype(float), codebook.words_.astype(float))
    expected = np.maximum(0, distances.mean(axis=1, keepdims=True) - distances)
    np.testing.assert_allclose(Triangle().codes(X, codebook), expected, atol=FLOAT32 * distances.max())
    assert Triangle().length(codebook) == n_words


@pytest.mark.parametrize("how", ["sum", "max"])
@pytest.mark.parametrize("n_words", [1, 40, 9000])
def test_cells_are_those_of_the_codes(rng, how, n_words):
    X, cells, codebook = scattered(rng, 150, 12, n_words)
    pooled = Triangle().pooled(X, cells, CELLS, codebook, how)
    expected = cell_by_cell(Triangle(), X, cells, codebook, how)
    np.testing.assert_allclose(pooled, expected, rtol=FLOAT32, atol=150 * FLOAT32)
    assert pooled.dtype == np.float32


def test_by_hand():
    """Distances 5, 1 and 0 are 2 on average."""
    X, codebook = np.float32([[3, 4], [3, 4]]), Given([[0, 0], [3, 3], [3, 4]])
    assert Triangle().codes(X, codebook).tolist() == [[0, 1, 2]] * 2
    cells = np.array([2, 2])
    assert Triangle().pooled(X, cells, 3, codebook, "sum").tolist() == [[0, 0, 0], [0, 0, 0], [0, 2, 4]]
    assert Triangle().pooled(X, cells, 3, codebook, "max").tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 2]]


def test_words_that_are_descriptors_are_at_no_distance(rng):
    """Where a dot product alone would leave the root of its rounding, a thousandth of the lengths."""
    X, _, codebook = scattered(rng, 60, 108, 200)
    X += 3
    codebook.words_[:30] = X[:30]
    codebook.words_[30:40] = X[30:40] + np.float32(0.01)
    distances = cdist(X.astype(float), codebook.words_.astype(float))
    expected = np.maximum(0, distances.mean(axis=1, keepdims=True) - distances)
    np.testing.assert_allclose(Triangle().codes(X, codebook), expected, atol=FLOAT32 * 40)
    own = np.arange(60)
    np.testing.assert_allclose(Triangle().pooled(X, own, 60, codebook, "max"), expected, atol=FLOAT32 * 40)


def test_no_descriptors_leave_zeros(rng):
    X, cells, codebook = scattered(rng, 0, 5, 4)
    assert Triangle().pooled(X, cells, 2, codebook, "sum").tolist() == [[0] * 4] * 2


def test_descriptors_beside_others_change_nothing(rng):
    X, cells, codebook = scattered(rng, 900, 12, 3000)
    together = Triangle().pooled(X, cells, CELLS, codebook, "sum")
    for cell in (0, CELLS - 1):
        alone = Triangle().pooled(X[cells == cell], cells[cells == cell], CELLS, codebook, "sum")
        np.testing.assert_allclose(together[cell], alone[cell], rtol=1e-5)


def test_torch_gets_the_same(rng):
    torch = pytest.importorskip("torch")
    X, _, codebook = scattered(rng, 100, 12, 40)
    found = Triangle().codes(torch.tensor(X), codebook)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, Triangle().codes(X, codebook), atol=10 * FLOAT32)
