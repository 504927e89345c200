import numpy as np
import pytest
from sklearn.kernel_approximation import RBFSampler
from sklearn.metrics.pairwise import rbf_kernel

from featbench.errors import InputError
from featbench.maps import RandomFourier, RandomReLU
from featbench.testing import check_map

FLOAT32 = 1e-5  # a product in float32 inside a cosine

# A mean over components misses by its standard deviation, √(variance / components); five of them are a
# chance of one in a million.
DEVIATIONS = 5
COMPONENTS = 8000


@pytest.fixture
def X(rng):
    return rng.normal(size=(30, 6)).astype(np.float32) + 0.5


@pytest.mark.parametrize("gamma", ["scale", 0.2])
def test_fourier_is_scikit_learns(X, gamma):
    theirs = RBFSampler(gamma=gamma, n_components=50, random_state=3).fit(X)
    ours = RandomFourier(components=50, gamma=gamma, random_state=3).fit(X)
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=FLOAT32)
    expected = 1 / (6 * X.astype(float).var()) if gamma == "scale" else gamma
    assert ours.gamma_ == pytest.approx(expected, rel=1e-6)


def test_dot_products_of_fourier_features_are_the_gaussian_kernel(X):
    mapped = RandomFourier(components=COMPONENTS, gamma=0.1).fit_transform(X).astype(float)
    # Each of the products 2 cos(·) cos(·) has a variance of 1 + K ** 4 / 2 − K ** 2, at most 1, with K the kernel.
    error = np.abs(mapped @ mapped.T - rbf_kernel(X, gamma=0.1))
    assert error.max() < DEVIATIONS * np.sqrt(1 / COMPONENTS)


def arc_cosine(A, B):
    """Cho & Saul (2009), degree 1."""
    lengths = np.linalg.norm(A, axis=1)[:, None] * np.linalg.norm(B, axis=1)
    angle = np.arccos(np.clip(A @ B.T / lengths, -1, 1))
    return lengths * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi, lengths


@pytest.mark.parametrize("center", [False, True])
def test_dot_products_of_relu_features_are_the_arc_cosine_kernel(X, center):
    mapped = RandomReLU(components=COMPONENTS, center=center).fit_transform(X).astype(float)
    rows = X.astype(float) - (X.mean(axis=0, dtype=float) if center else 0)
    kernel, lengths = arc_cosine(rows, rows)
    # Relative to ‖x‖ ‖y‖, the products 2 relu(·) relu(·) have a variance of 5 at most, at angle 0: 4 · 3 / 2 − 1.
    assert (np.abs(mapped @ mapped.T - kernel) / lengths).max() < DEVIATIONS * np.sqrt(5 / COMPONENTS)


def test_relu_features_follow_the_definition(X):
    relu = RandomReLU(components=20, random_state=4).fit(X)
    expected = np.maximum((X - X.mean(axis=0, dtype=float)) @ relu.weights_.astype(float), 0)
    np.testing.assert_allclose(relu.transform(X), expected, atol=FLOAT32)
    assert (relu.transform(X) >= 0).all()
    assert not np.array_equal(relu.weights_, RandomReLU(components=20, random_state=5).fit(X).weights_)


@pytest.mark.parametrize("gamma", [0.0, -1.0, "auto"])
def test_a_bad_gamma_is_refused(X, gamma):
    with pytest.raises(InputError, match=r"RandomFourier: gamma must be a number( > 0)? or one of 'scale'"):
        RandomFourier(gamma=gamma).fit(X)


def test_laws():
    check_map(RandomFourier(components=30, gamma=5.0))
    check_map(RandomReLU(components=30, center=False))
