import numpy as np
import pytest
from fused_sums import CELLS, Given, cell_by_cell, scattered
from sklearn.neighbors import NearestNeighbors

from featbench.errors import InputError
from featbench.parameters import check_parameters
from featbench.words import Nearest

# Of distances so many are told apart by their last bit alone, which another order of sums changes.
UNDECIDED = 1e-4


def whole(rng, n, d, n_words):
    """Small whole numbers: every sum is exact, and many distances are equal."""
    X, cells, codebook = scattered(rng, n, d, n_words)
    codebook.words_ = np.round(2 * codebook.words_)
    return np.round(2 * X), cells, codebook


@pytest.mark.parametrize(("neighbors", "count"), [(7, 7), (0.4, 16), (1, 1), (0.001, 1), (40, 40)])
def test_the_nearest_are_scikit_learns(rng, neighbors, count):
    X, _, codebook = scattered(rng, 60, 12, 40)
    codes = Nearest(neighbors=neighbors).codes(X, codebook)
    for half, words in enumerate((codebook.words_, -codebook.words_)):
        found = NearestNeighbors(n_neighbors=count).fit(words).kneighbors(X, return_distance=False)
        expected = np.zeros((60, 40))
        np.put_along_axis(expected, found, 1, axis=1)
        np.testing.assert_array_equal(codes[:, 40 * half : 40 * (half + 1)], expected)


@pytest.mark.parametrize("how", ["sum", "max"])
@pytest.mark.parametrize("negatives", [False, True])
@pytest.mark.parametrize(
    ("neighbors", "n_words"), [(1, 1), (2, 3), (0.4, 40), (40, 40), (0.25, 700), (3, 700)]
)
def test_cells_are_those_of_the_codes(rng, how, negatives, neighbors, n_words):
    X, cells, codebook = whole(rng, 300, 12, n_words)
    encoding = Nearest(neighbors=neighbors, negatives=negatives)
    pooled = encoding.pooled(X, cells, CELLS, codebook, how)
    np.testing.assert_array_equal(pooled, cell_by_cell(encoding, X, cells, codebook, how))
    assert pooled.shape[1] == encoding.length(codebook) == n_words * (1 + negatives)


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_of_numbers_of_any_size(rng, scale):
    X, cells, codebook = scattered(rng, 300, 12, 9000)
    X, codebook.words_ = X * np.float32(scale), codebook.words_ * np.float32(scale)
    pooled = Nearest().pooled(X, cells, CELLS, codebook, "sum")
    expected = cell_by_cell(Nearest(), X, cells, codebook, "sum")
    assert np.abs(pooled - expected).sum() <= UNDECIDED * expected.sum()
    assert pooled.sum() == pytest.approx(300 * 2 * 3600, rel=UNDECIDED)


@pytest.mark.parametrize("neighbors", [1, 2, 0.1, 0.5, 0.9, 399])
def test_of_distances_that_lie_worlds_apart(rng, neighbors):
    """From 1e-30 to 1e30, where guessing between the ends gets nowhere; with one column products are exact."""
    words = (10 ** rng.uniform(-15, 15, (400, 1)) * rng.choice([-1, 1], (400, 1))).astype(np.float32)
    X, cells, codebook = np.float32([[0], [1], [-1e6]]), np.array([0, 3, 3]), Given(words)
    pooled = Nearest(neighbors=neighbors).pooled(X, cells, CELLS, codebook, "sum")
    np.testing.assert_array_equal(
        pooled, cell_by_cell(Nearest(neighbors=neighbors), X, cells, codebook, "sum")
    )


@pytest.mark.parametrize("neighbors", [1, 0.4, 699])
def test_a_row_does_not_depend_on_those_before_it(rng, neighbors):
    """Each row's search begins where the one before it ended; sizes, zeros and equal distances follow one another."""
    X, _, codebook = whole(rng, 300, 12, 700)
    X *= rng.choice(np.float32([0, 1, 2.0**-60, 2.0**20, 2.0**60]), (300, 1))
    encoding = Nearest(neighbors=neighbors)
    found = encoding.pooled(X, np.arange(300), 300, codebook, "sum")
    np.testing.assert_array_equal(found, encoding.codes(X, codebook))
    alone = [encoding.pooled(x[None], np.zeros(1, int), 1, codebook, "sum")[0] for x in X[:40]]
    np.testing.assert_array_equal(found[:40], alone)


def test_words_as_near_as_the_last_all_count():
    X, codebook = np.float32([[0, 0]]), Given([[0, 1], [1, 0], [0, 2], [2, 0], [0.5, 0]])
    for encode in (Nearest().codes, lambda X, book: Nearest().pooled(X, np.array([0]), 1, book, "sum")):
        assert encode(X, codebook).tolist() == [[1, 1, 0, 0, 1] * 2]


def test_torch_gets_the_same(rng):
    torch = pytest.importorskip("torch")
    X, _, codebook = whole(rng, 100, 12, 40)
    found = Nearest().codes(torch.tensor(X), codebook)
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found, Nearest().codes(X, codebook))


def test_more_neighbors_than_words_are_refused(rng):
    codebook = Given(np.ones((4, 2)))
    with pytest.raises(InputError, match="Nearest: neighbors must be at most 4, the number of words; got 5"):
        Nearest(neighbors=5).length(codebook)


@pytest.mark.parametrize("neighbors", [0, -1, 0.0, 1.0, 2.5])
def test_what_is_no_number_of_words_is_refused(neighbors):
    with pytest.raises(InputError, match="Nearest: neighbors must be"):
        check_parameters(Nearest(neighbors=neighbors))
