"""k-means: Lloyd's iterations over all rows, or over a batch at a time.

What is found does not depend on the number of threads, nor on how the nearest words were searched: those are
exact (`featbench.numerics.kmeans_nearest`), and sums run in float64, in parts that are always the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from featbench.numerics.kmeans_rows import Rows
from featbench.numerics.threads import kernel, spread
from featbench.types import AnyArray, FeatureMatrix, Float64Array, Indices

__all__ = ["Clustering", "lloyd", "minibatch"]


_PARTS = 8
"""Rows are summed in so many parts, whatever the number of threads, so that the sums stay the same."""


class Clustering(NamedTuple):
    """What k-means found.

    Attributes
    ----------
    words : ndarray of float32, (K, d)
    inertia : ndarray of float64, (iterations,)
        The mean squared distance of a row from the nearest of the words that an iteration began with.
    """

    words: FeatureMatrix
    inertia: Float64Array


def lloyd(X: FeatureMatrix, words: FeatureMatrix, iterations: int, *, spherical: bool = False) -> Clustering:
    """Move words to the means of the rows nearest to them, again and again.

    Parameters
    ----------
    X : ndarray of float32, (m, d)
        Finite; of length 1 where `spherical`.
    words : ndarray of float32, (K, d)
        To begin with.
    iterations : int
        At most so many; it ends when no row changes its word.
    spherical : bool, optional
        Bring words to length 1, so that the nearest has the largest dot product.

    Returns
    -------
    Clustering

    Notes
    -----
    A word that no row is nearest to, and one whose rows sum up to nothing where words have length 1, moves to the
    row that is farthest from its own word; several such words to different rows, the farthest first. It stays
    where all rows lie upon words.

    References
    ----------
    S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (1982),
    https://doi.org/10.1109/TIT.1982.1056489
    """
    rows, inertia = Rows(X), []
    before: Indices | None = None
    for _ in range(iterations):
        labels, distances = rows.nearest(words)
        inertia.append(float(distances.mean()))
        if before is not None and np.array_equal(labels, before):
            break
        sums, counts = _sums(X, labels, len(words))
        sizes = np.sqrt(np.square(sums).sum(axis=1)) if spherical else counts
        found = (sums / np.where(sizes > 0, sizes, 1)[:, None]).astype(np.float32)
        empty = np.flatnonzero((sizes == 0) | (counts == 0))
        found[empty] = words[empty]
        before = None if _refill(found, empty, X, distances) else labels
        words = found
    return Clustering(words, np.array(inertia))


def minibatch(
    X: FeatureMatrix, words: FeatureMatrix, iterations: int, batch: int, rng: np.random.Generator
) -> Clustering:
    """Move words a little with each batch of rows: every word is the mean of all rows that it was ever nearest to.

    Parameters
    ----------
    X, words
        As of `lloyd`.
    iterations : int
        Passes over all rows, each in an order of its own.
    batch : int
        Rows that are searched at once; beside `X` itself, memory is for them alone.
    rng : Generator

    Returns
    -------
    Clustering
        The inertia of a pass is over the words as they were for each batch.

    Notes
    -----
    A word that no row of a pass is nearest to is moved after it as in `lloyd`, and counts as new.

    References
    ----------
    D. Sculley, "Web-scale k-means clustering", WWW 2010, https://doi.org/10.1145/1772690.1772862
    """
    means, counts, inertia = words.astype(np.float64), np.zeros(len(words)), []
    for _ in range(iterations):
        order, distances, used = rng.permutation(len(X)), np.empty(len(X)), np.zeros(len(words), bool)
        for start in range(0, len(X), batch):
            chosen = np.sort(order[start : start + batch])
            part = np.ascontiguousarray(X[chosen])
            labels, distances[chosen] = Rows(part).nearest(means.astype(np.float32))
            sums, new = _sums(part, labels, len(words))
            counts += new
            used |= new > 0
            means += (sums - new[:, None] * means) / np.maximum(counts, 1)[:, None]
        inertia.append(float(distances.mean()))
        empty = np.flatnonzero(~used)
        counts[empty] = 0
        _refill(means, empty, X, distances)
    return Clustering(means.astype(np.float32), np.array(inertia))


def _refill(words: AnyArray, empty: Indices, X: FeatureMatrix, distances: Float64Array) -> bool:
    """Move empty words to the different rows that are farthest from their words; tell whether any moved."""
    seen: set[bytes] = set()
    left = empty.tolist()
    if not left:
        return False
    for row in np.argsort(-distances, kind="stable"):
        if not left or distances[row] == 0:
            break
        content = (X[row] + np.float32(0)).tobytes()  # −0 becomes 0
        if content not in seen:
            seen.add(content)
            words[left.pop(0)] = X[row]
    return bool(seen)


def _sums(X: FeatureMatrix, labels: Indices, n_words: int) -> tuple[Float64Array, Indices]:
    """Return the sum and the number of each word's rows."""
    counts = np.bincount(labels, minlength=n_words).astype(np.int64)
    sums = np.zeros((_PARTS, n_words, X.shape[1]))

    def work(start: int, stop: int) -> None:
        for part in range(start, stop):
            rows = slice(len(X) * part // _PARTS, len(X) * (part + 1) // _PARTS)
            _add(X[rows], labels[rows], sums[part])

    spread(work, _PARTS)
    return sums.sum(axis=0), counts


@kernel
def _add(X: Any, labels: Any, sums: Any) -> None:
    for i in range(len(X)):
        x, total = X[i], sums[labels[i]]
        for j in range(len(total)):
            total[j] += x[j]
