"""What k-means begins with: rows drawn at random, spread out by k-means++, or points near their mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.numerics.kmeans_rows import ordinary_scale
from featbench.numerics.threads import kernel
from featbench.types import FeatureMatrix, Indices

__all__ = ["different_rows", "points_near_mean", "spread_out_rows"]

_SAMPLE = 10  # rows a word that k-means++ chooses among
_NEAR = 0.1  # of the rows' deviation: near enough to the mean that a point's direction decides which rows it takes
_BLOCK = 256  # rows whose distances are summed side by side


def different_rows(
    X: FeatureMatrix, k: int, rng: np.random.Generator, where: str, taken: Indices | None = None
) -> Indices:
    """Draw rows without replacement among those that differ.

    Parameters
    ----------
    X : ndarray of float32, (m, d)
        Finite.
    k : int
    rng : Generator
    where : str
        Who complains.
    taken : ndarray of int64, optional
        Different rows that come first.

    Returns
    -------
    ndarray of int64, (k,)
        In the order drawn.

    Raises
    ------
    InputError
        There are fewer than k different rows.
    """
    chosen = [] if taken is None else taken.tolist()
    seen = {_bytes(X[i]) for i in chosen}
    for i in rng.permutation(len(X)).tolist():
        if len(chosen) == k:
            break
        content = _bytes(X[i])
        if content not in seen:
            seen.add(content)
            chosen.append(i)
    if len(chosen) < k:
        constraint = f"at least {k:,} different ones, one a word"
        got = Shown(f"{len(chosen):,} different of {len(X):,}")
        remedy = "Learn from more samples or more images, or ask for fewer words."
        raise InputError(must_be(where, "descriptors", constraint, got, remedy))
    return np.array(chosen, dtype=np.int64)


def spread_out_rows(X: FeatureMatrix, k: int, rng: np.random.Generator, where: str) -> Indices:
    """Draw rows by k-means++: each with a probability in proportion to its squared distance from those drawn.

    Parameters
    ----------
    X, k, rng, where
        As of `different_rows`.

    Returns
    -------
    ndarray of int64, (k,)
        In the order drawn.

    Raises
    ------
    InputError
        There are fewer than k different rows.

    Notes
    -----
    As is customary for many words, rows are drawn from a random sample, of ten rows a word: over all rows it would cost
    as much as several of Lloyd's iterations. Where the sample has fewer different rows than k, others follow at
    random.

    References
    ----------
    D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007,
    https://dl.acm.org/doi/10.5555/1283383.1283494
    """
    if len(X) <= k:  # nothing to choose
        return different_rows(X, k, rng, where)
    sample = np.sort(rng.choice(len(X), min(len(X), _SAMPLE * k), replace=False))
    rows = X[sample] * ordinary_scale(X)
    blocks = np.zeros((-(-len(rows) // _BLOCK), X.shape[1], _BLOCK), np.float32)
    for block, start in zip(blocks, range(0, len(rows), _BLOCK), strict=True):
        part = rows[start : start + _BLOCK]
        block[:, : len(part)] = part.T
    chosen = np.empty(k, dtype=np.int64)
    n = _spread_out(rows, blocks, rng.random(k), chosen)
    return different_rows(X, k, rng, where, taken=sample[chosen[:n]])


def points_near_mean(X: FeatureMatrix, k: int, rng: np.random.Generator, where: str) -> FeatureMatrix:
    """Draw normal points about the mean of rows, so near to it that every row lies outside of them.

    A row then belongs to the point most in its direction, whatever its length.

    Parameters
    ----------
    X, k, rng, where
        As of `different_rows`.

    Returns
    -------
    ndarray of float32, (k, d)
        Their deviation in each column is a tenth of the rows' mean one.

    Raises
    ------
    InputError
        There are fewer than k different rows, which could not be told apart afterwards.
    """
    different_rows(X, k, rng, where)
    scale = ordinary_scale(X)
    rows = X * scale
    mean, deviation = rows.mean(axis=0, dtype=np.float64), np.sqrt(rows.var(axis=0, dtype=np.float64).mean())
    points = mean + _NEAR * deviation * rng.standard_normal((k, X.shape[1]))
    near: FeatureMatrix = (points / scale).astype(np.float32)
    return near


def _bytes(row: FeatureMatrix) -> bytes:
    return (row + np.float32(0)).tobytes()  # −0 becomes 0


@kernel
def _spread_out(rows: Any, blocks: Any, shares: Any, chosen: Any) -> Any:
    """Draw rows, given as rows and as columns of blocks; return how many were drawn before all were at distance 0."""
    m = len(rows)
    nearest, sums = np.full(m, np.float32(np.inf)), np.empty(_BLOCK, np.float32)
    chosen[0] = int(shares[0] * m)
    for k in range(1, len(chosen)):
        word = rows[chosen[k - 1]]
        total = 0.0
        for b in range(len(blocks)):
            sums[:] = 0
            for j in range(len(word)):
                column = blocks[b, j]
                for i in range(_BLOCK):
                    sums[i] += (column[i] - word[j]) * (column[i] - word[j])
            part = nearest[b * _BLOCK : (b + 1) * _BLOCK]
            for i in range(len(part)):
                part[i] = min(part[i], sums[i])
            for i in range(len(part)):
                total += part[i]
        if total == 0:
            return k
        left, drawn = shares[k] * total, -1
        for i in range(m):
            if nearest[i] > 0:
                drawn = i
                left -= nearest[i]
                if left < 0:
                    break
        chosen[k] = drawn
    return len(chosen)
