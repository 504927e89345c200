import numpy as np
import pytest
import sklearn.kernel_approximation
from sklearn.metrics import pairwise

from featbench.errors import InputError
from featbench.maps import Nystroem
from featbench.testing import check_map

FLOAT32 = 1e-5  # the result is float32; what comes before is not

KERNELS = {"rbf": pairwise.rbf_kernel, "laplacian": pairwise.laplacian_kernel, "chi2": pairwise.chi2_kernel}


@pytest.fixture
def X(rng):
    return rng.random((40, 6), dtype=np.float32)


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_scikit_learns(X, kernel, rng):
    theirs = sklearn.kernel_approximation.Nystroem(
        kernel=kernel, gamma=0.7, n_components=12, random_state=3
    ).fit(X.astype(float))
    ours = Nystroem(kernel=kernel, components=12, gamma=0.7, random_state=3).fit(X)
    np.testing.assert_array_equal(ours.landmarks_, theirs.components_)
    new = rng.random((9, 6), dtype=np.float32)
    for rows in (X, new):
        np.testing.assert_allclose(ours.transform(rows), theirs.transform(rows.astype(float)), atol=FLOAT32)


@pytest.mark.parametrize("kernel", KERNELS)
def test_dot_products_with_landmarks_are_the_kernel(X, kernel):
    fitted = Nystroem(kernel=kernel, components=15).fit(X)
    exact = KERNELS[kernel](X, fitted.landmarks_, gamma=fitted.gamma_)
    dots = fitted.transform(X).astype(float) @ fitted.transform(fitted.landmarks_).T
    np.testing.assert_allclose(dots, exact, atol=FLOAT32)


def test_with_every_row_a_landmark_it_is_the_kernel(X):
    mapped = Nystroem(components=len(X), gamma=0.5).fit_transform(X).astype(float)
    np.testing.assert_allclose(mapped @ mapped.T, pairwise.rbf_kernel(X, gamma=0.5), atol=FLOAT32)


def test_the_scale_is_the_variance_or_the_landmarks_mean_distance(X):
    assert Nystroem(components=9).fit(X).gamma_ == pytest.approx(1 / (6 * X.astype(float).var()), rel=1e-9)
    fitted = Nystroem(kernel="laplacian", components=9).fit(X)
    a = fitted.landmarks_.astype(float)
    distances = [np.abs(a[i] - a[j]).sum() for i in range(9) for j in range(9) if i != j]
    assert fitted.gamma_ == pytest.approx(1 / np.mean(distances), rel=1e-9)
    fitted = Nystroem(kernel="chi2", components=9).fit(X)
    a = fitted.landmarks_.astype(float)
    distances = [((a[i] - a[j]) ** 2 / (a[i] + a[j])).sum() for i in range(9) for j in range(9) if i != j]
    assert fitted.gamma_ == pytest.approx(1 / np.mean(distances), rel=1e-9)


def test_landmarks_that_are_alike_do_no_harm():
    X = np.ones((5, 3), np.float32)
    mapped = Nystroem(components=4, kernel="laplacian").fit(X).transform([[1, 1, 1], [2, 2, 2]])
    assert np.isfinite(mapped).all()
    assert mapped[0] @ mapped[0] == pytest.approx(1, rel=FLOAT32)


def test_what_it_cannot_do_is_refused(X):
    with pytest.raises(
        InputError, match="components must be at most 40, the number of training rows; got 41. Each"
    ):
        Nystroem(components=41).fit(X)
    with pytest.raises(InputError, match="rows for the kernel chi2 must be ≥ 0; got 1 negative values. Take"):
        Nystroem(components=4, kernel="chi2").fit(X - np.sort(X, axis=None)[1])


def test_laws():
    check_map(Nystroem(components=6, kernel="chi2"))
    check_map(Nystroem(components=12, kernel="laplacian", gamma=2.0))
