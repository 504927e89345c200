import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from featbench.errors import InputError
from featbench.maps import Contrast
from featbench.testing import check_map

FLOAT32 = 1e-6  # results are rounded to float32 once; what comes before is float64


def test_it_standardizes_rows_where_nothing_is_added(rng):
    X = rng.integers(0, 256, (40, 108)).astype(np.float32)
    expected = StandardScaler().fit_transform(X.T.astype(float)).T
    np.testing.assert_allclose(Contrast(added=0).fit_transform(X), expected, rtol=FLOAT32, atol=FLOAT32)


def test_what_is_added_by_hand():
    """Mean 4, variance (9 + 1 + 4) / 3 = 14 / 3."""
    mapped = Contrast(added=4 / 3).fit_transform([[1, 5, 6]])
    np.testing.assert_allclose(mapped, [[-3 / 6**0.5, 1 / 6**0.5, 2 / 6**0.5]], rtol=FLOAT32)


def test_rows_that_do_not_vary_become_nothing():
    for added in (0, 10):
        assert not Contrast(added=added).fit_transform(np.full((2, 7), 0.1)).any()


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_squares_neither_overflow_nor_vanish(size):
    X = np.array([[3, 5]], dtype=np.float32) * np.float32(size)
    np.testing.assert_allclose(Contrast(added=0).fit_transform(X), [[-1, 1]], rtol=FLOAT32)


def test_torch_gets_the_same(rng):
    torch = pytest.importorskip("torch")
    X = rng.integers(0, 256, (40, 27)).astype(np.float32)
    X[3] = 7
    for added in (0.0, 10.0):
        feature_map = Contrast(added=added).fit(X)
        mapped = feature_map._map(torch.tensor(X)).numpy()
        np.testing.assert_allclose(mapped, feature_map.transform(X), rtol=FLOAT32, atol=FLOAT32)


def test_laws():
    check_map(Contrast(added=0.01))


def test_a_negative_constant_is_refused():
    with pytest.raises(InputError, match="Contrast: added must be a number ≥ 0"):
        Contrast(added=-1.0).fit(np.ones((2, 2)))
