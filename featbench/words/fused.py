"""Products of descriptors and words turned into codes and collected in cells, a row at a time within the cache.

Each kernel takes a block of products ``(m, K)``, which it may overwrite, and adds the m codes to their cells' rows of
`total`, or keeps the larger numbers where `largest` is. No code is negative, so that zeros are where both begin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.numerics.threads import kernel

__all__ = ["add_memberships", "add_shares", "add_thresholded", "add_triangles", "weigh"]


@kernel(any_order=True)
def add_triangles(X: Any, products: Any, lengths: Any, cells: Any, total: Any, largest: bool) -> None:
    """Collect max(0, mean distance − distance); `products` are −2 x · c, `lengths` the words' squared ones."""
    m, n_words = products.shape
    for i in range(m):
        row, distances = products[i], np.float32(0)
        _add_lengths(X[i], lengths, row)
        for j in range(n_words):
            row[j] = np.sqrt(row[j])
            distances += row[j]
        mean = np.float32(distances / np.float32(n_words))
        for j in range(n_words):
            row[j] = max(mean - row[j], np.float32(0))
        _collect(row, total[cells[i]], largest)


@kernel(any_order=True)
def weigh(X: Any, products: Any, lengths: Any, beta: Any) -> None:
    """Turn −2 x · c into −beta · (squared distance − the smallest one), whose exponentials do not vanish together."""
    for i in range(products.shape[0]):
        row = products[i]
        _add_lengths(X[i], lengths, row)
        # Bits of numbers that are not negative are in the numbers' order, and integers are compared in wide registers.
        bits = row.view(np.int32)
        least = bits[0]
        for j in range(bits.shape[0]):
            least = min(least, bits[j])
        smallest = np.int32(least).view(np.float32)
        for j in range(row.shape[0]):
            row[j] = beta * (smallest - row[j])


@kernel(any_order=True)
def add_shares(weights: Any, cells: Any, total: Any, largest: bool) -> None:
    """Collect each row of weights divided by its sum."""
    for i in range(weights.shape[0]):
        row, weight = weights[i], np.float32(0)
        for j in range(row.shape[0]):
            weight += row[j]
        scale = np.float32(1) / weight
        for j in range(row.shape[0]):
            row[j] *= scale
        _collect(row, total[cells[i]], largest)


@kernel
def add_thresholded(products: Any, alpha: Any, split: bool, cells: Any, total: Any, largest: bool) -> None:
    """Collect max(0, x · c − alpha), and where `split` is max(0, −x · c − alpha) behind it."""
    m, n_words = products.shape
    code = np.empty(n_words, np.float32)
    for i in range(m):
        row, place = products[i], total[cells[i]]
        for j in range(n_words):
            code[j] = max(row[j] - alpha, np.float32(0))
        _collect(code, place[:n_words], largest)
        if split:
            for j in range(n_words):
                code[j] = max(-row[j] - alpha, np.float32(0))
            _collect(code, place[n_words:], largest)


@kernel
def add_memberships(
    products: Any, lengths: Any, nearest: int, negatives: bool, cells: Any, total: Any, largest: bool
) -> None:
    """Collect whether a word is among the nearest, and where `negatives` is, whether its negative is among those."""
    m, n_words = products.shape
    ranks = np.empty(n_words, np.float32)
    for i in range(m):
        row, place = products[i], total[cells[i]]
        for half in range(1 + negatives):
            for j in range(n_words):
                ranks[j] = lengths[j] + row[j] if half == 0 else lengths[j] - row[j]
            last = _smallest(ranks, nearest)
            for j in range(n_words):
                ranks[j] = np.float32(1) if ranks[j] <= last else np.float32(0)
            _collect(ranks, place[half * n_words : (half + 1) * n_words], largest)


@kernel
def _collect(code: Any, place: Any, largest: bool) -> None:
    if largest:
        for j in range(code.shape[0]):
            place[j] = max(place[j], code[j])
    else:
        for j in range(code.shape[0]):
            place[j] += code[j]


@kernel(any_order=True)
def _add_lengths(x: Any, lengths: Any, row: Any) -> None:
    """Turn −2 x · c into squared distances."""
    own = np.float32(0)
    for value in x:
        own += value * value
    for j in range(row.shape[0]):
        row[j] = max(row[j] + (lengths[j] + own), np.float32(0))


@kernel
def _smallest(values: Any, k: int) -> Any:
    """Return a number that the k smallest values, and those equal to the last of them, alone do not exceed.

    By counting, in wide registers: a dozen passes over values in the nearest cache cost less than sorting them.
    """
    low, high = _ends(values)
    below, upto = 0, values.shape[0]  # how many lie below low, and do not exceed high
    if _count(values, low) >= k:
        return low
    straight = True
    while upto > k:
        share = np.float32(k - below) / np.float32(upto - below) if straight else np.float32(0.5)
        guess = np.float32(low + share * (high - low))
        if not low < guess < high:
            guess = np.float32(low + np.float32(0.5) * (high - low))
            if not low < guess < high:
                break
        count = _count(values, guess)
        if count >= k:
            high, upto = guess, count
        else:
            low, below = guess, count
        straight = not straight
    return high


@kernel
def _ends(values: Any) -> tuple[Any, Any]:
    """Return the least and the largest value; sixteen of each at a time, since LLVM compares no single ones abreast."""
    low, high = np.full(16, values[0]), np.full(16, values[0])
    whole = values.shape[0] // 16 * 16
    for start in range(0, whole, 16):
        for lane in range(16):
            value = values[start + lane]
            low[lane], high[lane] = min(low[lane], value), max(high[lane], value)
    for value in values[whole:]:
        low[0], high[0] = min(low[0], value), max(high[0], value)
    return low.min(), high.max()


@kernel
def _count(values: Any, limit: Any) -> Any:
    count = np.int32(0)
    for value in values:
        count = np.int32(count + np.int32(value <= limit))
    return count
