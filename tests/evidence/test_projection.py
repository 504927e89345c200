"""Rows in the plane, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from featbench.evidence.projection import principal_scores, tsne_map

# Eigenvalues of a Gram matrix have half the digits of singular values; components here are all large.
CLOSE = 1e-8


@pytest.mark.parametrize("shape", [(40, 7), (20, 300)])
def test_principal_components_are_those_of_scikit_learn(shape: tuple[int, int]) -> None:
    X = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 3, shape[1])
    found = principal_scores(X.astype(np.float32), 5)
    expected = PCA(5, svd_solver="full").fit_transform(X.astype(np.float32).astype(np.float64))
    expected *= np.sign(expected[np.abs(expected).argmax(axis=0), np.arange(5)])
    np.testing.assert_allclose(found, expected, atol=CLOSE * np.abs(expected).max())


def test_equal_rows_lie_on_one_point() -> None:
    assert not principal_scores(np.full((12, 4), 7.0)).any()
    assert tsne_map(principal_scores(np.full((12, 4), 7.0))) is None
    assert principal_scores(np.ones((3, 1))).shape == (3, 1)
    assert tsne_map(np.ones((5, 2))) is None, "too few to have neighbourhoods"


def test_clusters_stay_apart_and_the_map_is_the_same_again() -> None:
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(c, 0.1, (15, 6)) for c in (0, 20)])
    found = tsne_map(principal_scores(X))
    assert found is not None
    assert found.shape == (30, 2)
    distances = np.linalg.norm(found[:, None] - found[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (distances.argmin(axis=1) // 15 == np.arange(30) // 15).all()
    np.testing.assert_array_equal(found, tsne_map(principal_scores(X)))
