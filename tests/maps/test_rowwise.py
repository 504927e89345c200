import numpy as np
import pytest
from sklearn.preprocessing import Normalizer

from featbench.errors import InputError
from featbench.maps import L2, Power

FLOAT32 = 1e-6  # one or two roundings of float32


def test_power_keeps_signs_and_zeros(rng):
    X = rng.normal(size=(7, 5)).astype(np.float32)
    X[0] = 0
    np.testing.assert_allclose(Power().fit_transform(X), np.sign(X) * np.abs(X) ** 0.5, rtol=FLOAT32)
    mapped = Power(exponent=0.3).fit_transform(X)
    np.testing.assert_allclose(mapped, np.sign(X) * np.abs(X.astype(float)) ** 0.3, rtol=FLOAT32)
    np.testing.assert_array_equal(Power(exponent=1.0).fit_transform(X), X)


def test_roots_of_histograms_have_the_bhattacharyya_kernel():
    a, b = Power().fit_transform([[0.25, 0.75, 0.0], [0.5, 0.25, 0.25]])
    assert a @ b == pytest.approx(0.125**0.5 + 0.1875**0.5, rel=FLOAT32)


def test_l2_is_scikit_learns_normalizer(rng):
    X = rng.normal(size=(9, 6)).astype(np.float32)
    X[3] = 0
    np.testing.assert_allclose(L2().fit_transform(X), Normalizer().fit_transform(X), rtol=FLOAT32)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_l2_neither_overflows_nor_loses_small_rows(size):
    X = np.array([[3, 4]], dtype=np.float32) * np.float32(size)
    np.testing.assert_allclose(L2().fit_transform(X), [[0.6, 0.8]], rtol=FLOAT32)


@pytest.mark.parametrize("feature_map", [Power(), Power(exponent=0.3), L2()], ids=repr)
def test_torch_gets_the_same(feature_map, rng):
    torch = pytest.importorskip("torch")
    X = rng.normal(size=(9, 6)).astype(np.float32)
    X[3] = 0
    feature_map.fit(X)
    np.testing.assert_allclose(feature_map._map(torch.tensor(X)), feature_map._map(X), rtol=FLOAT32)


def test_names_stay():
    for feature_map in (Power(), L2()):
        names = feature_map.fit(np.ones((2, 2))).get_feature_names_out(["red", "green"])
        assert list(names) == ["red", "green"]


@pytest.mark.parametrize("exponent", [0.0, 1.5, -1.0, "half"])
def test_a_bad_exponent_is_refused(exponent):
    with pytest.raises(InputError, match="Power: exponent must be a number"):
        Power(exponent=exponent).fit(np.ones((2, 2)))
