import numpy as np
import pytest
from fused_sums import CELLS, Given, cell_by_cell, scattered
from scipy.spatial.distance import cdist
from scipy.special import softmax

from featbench.errors import InputError
from featbench.parameters import check_parameters
from featbench.words import Soft

FLOAT32 = 2e-5  # exponents of some tens, each rounded to 6e-8 of the squared lengths


@pytest.mark.parametrize("beta", [0.01, 1.0])
def test_shares_are_scipys_softmax(rng, beta):
    X, _, codebook = scattered(rng, 50, 12, 40)
    expected = softmax(-beta * cdist(X, codebook.words_, "sqeuclidean"), axis=1)
    np.testing.assert_allclose(Soft(beta=beta).codes(X, codebook), expected, rtol=FLOAT32)
    assert Soft().length(codebook) == 40


@pytest.mark.parametrize("how", ["sum", "max"])
@pytest.mark.parametrize("n_words", [3, 40, 9000])
def test_cells_are_those_of_the_codes(rng, how, n_words):
    X, cells, codebook = scattered(rng, 150, 12, n_words)
    pooled = Soft(beta=0.1).pooled(X, cells, CELLS, codebook, how)
    expected = cell_by_cell(Soft(beta=0.1), X, cells, codebook, how)
    np.testing.assert_allclose(pooled, expected, rtol=FLOAT32, atol=1e-7 * expected.max())
    assert pooled.dtype == np.float32


@pytest.mark.parametrize("beta", [1e-3, 0.1, 1.0])
def test_shares_of_long_descriptors_are_off_as_is_told(rng, beta):
    """Of length 512, as SIFT, each beside several words."""
    words = rng.uniform(size=(100, 128)) ** 4
    words *= 512 / np.linalg.norm(words, axis=1, keepdims=True)
    codebook = Given(np.concatenate([words, words + rng.normal(size=words.shape) / 10]))
    X = (words + rng.normal(size=words.shape) / 10).astype(np.float32)
    squares = cdist(X.astype(float), codebook.words_.astype(float), "sqeuclidean")
    expected = softmax(-beta * squares, axis=1)
    off = 2 * beta * 1e-6 * 2 * 512**2 * expected  # of a share's own distance, and of the others'
    for found in (
        Soft(beta=beta).codes(X, codebook),
        Soft(beta=beta).pooled(X, np.arange(100), 100, codebook, "sum"),
    ):
        assert (np.abs(found - expected) <= off + 1e-6).all()


def test_by_hand():
    """Squared distances 0 and 1 from the first word: shares e : 1."""
    X, codebook = np.float32([[0, 0]]), Given([[0, 0], [0, 1]])
    expected = [[np.e / (np.e + 1), 1 / (np.e + 1)]]
    np.testing.assert_allclose(Soft(beta=1.0).codes(X, codebook), expected, rtol=FLOAT32)
    np.testing.assert_allclose(Soft().pooled(X, np.array([0]), 1, codebook, "sum"), expected, rtol=FLOAT32)


def test_far_off_the_nearest_words_still_share():
    """Exponentials of −beta · 10,000 would all be 0."""
    X, codebook = np.float32([[100, 0]]), Given([[0, 0], [0, 0], [-50, 0]])
    for found in (Soft().codes(X, codebook), Soft().pooled(X, np.array([0]), 1, codebook, "sum")):
        assert found.tolist() == [[0.5, 0.5, 0]]


def test_torch_gets_the_same(rng):
    torch = pytest.importorskip("torch")
    X, _, codebook = scattered(rng, 100, 12, 40)
    found = Soft(beta=0.1).codes(torch.tensor(X), codebook)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, Soft(beta=0.1).codes(X, codebook), rtol=FLOAT32)


def test_no_beta_is_refused():
    with pytest.raises(InputError, match="Soft: beta must be a number > 0"):
        check_parameters(Soft(beta=0.0))
