import numpy as np
import pytest
from scipy.spatial.distance import cdist

from featbench.words.products import product_blocks, squared_distances, squared_lengths

FLOAT32 = 1e-6  # of the squared lengths: sums of a dozen products


@pytest.mark.parametrize(("n", "n_words"), [(0, 5), (1, 5), (1024, 3), (1030, 3), (200, 9000)])
def test_blocks_cover_all_rows_in_order(rng, n, n_words):
    X, words = (rng.normal(size=(rows, 12)).astype(np.float32) for rows in (n, n_words))
    products = [block.copy() for _, block in product_blocks(X, words, -2.0)]
    found = np.concatenate([*products, np.empty((0, n_words))])
    np.testing.assert_allclose(found, -2 * X @ words.T, rtol=FLOAT32, atol=50 * FLOAT32)
    assert all(block.nbytes <= max(2**21, 64 * 4 * n_words) for block in products)
    covered = [i for rows, _ in product_blocks(X, words, 1.0) for i in range(rows.start, rows.stop)]
    assert covered == list(range(n))


def test_squared_distances_are_scipys(rng):
    X, words = (rng.normal(size=(n, 12)).astype(np.float32) for n in (50, 30))
    X[:5] = words[:5]
    found = squared_distances(X, words)
    np.testing.assert_allclose(found, cdist(X, words, "sqeuclidean"), atol=50 * FLOAT32)
    assert found.min() >= 0
    np.testing.assert_allclose(squared_lengths(words), (words.astype(float) ** 2).sum(axis=1), rtol=FLOAT32)
