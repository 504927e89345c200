"""Dot products of descriptors and words, a few descriptors at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from featbench.numerics.namespace import beside, namespace
from featbench.types import AnyArray, FeatureMatrix

__all__ = ["NEAR", "product_blocks", "squared_distances", "squared_lengths"]

# Products at hand at once: 2 MB, which a core finds again in its nearer caches, while there are rows enough for the
# product to run at 96 % or more of the speed of a large one (measured with 108 columns and 1,600 words).
_PRODUCTS = 2**19
_LEAST_ROWS, _MOST_ROWS = 64, 1024

NEAR = np.float32(1e-3)
"""A squared distance below this share of both squared lengths is the small rest of a difference of float32 sums, and is
computed anew from the rows' own differences. A distance is then off by some 3e-6 of the lengths at most."""

_PAIRS = 2**16  # that are computed anew at a time


def squared_lengths(words: FeatureMatrix) -> FeatureMatrix:
    """Return the words' squared lengths, float32 ``(K,)``."""
    lengths: FeatureMatrix = np.einsum("ij,ij->i", words, words, dtype=np.float64).astype(np.float32)
    return lengths


def squared_distances(X: AnyArray, words: FeatureMatrix) -> AnyArray:
    """Return squared Euclidean distances, by array-API functions.

    Parameters
    ----------
    X : array of float32, (m, D)
    words : ndarray of float32, (K, D)

    Returns
    -------
    array of float32, (m, K)
        From dot products, of rows that are near one another (`NEAR`) from differences. Never negative.
    """
    xp = namespace(X)
    lengths, words = beside(X, squared_lengths(words)), beside(X, words)
    both = xp.sum(X * X, axis=1)[:, None] + lengths
    distances: AnyArray = xp.clip(both - 2 * (X @ words.T), 0, None)
    near = xp.nonzero(distances < float(NEAR) * both)
    for start in range(0, near[0].shape[0], _PAIRS):
        i, j = (indices[start : start + _PAIRS] for indices in near)
        distances[i, j] = xp.sum((X[i] - words[j]) ** 2, axis=1)
    return distances


def product_blocks(
    X: FeatureMatrix, words: FeatureMatrix, factor: float
) -> Iterator[tuple[slice, FeatureMatrix]]:
    """Yield rows, and ``factor * X[rows] @ words.T``; the array is used again for the next rows.

    Parameters
    ----------
    X : ndarray of float32, (m, D)
    words : ndarray of float32, (K, D)
    factor : float
        A power of two, so that it rounds nothing.
    """
    columns = np.ascontiguousarray(words.T) * np.float32(factor)  # a tenth faster than a transposed view
    size = min(max(_PRODUCTS // len(words), _LEAST_ROWS), _MOST_ROWS, max(len(X), 1))
    memory = np.empty((size, len(words)), dtype=np.float32)
    for start in range(0, len(X), size):
        rows = slice(start, min(start + size, len(X)))
        yield rows, np.matmul(X[rows], columns, out=memory[: rows.stop - start])
