import numpy as np
import pytest
from scipy.linalg import sqrtm

from featbench.maps import Whiten
from featbench.testing import check_map

FLOAT32 = 1e-5  # rows and results are float32
PROMISED = 3e-5  # of products in float32, where whitened numbers have variance 1
ROOT = 1e-4  # and a square root of a matrix between them


@pytest.fixture(params=[(200, 6), (8, 20)], ids=["long", "wide"])
def X(request, rng):
    mixed = rng.normal(size=(request.param[1], request.param[1]))
    return (rng.normal(size=request.param) @ mixed + 3).astype(np.float32)


def test_it_is_the_inverse_root_of_the_covariance(X):
    covariance = np.cov(X.astype(float), rowvar=False)
    d = len(covariance)
    root = np.linalg.inv(sqrtm(covariance + 0.1 * np.trace(covariance) / d * np.eye(d)).real)
    expected = (X - X.mean(axis=0, dtype=float)) @ root
    mapped = Whiten().fit_transform(X)
    np.testing.assert_allclose(mapped, expected, atol=ROOT * np.abs(expected).max())


def test_rows_that_fill_space_come_out_white(rng):
    X = (rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5))).astype(np.float32)
    np.testing.assert_allclose(
        np.cov(Whiten(epsilon=0.0).fit_transform(X), rowvar=False), np.eye(5), atol=ROOT
    )


def test_directions_that_do_not_vary_become_nothing_without_epsilon(rng):
    X = rng.normal(size=(30, 3)).astype(np.float32)
    X[:, 1] = 5
    white = Whiten(epsilon=0.0).fit(X)
    np.testing.assert_allclose(white.transform([[0, 1000, 0]])[:, 1], 0, atol=FLOAT32)
    # With it they are divided as if they varied by epsilon alone.
    soft = Whiten(epsilon=0.5).fit(X)
    added = 0.5 * X.astype(float).var(axis=0, ddof=1).mean()
    aside = X.mean(axis=0) + np.array([0, 1, 0])
    assert soft.transform([aside])[0, 1] == pytest.approx(added**-0.5, rel=ROOT)


def test_no_whitening_stays_nearer_to_the_columns(rng):
    X = (rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4))).astype(np.float32)
    X /= X.std(axis=0)
    white = Whiten(epsilon=0.0).fit_transform(X)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    own = [np.corrcoef(X[:, i], white[:, i])[0, 1] for i in range(4)]
    turned = [np.corrcoef(X[:, i], (white @ turn)[:, i])[0, 1] for i in range(4)]
    assert sum(own) > sum(turned)


def test_float32_does_where_little_is_magnified(X):
    white = Whiten().fit(X)
    assert white.precision_ == "float32"
    exact = (X - white.mean_) @ white.projection_
    np.testing.assert_allclose(white.transform(X), exact, atol=PROMISED)


def test_float32_is_not_taken_where_much_is(rng):
    """A direction that varies a hundred-thousandth as much as another, or rows far from zero."""
    X = rng.normal(size=(50, 3)).astype(np.float32)
    for scale, shift in ((1e-5, 0), (1, 1e4)):
        rows = X * np.float32([1, 1, scale]) + np.float32(shift)
        white = Whiten(epsilon=0.0).fit(rows)
        assert white.precision_ == "float64"
        np.testing.assert_allclose(
            white.transform(rows), (rows - white.mean_) @ white.projection_, rtol=FLOAT32
        )


def test_torch_gets_the_same(X):
    torch = pytest.importorskip("torch")
    for epsilon in (0.1, 0.0):
        white = Whiten(epsilon=epsilon).fit(X)
        np.testing.assert_allclose(white._map(torch.tensor(X)), white.transform(X), atol=PROMISED)


def test_laws():
    check_map(Whiten(epsilon=0.0))
