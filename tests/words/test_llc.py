"""LLC against one system of equations a descriptor, solved by LAPACK."""

import numpy as np
import pytest
from fused_sums import Given
from scipy.optimize import minimize

from featbench.errors import InputError
from featbench.parameters import check_parameters
from featbench.words.llc import LLC
from featbench.words.parts import Encoding

# Of the largest weight: float64 systems of a condition of 1 / reg at most, rounded to float32, and float32 sums.
FLOAT32 = 1e-5
REDUCTIONS = ["sum", "max"]


def close(found, expected):
    return np.abs(found - expected).max() <= FLOAT32 * np.abs(expected).max()


def solved_one_by_one(X, words, k, reg):
    X, words = X.astype(np.float64), words.astype(np.float64)
    codes = np.zeros((len(X), len(words)))
    for x, code in zip(X, codes, strict=True):
        nearest = np.argsort(((words - x) ** 2).sum(axis=1), kind="stable")[:k]
        offsets = words[nearest] - x
        gram = offsets @ offsets.T
        weights = np.linalg.solve(gram + reg * np.trace(gram) * np.eye(k), np.ones(k))
        code[nearest] = weights / weights.sum()
    return codes


@pytest.fixture
def X(rng):
    return rng.normal(size=(400, 9)).astype(np.float32)


@pytest.fixture
def codebook(rng):
    return Given(rng.normal(size=(30, 9)))


@pytest.mark.parametrize(("k", "reg"), [(1, 1e-4), (2, 1e-4), (5, 1e-4), (12, 1e-2), (30, 0.5)])
def test_codes_and_sums_are_lapacks(X, codebook, k, reg):
    encoding, expected = LLC(neighbors=k, reg=reg), solved_one_by_one(X, codebook.words_, k, reg)
    codes = encoding.codes(X, codebook)
    assert codes.dtype == np.float32
    assert close(codes, expected)
    cells = np.arange(len(X))  # each descriptor is a cell: the kernel's own codes
    assert close(encoding.pooled(X, cells, len(X), codebook, "sum"), expected)


def test_weights_are_the_constrained_minimum(X, codebook):
    """The systems above do minimise what the docstring says, under sums of 1."""
    x, reg = X[0].astype(np.float64), 0.05
    nearest = np.argsort(((codebook.words_ - x) ** 2).sum(axis=1))[:3]
    words = codebook.words_[nearest].astype(np.float64)
    cost = reg * ((x - words) ** 2).sum()
    found = minimize(
        lambda c: ((x - c @ words) ** 2).sum() + cost * (c**2).sum(),
        np.full(3, 1 / 3),
        constraints={"type": "eq", "fun": lambda c: c.sum() - 1},
        options={"ftol": 1e-15},
    )
    codes = LLC(neighbors=3, reg=reg).codes(X[:1], codebook)
    np.testing.assert_allclose(codes[0, nearest], found.x, atol=1e-5)  # of the search


def test_by_hand():
    """Half-way between two words each weighs a half; on a line beyond both one weight is negative."""
    codebook = Given([[0, 0], [2, 0], [50, 50]])
    codes = LLC(neighbors=2, reg=1e-9).codes(np.array([[1, 0], [3, 0]], np.float32), codebook)
    np.testing.assert_allclose(codes, [[0.5, 0.5, 0], [-0.5, 1.5, 0]], atol=1e-6)


@pytest.mark.parametrize("how", REDUCTIONS)
@pytest.mark.parametrize("k", [1, 5, 30])
def test_cells_are_sums_and_maxima_of_codes(rng, X, codebook, how, k):
    encoding, cells = LLC(neighbors=k), rng.integers(0, 40, len(X)) * 2
    cells[0] = 80  # a cell of one descriptor, whose maxima may be negative
    found = encoding.pooled(X, cells, 82, codebook, how)
    assert found.dtype == np.float32
    assert found.shape == (82, encoding.length(codebook)) == (82, 30)
    assert close(found, Encoding.pooled(encoding, X, cells, 82, codebook, how))
    assert not found[1::2].any()
    if how == "max" and k == 30:
        assert found.min() < 0


@pytest.mark.parametrize("how", REDUCTIONS)
def test_a_cell_does_not_depend_on_those_beside_it(rng, X, codebook, how):
    cells = rng.integers(0, 3, len(X))
    together = LLC().pooled(X, cells, 3, codebook, how)
    alone = LLC().pooled(X[cells == 1], np.zeros((cells == 1).sum(), np.int64), 1, codebook, how)
    np.testing.assert_array_equal(alone[0], together[1])


def test_words_that_are_the_descriptor_count_alike():
    codebook = Given(np.ones((6, 4)))
    X = np.ones((1, 4), np.float32)
    expected = [[0.25] * 4 + [0, 0]]
    np.testing.assert_allclose(LLC(neighbors=4).codes(X, codebook), expected, rtol=1e-6)
    np.testing.assert_allclose(
        LLC(neighbors=4).pooled(X, np.zeros(1, np.int64), 1, codebook, "sum"), expected, rtol=1e-6
    )


def test_a_descriptor_that_is_a_word_is_that_word(codebook):
    codes = LLC().pooled(codebook.words_, np.arange(30), 30, codebook, "sum")
    np.testing.assert_allclose(codes, np.eye(30), atol=0.01)  # but for what reg shares out


def test_torch_runs_the_same_lines(X, codebook):
    torch = pytest.importorskip("torch")
    assert close(LLC().codes(torch.from_numpy(X), codebook).numpy(), LLC().codes(X, codebook))


def test_more_neighbors_than_words_are_refused(codebook):
    message = r"LLC: neighbors must be at most the 30 words; got 31\. Take fewer neighbors, or more words\."
    with pytest.raises(InputError, match=message):
        LLC(neighbors=31).length(codebook)


@pytest.mark.parametrize("reg", [1e-12, 1e-4])
def test_words_that_lie_in_a_plane_have_weights(rng, reg):
    """More neighbours than columns: without `reg` the systems have no one solution."""
    X, codebook = rng.normal(size=(50, 2)).astype(np.float32), Given(rng.normal(size=(30, 2)))
    found = LLC(neighbors=30, reg=reg).pooled(X, np.arange(50), 50, codebook, "sum")
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-4)


def test_less_reg_than_float64_can_bear_is_refused():
    with pytest.raises(InputError, match="LLC: reg must be a number ≥ 1e-12"):
        check_parameters(LLC(reg=1e-17))
