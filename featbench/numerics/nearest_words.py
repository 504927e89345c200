"""The few nearest of some hundred or thousand words, for rows that one thread among several works on.

A float32 product with all words comes near enough to say which few words to measure; those are measured in
float64. So the words found, and their order, are those of float64, whatever BLAS sums in which order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.numerics.distances import gamma
from featbench.numerics.threads import kernel
from featbench.types import FeatureMatrix, Indices

__all__ = ["nearest_words"]

_PRODUCTS = 2**18  # in a block: 1 MB, within a core's cache
_GROUP = 32  # products that are looked at together
_LEAST_PRODUCT, _LARGEST_PRODUCT = 2.0**-126, 2.0**127  # between them products keep their digits


def nearest_words(X: FeatureMatrix, words: FeatureMatrix, k: int = 1) -> Indices:
    """Find the k nearest words of each row, in one thread.

    Parameters
    ----------
    X : ndarray of float32, (m, d)
        Finite.
    words : ndarray of float32, (n, d)
        Finite.
    k : int
        1 to n, and few: lists are kept in order by insertion.

    Returns
    -------
    ndarray of int64, (m, k)
        Ordered by distance as float64 sums it, then by index.
    """
    assert 1 <= k <= len(words)
    words = np.ascontiguousarray(words)
    squares = np.einsum("ij,ij->i", words, words, dtype=np.float64)
    d, longest = words.shape[1], np.sqrt(squares.max())
    found = np.empty((len(X), k), dtype=np.int64)
    size = max(1, _PRODUCTS // len(words))
    products = np.empty((min(size, len(X)), len(words)), dtype=np.float32)
    for first in range(0, len(X), size):
        rows = np.ascontiguousarray(X[first : first + size])
        part = products[: len(rows)]
        with np.errstate(over="ignore", invalid="ignore"):
            np.matmul(rows, words.T, out=part)
        _choose(
            part, squares / 2, longest, 2 * gamma(d, np.float32), rows, words, found[first : first + size]
        )
    return found


@kernel
def _distance(x: Any, w: Any) -> Any:
    """Return the squared distance; eight sums, in an order that never changes, fill a register."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    whole = len(x) - len(x) % 8
    for j in range(0, whole, 8):
        s0 += (np.float64(x[j]) - np.float64(w[j])) ** 2
        s1 += (np.float64(x[j + 1]) - np.float64(w[j + 1])) ** 2
        s2 += (np.float64(x[j + 2]) - np.float64(w[j + 2])) ** 2
        s3 += (np.float64(x[j + 3]) - np.float64(w[j + 3])) ** 2
        s4 += (np.float64(x[j + 4]) - np.float64(w[j + 4])) ** 2
        s5 += (np.float64(x[j + 5]) - np.float64(w[j + 5])) ** 2
        s6 += (np.float64(x[j + 6]) - np.float64(w[j + 6])) ** 2
        s7 += (np.float64(x[j + 7]) - np.float64(w[j + 7])) ** 2
    for j in range(whole, len(x)):
        s0 += (np.float64(x[j]) - np.float64(w[j])) ** 2
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@kernel
def _insert(value: float, index: int, values: Any, indices: Any) -> None:
    """Put a value into an ascending list, behind those that equal it; the last one drops out."""
    at = len(values) - 1
    while at > 0 and values[at - 1] > value:
        values[at], indices[at] = values[at - 1], indices[at - 1]
        at -= 1
    values[at], indices[at] = value, index


@kernel
def _some_within(halves: Any, products: Any, limit: float) -> Any:
    """Tell whether any of a group is not beyond a limit; what is no number is not."""
    near = np.int64(0)
    for t in range(len(halves)):
        near |= np.int64(not halves[t] - np.float64(products[t]) > limit)
    return near != 0


@kernel
def _choose(products: Any, halves: Any, longest: float, off: float, X: Any, words: Any, found: Any) -> None:
    """Write the nearest words: half a squared distance is that of the word less the product, but for a constant."""
    k, n = found.shape[1], len(halves)
    nearest = np.empty(k)
    for i in range(len(X)):
        nearest[:] = np.inf
        for first in range(0, n, _GROUP):
            last = min(first + _GROUP, n)
            if _some_within(halves[first:last], products[i, first:last], nearest[k - 1]):
                for j in range(first, last):
                    half = halves[j] - np.float64(products[i, j])
                    if half < nearest[k - 1]:
                        _insert(half, j, nearest, found[i])
        square = 0.0
        for t in range(X.shape[1]):
            square += np.float64(X[i, t]) ** 2
        largest = np.sqrt(square) * longest  # of a product
        limit = nearest[k - 1] + off * largest + X.shape[1] * _LEAST_PRODUCT
        if largest > _LARGEST_PRODUCT:
            limit = np.inf
        nearest[:] = np.inf
        for first in range(0, n, _GROUP):
            last = min(first + _GROUP, n)
            if _some_within(halves[first:last], products[i, first:last], limit):
                for j in range(first, last):
                    if not halves[j] - np.float64(products[i, j]) > limit:
                        distance = _distance(X[i], words[j])
                        if distance < nearest[k - 1]:
                            _insert(distance, j, nearest, found[i])
