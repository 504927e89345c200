import numpy as np
import pytest
from sklearn.kernel_approximation import PolynomialCountSketch
from sklearn.metrics.pairwise import polynomial_kernel

from featbench.errors import InputError
from featbench.maps import L2, PolynomialSketch
from featbench.testing import check_map

FLOAT32 = 1e-6  # computed in float64, rounded once


@pytest.fixture
def X(rng):
    return L2().fit_transform(rng.normal(size=(20, 8)))


@pytest.mark.parametrize(
    "parameters",
    [{"degree": 1}, {"degree": 2}, {"degree": 3, "coef0": 0.5}, {"degree": 2, "gamma": 3.0, "coef0": 1.0}],
    ids=repr,
)
@pytest.mark.parametrize("components", [64, 63])
def test_it_is_scikit_learns(X, parameters, components):
    theirs = PolynomialCountSketch(n_components=components, random_state=2, **parameters)
    ours = PolynomialSketch(components=components, random_state=2, **parameters)
    expected = theirs.fit_transform(X)
    np.testing.assert_allclose(ours.fit_transform(X), expected, atol=FLOAT32 * np.abs(expected).max())


def test_dot_products_are_the_polynomial_kernel(X):
    k, degree = 8000, 3
    mapped = PolynomialSketch(components=k, degree=degree, coef0=0.5).fit_transform(X).astype(float)
    kernel = polynomial_kernel(X, degree=degree, gamma=1.0, coef0=0.5)
    # The variance of a dot product is at most (2 + 3 ** degree) / k · k(x, x) · k(y, y) (Avron, Nguyen and
    # Woodruff, "Subspace embeddings for the polynomial kernel", NIPS 2014); five standard deviations.
    assert np.abs(mapped @ mapped.T - kernel).max() < 5 * np.sqrt((2 + 3**degree) / k) * 1.5**degree


def test_rows_that_it_maps_beyond_float32_are_refused():
    sketch = PolynomialSketch(components=16, degree=6).fit(np.ones((1, 3)))
    with pytest.raises(InputError, match="rows must be of moderate size.* length 1 first, with the map l2"):
        sketch.transform(np.full((1, 3), 1e10))


def test_bad_parameters_are_refused():
    with pytest.raises(InputError, match="PolynomialSketch: coef0 must be a number ≥ 0; got -1.0"):
        PolynomialSketch(coef0=-1.0).fit(np.ones((1, 3)))


def test_laws():
    check_map(PolynomialSketch(components=33, degree=3, coef0=1.0))
