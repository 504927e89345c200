import numpy as np
import pytest
from scipy.integrate import quad
from sklearn.kernel_approximation import AdditiveChi2Sampler

from featbench.errors import InputError
from featbench.maps import Chi2, Intersection
from featbench.testing import check_map

FLOAT32 = 1e-5  # logarithms, cosines and roots in float32

# The largest error of the kernels over ratios from 1/30 to 30, as a share of the geometric mean, by steps: what
# the approximation reaches, rounded up. Both kernels are at most 1 by that measure.
CHI2_ERROR = {1: 0.45, 2: 0.11, 3: 0.055}
INTERSECTION_ERROR = {1: 0.62, 2: 0.24, 3: 0.18, 10: 0.05}


def histograms(rng, n=20, d=7):
    X = rng.random((n, d)).astype(np.float32) * np.float32(10.0) ** rng.integers(-4, 1, (n, d))
    X[rng.random((n, d)) < 0.2] = 0
    return X


@pytest.mark.parametrize(("steps", "interval"), [(1, None), (2, None), (3, None), (2, 0.7), (5, 0.3)])
def test_chi2_is_scikit_learns(rng, steps, interval):
    X = histograms(rng)
    expected = AdditiveChi2Sampler(sample_steps=steps, sample_interval=interval).fit_transform(
        X.astype(float)
    )
    mapped = Chi2(sample_steps=steps, sample_interval=interval).fit_transform(X)
    np.testing.assert_allclose(mapped, expected, atol=FLOAT32)


def largest_error(feature_map, kernel):
    """Compare the dot products of maps with the kernel, for pairs of every ratio from 1/30 to 30."""
    x = np.exp(np.linspace(-np.log(30), np.log(30), 301))[:, None]
    y = np.ones_like(x)
    mapped = feature_map.fit(x)
    dots = (mapped.transform(x).astype(float) * mapped.transform(y)).sum(axis=1)
    return np.abs((dots - kernel(x, y)[:, 0]) / np.sqrt(x * y)[:, 0]).max()


@pytest.mark.parametrize("steps", CHI2_ERROR)
def test_dot_products_are_nearly_chi2(steps):
    error = largest_error(Chi2(sample_steps=steps), lambda x, y: 2 * x * y / (x + y))
    assert 0.8 * CHI2_ERROR[steps] < error < CHI2_ERROR[steps]


@pytest.mark.parametrize("steps", INTERSECTION_ERROR)
def test_dot_products_are_nearly_the_intersection(steps):
    error = largest_error(Intersection(sample_steps=steps), np.minimum)
    assert 0.8 * INTERSECTION_ERROR[steps] < error < INTERSECTION_ERROR[steps]


def test_dot_products_of_histograms_add_up_over_columns(rng):
    X = histograms(rng, n=6)
    for feature_map, kernel in (
        (Chi2(sample_steps=12, sample_interval=0.15), lambda a, b: 2 * a * b / np.maximum(a + b, 1e-30)),
        (Intersection(sample_steps=200, sample_interval=0.2), np.minimum),
    ):
        mapped = feature_map.fit_transform(X).astype(float)
        exact = kernel(X[:, None].astype(float), X[None].astype(float)).sum(axis=2)
        np.testing.assert_allclose(mapped @ mapped.T, exact, atol=0.02 * exact.max())


def test_the_intersections_cosines_are_its_fourier_series():
    interval = 0.6
    end = np.pi / interval

    def coefficient(j):
        product = quad(lambda t: np.exp(-t / 2) * np.cos(j * interval * t), 0, end)[0]
        return 2 * product / (2 * end)

    expected = [coefficient(j) for j in range(5)]
    np.testing.assert_allclose(Intersection(sample_steps=5)._weights(interval), expected, rtol=1e-9)


def test_the_intersections_intervals_are_the_best():
    ratios = np.linspace(-np.log(100), np.log(100), 2001)

    def error(steps, interval):
        weights = Intersection(sample_steps=steps)._weights(interval)
        cosines = np.cos(np.outer(np.arange(steps) * interval, ratios))
        cosines[1:] *= 2
        return ((weights @ cosines - np.exp(-np.abs(ratios) / 2)) ** 2).mean()

    intervals = np.arange(0.3, 1.5, 0.01)
    for steps in range(1, 9):
        best = intervals[np.argmin([error(steps, interval) for interval in intervals])]
        margin = 0.011 if steps <= 3 else 0.031
        assert Intersection(sample_steps=steps)._interval() == pytest.approx(best, abs=margin)


def test_zero_stays_zero():
    for feature_map in (Chi2(), Intersection()):
        assert not feature_map.fit_transform(np.zeros((2, 3))).any()


def test_names_say_which_column_and_which_wave():
    names = Chi2(sample_steps=2).fit(np.ones((1, 2))).get_feature_names_out(["red", "blue"])
    assert list(names) == ["red root", "blue root", "red cos1", "blue cos1", "red sin1", "blue sin1"]


@pytest.mark.parametrize("cls", [Chi2, Intersection])
def test_negative_rows_are_refused_with_place_and_remedy(cls):
    X = np.ones((5, 4), np.float32)
    X[1:3, 2] = -1
    X[4, 0] = -0.5
    message = (
        f"{cls.__name__}: rows must be ≥ 0; got 3 negative values, in columns 0, 2. The kernel is one of"
    )
    with pytest.raises(InputError, match=message):
        cls().fit(X)
    with pytest.raises(InputError, match=message):
        cls().fit(np.abs(X)).transform(X)


def test_chi2_of_many_steps_wants_an_interval():
    with pytest.raises(
        InputError, match="sample_interval must be given for 4 steps; got None. Write a number"
    ):
        Chi2(sample_steps=4).fit(np.ones((1, 2)))


def test_laws():
    check_map(Chi2(sample_steps=1))
    check_map(Intersection(sample_steps=4))
