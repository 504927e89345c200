"""Minibatches in a random order, from arrays in memory and from files larger than it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from featbench.types import AnyArray, Indices

__all__ = ["minibatches"]

# Neighbouring rows that are read together: long enough for a disk to be quick at it.
_CHUNK_BYTES = 2**18

# Rows from all over the file that are shuffled together: enough chunks that a file sorted by class mixes well.
_POOL_BYTES = 2**26


def minibatches(X: AnyArray, size: int, rng: np.random.Generator) -> Iterator[tuple[AnyArray, Indices]]:
    """Yield all rows once, in a random order, a batch at a time.

    Chunks of neighbouring rows are drawn in a random order into a pool of 64 MB, whose rows are shuffled and
    dealt out. Where all rows fit into one pool, that is a shuffle of all rows. A memory-mapped array is
    therefore read chunk by chunk and never held whole, and gives the same batches as the array in memory.

    Parameters
    ----------
    X : ndarray, (n, d)
        In memory or memory-mapped.
    size : int
        Most rows of a batch; those of a pool are as equal in size as can be.
    rng : numpy Generator
        Draws the order.

    Yields
    ------
    batch : ndarray, (m, d)
        A copy.
    rows : ndarray of int64, (m,)
        Their numbers.
    """
    n, row_bytes = len(X), max(1, X.itemsize * X.shape[1])
    length = max(1, _CHUNK_BYTES // row_bytes)
    most = max(1, max(size, _POOL_BYTES // row_bytes) // length)
    chunks = rng.permutation(-(-n // length))
    for drawn in np.array_split(chunks, -(-len(chunks) // most)):
        # In the file's order, so that it is read in one direction.
        rows = np.concatenate([np.arange(c * length, min(n, (c + 1) * length)) for c in np.sort(drawn)])
        pool = X if len(rows) == n else X[rows]
        for part in np.array_split(rng.permutation(len(rows)), -(-len(rows) // size)):
            yield pool[part], rows[part]
