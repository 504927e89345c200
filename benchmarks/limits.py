"""What this machine could do at best, measured in the same run: the floor under every time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from benchmarks.rows import best
from featbench.numerics.threads import kernel

__all__ = ["Cost", "floor"]

_STREAM = 1 << 25  # bytes: beyond the caches
_NEAR = 1 << 12  # entries: within the nearest cache
_ROUNDS = 2000


@dataclass(frozen=True)
class Cost:
    """What one item of work cannot do without.

    Attributes
    ----------
    moved : float
        Bytes that are read from memory or written to it.
    wide : float
        Arithmetic on 32-bit values that can run in the widest registers.
    scattered : float
        Additions to a place in memory that the data decides.
    """

    moved: float
    wide: float
    scattered: float


def floor(cost: Cost, cores: int) -> tuple[float, str]:
    """Return the seconds that `cost` takes at this machine's rates, were all else free, and what sets them."""
    bytes_rate, wide_rate, scattered_rate = _rates()
    seconds = {
        "bytes": cost.moved / bytes_rate,
        "arithmetic": cost.wide / wide_rate,
        "scattered sums": cost.scattered / scattered_rate,
    }
    name = max(seconds, key=lambda key: seconds[key])
    return seconds[name] / cores, name


@cache
def _rates() -> tuple[float, float, float]:
    """Return bytes, wide operations and scattered additions a second on one core."""
    stream = np.ones(_STREAM // 8, dtype=np.int64)
    a, b = np.ones(_NEAR, dtype=np.int32), np.ones(_NEAR, dtype=np.int32)
    codes = np.random.default_rng(0).integers(0, 9, _NEAR).astype(np.uint32)
    votes = np.zeros((4, 16), dtype=np.int64)
    for warm_up in (lambda: _add(stream[:8]), lambda: _wide(a, b, 1), lambda: _scatter(codes, votes, 1)):
        warm_up()
    read, wide, scattered = best(
        lambda: _add(stream), lambda: _wide(a, b, _ROUNDS), lambda: _scatter(codes, votes, _ROUNDS // 10)
    )
    return _STREAM / read, 2 * _NEAR * _ROUNDS / wide, _NEAR * (_ROUNDS // 10) / scattered


@kernel
def _add(values: Any) -> Any:
    total = 0
    for value in values:
        total += value
    return total


@kernel
def _wide(a: Any, b: Any, rounds: int) -> None:
    for _ in range(rounds):
        for j in range(a.shape[0]):
            a[j] = (a[j] + b[j]) ^ b[j]


@kernel
def _scatter(codes: Any, votes: Any, rounds: int) -> None:
    for _ in range(rounds):
        for j in range(0, codes.shape[0], 4):
            for k in range(4):
                votes[k, codes[j + k]] += 1
