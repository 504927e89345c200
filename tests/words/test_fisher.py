"""Fisher vectors against scikit-image's, and sums over cells against sums of codes."""

import tracemalloc

import numpy as np
import pytest
from skimage.feature import fisher_vector
from sklearn.mixture import GaussianMixture

from featbench.errors import InputError
from featbench.words.fisher import Fisher
from featbench.words.mixture import Mixture
from featbench.words.parts import Codebook, Encoding

FLOAT32 = 2e-6  # of the largest number: everything is float64 but for the result, and sums of codes that were rounded
K, D = 5, 7


def mixture_of(weights, means, variances):
    codebook = Mixture(words=len(means))
    codebook.weights_ = np.asarray(weights, np.float64)
    codebook.words_, codebook.variances_ = np.asarray(means, np.float32), np.asarray(variances, np.float32)
    return codebook


@pytest.fixture
def codebook(rng):
    weights = rng.random(K) + 0.2
    return mixture_of(weights / weights.sum(), rng.normal(size=(K, D)), rng.random((K, D)) + 0.1)


@pytest.fixture
def X(rng):
    return rng.normal(size=(1500, D)).astype(np.float32)


def peer(codebook):
    """Return the same mixture as scikit-learn's object."""
    gmm = GaussianMixture(len(codebook.words_), covariance_type="diag")
    gmm.weights_, gmm.means_ = codebook.weights_, codebook.words_.astype(np.float64)
    gmm.covariances_ = codebook.variances_.astype(np.float64)
    gmm.precisions_cholesky_ = gmm.covariances_**-0.5
    return gmm


def close(found, expected):
    return np.abs(found - expected).max() <= FLOAT32 * np.abs(expected).max()


def test_a_cell_is_scikit_images_fisher_vector(codebook, X):
    cells = np.arange(len(X)) % 3
    found = Fisher().pooled(X, cells, 3, codebook, "sum")
    for cell in range(3):
        rows = X[cells == cell]
        expected = fisher_vector(rows.astype(np.float64), peer(codebook))[K:]  # without those by the weights
        assert close(found[cell] / len(rows), expected)


def test_a_descriptors_code_is_its_own_fisher_vector(codebook, X):
    codes = Fisher().codes(X[:20], codebook)
    assert codes.dtype == np.float32
    for code, row in zip(codes, X, strict=False):
        assert close(code, fisher_vector(row[None].astype(np.float64), peer(codebook))[K:])


def test_by_hand():
    """Two words at -2 and 2 with variances 1 and 4; of 0 the first has q = 1 / (1 + exp(1.5) / 2)."""
    codebook = mixture_of([0.5, 0.5], [[-2], [2]], [[1], [4]])
    first = 1 / (1 + np.exp(1.5) / 2)
    second = 1 - first
    expected = [first * 2 / 0.5**0.5, second * -1 / 0.5**0.5, first * -3, 0]
    X = np.zeros((1, 1), np.float32)
    np.testing.assert_allclose(Fisher().codes(X, codebook), [expected], rtol=1e-6, atol=1e-7)
    pooled = Fisher().pooled(X, np.zeros(1, np.int64), 1, codebook, "sum")
    np.testing.assert_allclose(pooled, [expected], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("words", [1, K])
def test_cells_are_sums_of_codes(codebook, X, words):
    fewer = mixture_of(
        codebook.weights_[:words] / codebook.weights_[:words].sum(),
        codebook.words_[:words],
        codebook.variances_[:words],
    )
    cells = np.random.default_rng(1).integers(0, 4, len(X)) * 2  # every other cell is empty
    found = Fisher().pooled(X, cells, 9, fewer, "sum")
    expected = Encoding.pooled(Fisher(), X, cells, 9, fewer, "sum")
    assert found.dtype == np.float32
    assert found.shape == (9, Fisher().length(fewer)) == (9, 2 * words * D)
    assert close(found, expected)
    assert not found[1::2].any()


def test_a_cell_does_not_depend_on_those_beside_it(codebook, X):
    cells = np.random.default_rng(1).integers(0, 3, len(X))
    together = Fisher().pooled(X, cells, 3, codebook, "sum")
    for cell in range(3):
        rows = X[cells == cell]
        alone = Fisher().pooled(rows, np.zeros(len(rows), np.int64), 1, codebook, "sum")
        np.testing.assert_array_equal(alone[0], together[cell])


def test_far_from_the_origin_nothing_cancels(codebook, X):
    far = mixture_of(codebook.weights_, codebook.words_ + 1000, codebook.variances_)
    rows = X + np.float32(1000)
    expected = Encoding.pooled(Fisher(), rows, np.zeros(len(X), np.int64), 1, far, "sum")
    assert close(Fisher().pooled(rows, np.zeros(len(X), np.int64), 1, far, "sum"), expected)


def test_a_descriptor_far_from_all_words_has_finite_numbers(codebook):
    X = np.full((2, D), 1e6, np.float32)
    assert np.isfinite(Fisher().codes(X, codebook)).all()
    assert np.isfinite(Fisher().pooled(X, np.zeros(2, np.int64), 1, codebook, "sum")).all()


def test_torch_runs_the_same_lines(codebook, X):
    torch = pytest.importorskip("torch")
    found = Fisher().codes(torch.from_numpy(X[:50]), codebook)
    assert close(found.numpy(), Fisher().codes(X[:50], codebook))


def test_codes_of_all_descriptors_are_never_there(rng):
    X, codebook, cells = (
        rng.normal(size=(20_000, 20)).astype(np.float32),
        mixture_of(np.full(50, 0.02), rng.normal(size=(50, 20)), np.ones((50, 20))),
        np.zeros(20_000, np.int64),
    )
    Fisher().pooled(X[:9], cells[:9], 1, codebook, "sum")  # compiled before it is measured
    tracemalloc.start()
    Fisher().pooled(X, cells, 1, codebook, "sum")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.1 * 4 * len(X) * Fisher().length(codebook)


def test_a_maximum_is_refused(codebook, X):
    message = r"Fisher: the pooling's how must be \"sum\" or \"mean\"; got 'max'\. Fisher adds up"
    with pytest.raises(InputError, match=message):
        Fisher().pooled(X, np.zeros(len(X), np.int64), 1, codebook, "max")


class Plain(Codebook):
    """Words, and nothing more."""

    def fit(self, X, random_state=0):
        self.words_ = X
        return self


def test_words_without_variances_are_refused(X):
    message = (
        r"Fisher: codebook must be a mixture of Gaussians; got words of a Plain, which have no variances\. "
        r"Take the codebook gmm\."
    )
    with pytest.raises(InputError, match=message):
        Fisher().length(Plain().fit(X[:5]))
