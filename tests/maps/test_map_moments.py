import numpy as np
import pytest

from featbench.maps.moments import principal_directions

FLOAT64 = 1e-10  # eigenvectors of well separated variances, in float64


@pytest.fixture(params=[(60, 9), (9, 60), (9, 9)], ids=["long", "wide", "square"])
def X(request, rng):
    n, d = request.param
    scales = 2.0 ** -np.arange(d)[::-1]
    return (rng.normal(size=(n, d)) * scales + 100).astype(np.float32)


def test_they_are_numpys(X):
    k = min(X.shape) - 1
    found = principal_directions(X, k)
    centred = X.astype(float) - X.mean(axis=0, dtype=float)
    _, sizes, vectors = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.variances, sizes[:k] ** 2 / (len(X) - 1), rtol=1e-8)
    np.testing.assert_allclose(np.abs((found.vectors * vectors[:k]).sum(axis=1)), 1, rtol=FLOAT64)
    np.testing.assert_allclose(found.total, centred.var(axis=0, ddof=1).sum(), rtol=FLOAT64)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(k), atol=1e-6)


def test_the_largest_number_of_each_is_positive(X):
    vectors = principal_directions(X, 3).vectors
    assert (vectors[np.arange(3), np.abs(vectors).argmax(axis=1)] > 0).all()


def test_where_nothing_varies_there_is_no_direction(rng):
    X = np.outer(rng.normal(size=8), [3, 4, 0]).astype(np.float32)
    X[:, 2] = 7
    found = principal_directions(X, 3)
    np.testing.assert_allclose(found.vectors[0], [0.6, 0.8, 0], atol=1e-6)
    np.testing.assert_array_equal(found.variances[2], 0)
    np.testing.assert_array_equal(found.vectors[2], 0)
    flat = principal_directions(np.ones((4, 3), np.float32), 2)
    assert not flat.vectors.any()
    assert flat.total == 0
    assert not principal_directions(np.ones((1, 3), np.float32), 1).vectors.any()


def test_blocks_of_rows_or_columns_add_up(rng, monkeypatch):
    for shape in ((50, 7), (7, 50)):
        X = rng.normal(size=shape).astype(np.float32)
        whole = principal_directions(X, 4)
        with monkeypatch.context() as patch:
            patch.setattr("featbench.maps.moments._ROWS", 6)
            patch.setattr("featbench.maps.moments._COLUMNS", 3)
            for ours, theirs in zip(principal_directions(X, 4), whole, strict=True):
                np.testing.assert_allclose(ours, theirs, atol=FLOAT64)


@pytest.mark.parametrize("shape", [(60, 40), (40, 60)])
def test_the_number_of_threads_changes_no_bit(rng, monkeypatch, shape):
    monkeypatch.setattr("featbench.maps.moments._COLUMNS", 7)
    X = rng.normal(size=shape).astype(np.float32)
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        found.append(principal_directions(X, 30))
    for one, three in zip(*found, strict=True):
        np.testing.assert_array_equal(one, three)
