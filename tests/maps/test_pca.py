import numpy as np
import pytest
import sklearn.decomposition

from featbench.errors import InputError
from featbench.maps import PCA
from featbench.testing import check_map

FLOAT32 = 1e-5  # of the largest number: rows and results are float32
FLOAT64 = 1e-8  # eigenvalues of the moments against singular values of the rows


@pytest.fixture(params=[(200, 12), (20, 50)], ids=["long", "wide"])
def X(request, rng):
    mixed = rng.normal(size=(request.param[1], request.param[1]))
    return (rng.normal(size=request.param) @ mixed + 3).astype(np.float32)


@pytest.mark.parametrize("whiten", [False, True])
def test_it_is_scikit_learns(X, whiten, rng):
    ours = PCA(components=10, whiten=whiten).fit(X)
    theirs = sklearn.decomposition.PCA(n_components=10, whiten=whiten, svd_solver="full").fit(X.astype(float))
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=FLOAT64)
    np.testing.assert_allclose(ours.explained_variance_, theirs.explained_variance_, rtol=FLOAT64)
    np.testing.assert_allclose(ours.explained_variance_ratio_, theirs.explained_variance_ratio_, rtol=FLOAT64)
    new = rng.normal(size=(5, X.shape[1])).astype(np.float32)
    for rows in (X, new):
        expected = theirs.transform(rows.astype(float))
        np.testing.assert_allclose(ours.transform(rows), expected, atol=FLOAT32 * np.abs(expected).max())


def test_whitened_components_are_uncorrelated_and_of_variance_one(X):
    mapped = PCA(components=8, whiten=True).fit_transform(X)
    np.testing.assert_allclose(np.cov(mapped, rowvar=False), np.eye(8), atol=FLOAT32)


def test_epsilon_is_a_share_of_the_mean_variance(X):
    whitened = PCA(components=8, whiten=True, epsilon=0.2).fit(X)
    variances = whitened.explained_variance_
    added = 0.2 * X.astype(float).var(axis=0, ddof=1).mean()
    expected = variances / (variances + added)
    np.testing.assert_allclose(whitened.transform(X).var(axis=0, ddof=1), expected, rtol=1e-4)
    # Whatever the unit.
    scaled = PCA(components=8, whiten=True, epsilon=0.2).fit_transform(X * 1000)
    np.testing.assert_allclose(scaled, whitened.transform(X), atol=1e-4)


def test_small_components_survive_a_large_mean(rng):
    X = np.round(rng.normal(size=(300, 3)) * [1, 64, 4096]).astype(np.float32) + 2**20
    mapped = PCA(components=3, whiten=True).fit_transform(X)
    np.testing.assert_allclose(mapped.std(axis=0, ddof=1), 1, rtol=1e-4)


def test_a_direction_without_variance_is_left_out(rng):
    X = np.repeat(rng.normal(size=(10, 2)), 2, axis=1).astype(np.float32)
    for whiten in (False, True):
        mapped = PCA(components=4, whiten=whiten).fit(X).transform(rng.normal(size=(3, 4)))
        assert mapped[:, :2].any()
        np.testing.assert_array_equal(mapped[:, 2:], 0)


def test_more_components_than_rows_or_columns_are_refused():
    with pytest.raises(InputError, match="PCA: components must be at most 5, the length of a row; got 6."):
        PCA(components=6).fit(np.ones((9, 5)))
    with pytest.raises(InputError, match="must be at most 4, the number of training rows; got 5. Fewer rows"):
        PCA(components=5).fit(np.ones((4, 9)))
    with pytest.raises(InputError, match="PCA: training rows must be one or more; got none"):
        PCA(components=5).fit(np.ones((0, 9)))


def test_torch_gets_the_same(X):
    torch = pytest.importorskip("torch")
    pca = PCA(components=5, whiten=True).fit(X)
    np.testing.assert_allclose(pca._map(torch.tensor(X)), pca._map(X), rtol=FLOAT32)


def test_laws():
    check_map(PCA(components=9, whiten=True))
