"""Minibatches: every row once, in an order that the seed decides, from memory as from a file."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.numerics import minibatches as module
from featbench.numerics.minibatches import minibatches


def dealt(X, size, seed=0):
    return list(minibatches(X, size, np.random.default_rng(seed)))


@pytest.fixture
def small_pools(monkeypatch):
    """Chunks of 4 rows and pools of 40, for rows of 8 bytes."""
    monkeypatch.setattr(module, "_CHUNK_BYTES", 32)
    monkeypatch.setattr(module, "_POOL_BYTES", 320)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 100])
@pytest.mark.parametrize("size", [1, 8, 200])
def test_every_row_comes_once_in_batches_of_nearly_one_size(n, size):
    X = np.arange(2.0 * n).reshape(n, 2)
    batches = dealt(X, size)
    assert sorted(np.concatenate([rows for _, rows in batches])) == list(range(n))
    sizes = [len(rows) for _, rows in batches]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    for batch, rows in batches:
        np.testing.assert_array_equal(batch, X[rows])
        assert not np.shares_memory(batch, X)


@pytest.mark.parametrize("n", [41, 203, 1000])
def test_rows_of_many_pools_come_once_and_are_mixed(n, small_pools):
    X = np.arange(float(n))[:, None]
    batches = dealt(X, 10)
    rows = np.concatenate([r for _, r in batches])
    assert sorted(rows) == list(range(n))
    for batch, numbers in batches:
        np.testing.assert_array_equal(batch, X[numbers])
    if n == 1000:
        # Ten chunks of a pool lie anywhere in the file: their numbers spread as draws from all of it would.
        spreads = [np.ptp(r) for r in np.array_split(rows, 25)]
        assert min(spreads) > 400


def test_the_seed_decides_the_order(small_pools):
    X = np.arange(203.0)[:, None]
    orders = [np.concatenate([r for _, r in dealt(X, 10, seed)]).tolist() for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != list(range(203))


def test_a_mapped_file_gives_the_same_and_is_never_held_whole(tmp_path, small_pools):
    X = np.arange(2000.0)[:, None]
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    held = 0
    for (batch, rows), (expected, same) in zip(
        minibatches(mapped, 8, np.random.default_rng(3)), dealt(X, 8, 3), strict=True
    ):
        np.testing.assert_array_equal(rows, same)
        np.testing.assert_array_equal(batch, expected)
        held = max(held, batch.base.nbytes if batch.base is not None else batch.nbytes)
    assert held <= module._POOL_BYTES
