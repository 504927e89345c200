"""Products of descriptors and words turned into codes and collected in cells, a row at a time within the cache.

Each kernel takes a block of products ``(m, K)``, which it may overwrite, and adds the m codes to their cells' rows of
`total`, or keeps the larger numbers where `largest` is. No code is negative, so that zeros are where both begin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.numerics.threads import kernel

__all__ = ["add_memberships", "add_shares", "add_thresholded", "add_triangles", "weigh"]

_GUESSES = 24  # after which a number's bits are found one by one
_STEPS = 3  # from where a row's neighbour has its number, before looking at all of them


@kernel(any_order=True)
def add_triangles(
    X: Any, words: Any, products: Any, lengths: Any, near: Any, cells: Any, total: Any, largest: bool
) -> None:
    """Collect max(0, mean distance − distance); `products` are −2 x · c, `lengths` the words' squared ones.

    Where a squared distance is below the share `near` of both squared lengths, it is computed anew from differences.
    """
    m, n_words = products.shape
    for i in range(m):
        row, own, distances, several = products[i], _squared_length(X[i]), np.float32(0), np.float32(0)
        for j in range(n_words):
            both = lengths[j] + own
            square = max(row[j] + both, np.float32(0))
            several += np.float32(1) if square < near * both else np.float32(0)
            row[j] = np.sqrt(square)
            distances += row[j]
        if several > 0:
            for j in range(n_words):
                if row[j] * row[j] <= near * (lengths[j] + own):
                    exact = _distance(X[i], words[j])
                    distances += exact - row[j]
                    row[j] = exact
        mean = np.float32(distances / np.float32(n_words))
        for j in range(n_words):
            row[j] = max(mean - row[j], np.float32(0))
        _collect(row, total[cells[i]], largest)


@kernel(any_order=True)
def weigh(X: Any, products: Any, lengths: Any, beta: Any) -> None:
    """Turn −2 x · c into −beta · (squared distance − the smallest one), whose exponentials do not vanish together."""
    for i in range(products.shape[0]):
        row, own = products[i], _squared_length(X[i])
        for j in range(row.shape[0]):
            row[j] = max(row[j] + (lengths[j] + own), np.float32(0))
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
    ranks, near = np.empty(n_words, np.float32), np.zeros((2, 2), np.float32)
    for i in range(m):
        row, place = products[i], total[cells[i]]
        for half in range(1 + negatives):
            for j in range(n_words):
                ranks[j] = lengths[j] + row[j] if half == 0 else lengths[j] - row[j]
            last = _smallest(ranks, nearest, near[half])
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
def _squared_length(x: Any) -> Any:
    total = np.float32(0)
    for j in range(x.shape[0]):
        total += x[j] * x[j]
    return total


@kernel(any_order=True)
def _distance(x: Any, word: Any) -> Any:
    total = np.float32(0)
    for j in range(x.shape[0]):
        total += (x[j] - word[j]) * (x[j] - word[j])
    return np.sqrt(total)


@kernel
def _smallest(values: Any, k: int, near: Any) -> Any:
    """Return a number that the k smallest values, and those equal to the last of them, alone do not exceed.

    By counting in wide registers, which values from the nearest cache pass in less time than they could be sorted.
    Guesses are those of false position with weights halved (the "Illinois" rule), some 3 to 5 for thousands of values;
    of bisection where those were not enough. They begin from `near`, which is left for rows like this one.
    """
    low, below, high, upto = _bracket(values, k, near)
    width, among = high - low, upto - below
    weight_low, weight_high, side, guesses = 1.0, 1.0, 0, 0
    while upto > k:
        missing, beyond = (k - below) * weight_low, (upto - k + 0.5) * weight_high
        share = missing / (missing + beyond) if guesses < _GUESSES else 0.5
        guess = np.float32(low + np.float32(share) * (high - low))
        if not low < guess < high:
            guess = np.float32(low + np.float32(0.5) * (high - low))
            if not low < guess < high:
                break  # no number lies between them
        count = _count(values, guess)
        if count >= k:
            high, upto, weight_high = guess, count, 1.0
            weight_low = weight_low / 2 if side == 1 else weight_low
            side = 1
        else:
            low, below, weight_low = guess, count, 1.0
            weight_high = weight_high / 2 if side == -1 else weight_high
            side = -1
        guesses += 1
    near[0] = high
    if 0 < width < np.inf:
        near[1] = width / np.float32(among)
    return high


@kernel
def _bracket(values: Any, k: int, near: Any) -> tuple[Any, int, Any, int]:
    """Return a number that fewer than k values do not exceed, how many; one that k or more do not, how many.

    `near` is where the k-th value of another row was, and how far apart values were there; 0 where nothing is known.
    """
    least, most = np.float32(-np.inf), np.float32(np.inf)
    low, below, high, upto = least, 0, most, values.shape[0]
    guess, apart = near[0], near[1]
    for _ in range(_STEPS if apart > 0 else 0):
        count = _count(values, guess)
        if count == k:
            return guess, k - 1, guess, k
        if count > k:
            high, upto = guess, count
        else:
            low, below = guess, count
        if low > least and high < most:
            return low, below, high, upto
        # A little farther than the k-th value seems to be, so that it lies between two guesses.
        guess += apart * np.float32(1.25 * (k - count) + (2 if count < k else -2))
    least, most = _ends(values)
    if not low > least:
        low, below = least, 0
        count = _count(values, least)
        if count >= k:
            return least, 0, least, k
    if not high < most:
        high, upto = most, values.shape[0]
    return low, below, high, upto


@kernel
def _ends(values: Any) -> tuple[Any, Any]:
    """Return the least and the largest value, by their bits: integers are compared in wide registers."""
    bits = values.view(np.int32)
    least, most = np.int32(2**31 - 1), np.int32(-(2**31))
    for j in range(bits.shape[0]):
        # Of negative numbers all bits but the sign are turned, so that they are in order as well.
        order = np.int32(bits[j] ^ np.int32(np.int32(bits[j] >> 31) & np.int32(0x7FFFFFFF)))
        least, most = min(least, order), max(most, order)
    ends = np.empty(2, np.int32)
    for at, order in enumerate((least, most)):
        ends[at] = np.int32(order ^ np.int32(np.int32(order >> 31) & np.int32(0x7FFFFFFF)))
    return ends.view(np.float32)[0], ends.view(np.float32)[1]


@kernel(any_order=True)
def _count(values: Any, limit: Any) -> int:
    """Count values up to a limit, in float32: they are far fewer than 2²⁴."""
    count = np.float32(0)
    for j in range(values.shape[0]):
        count += np.float32(1) if values[j] <= limit else np.float32(0)
    return int(count)
