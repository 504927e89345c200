"""Distances between blocks of rows, each as an interval that surely holds it.

A `Measure` puts rows into the form that sums over pairs are fast in, and says how a sum becomes an interval:

    from:  base[t] + slope · sum(q, t) + base[q],  each once for the lower end and once for the upper

=================  ============================  =================================================
rows               sum                           exact
=================  ============================  =================================================
uint8, ``l1``      Σ |a − b| or Σ min(a, b)      in integers; the interval is a point
uint8, ``l2``      Σ a (b − 128)                 in integers; the interval is a point
other, ``l1``      Σ |a − b| or Σ min(a, b)      in integers, of rows rounded to 256 levels; or float32
other, ``l2``      Σ a (b − 128)                 in integers, of rows rounded to 256 levels; or Σ a b in
                                                 float32, about a centre where rows lie far off
``cosine``         Σ a b of rows of length 1     float32
``chi2``           Σ (a − b)² / (a + b)          float32
``intersection``   Σ |a − b| of rows of sum 1    float32
=================  ============================  =================================================

Float products are left to BLAS. Other sums run in the widest registers (`featbench.numerics.wide`) where the
processor has them; elsewhere they are left to LLVM, and integer products of more than a few queries to BLAS in
pieces of 512 columns, in which every partial sum is an integer of at most 512 · 255 · 128 < 2²⁴ that float32
holds exactly.

The intervals are as wide as rounding can ever make them, so that who needs the exact order of distances
computes only those anew whose intervals overlap.

References
----------
N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, sections 3.1 and 4.2: a sum
of m products, in whatever order, is off by at most γ(m) = m·u / (1 − m·u) times the sum of their magnitudes.
doi:10.1137/1.9780898718027
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from featbench.numerics import wide
from featbench.numerics.threads import kernel, spread
from featbench.types import AnyArray, Float64Array

__all__ = [
    "METRICS",
    "PRODUCT_COLUMNS",
    "Bytes",
    "Measure",
    "Placed",
    "byte_moments",
    "byte_sums",
    "frozen",
    "gamma",
]

METRICS = ("l2", "l1", "cosine", "chi2", "intersection")

PRODUCT_COLUMNS = 8192
"""Columns in one float32 product: few enough that the rounding bound, which grows with them, stays small."""

_EXACT_PRODUCT_COLUMNS = 512
_FEW_QUERIES = 8  # for which bringing training rows into float32 would take longer than the products


@dataclass(frozen=True)
class Placed:
    """Rows in the form that sums are computed in.

    Attributes
    ----------
    rows : ndarray of uint8, int8 or float32, (n, d or more)
    low, high : ndarray of float64, (n,)
        What a row adds to the lower and to the upper end of its distances.
    """

    rows: AnyArray
    low: Float64Array
    high: Float64Array

    def part(self, start: int, stop: int) -> Placed:
        """Return some of the rows."""
        return Placed(self.rows[start:stop], self.low[start:stop], self.high[start:stop])


@kernel
def _l1_uint8(train: Any, query: Any, out: Any) -> None:
    n_train, n_columns = train.shape
    for tile in range(0, n_train, 16):  # sixteen rows stay in the cache while all queries pass
        for q in range(query.shape[0]):
            for t in range(tile, min(tile + 16, n_train)):
                total = np.uint32(0)
                for j in range(n_columns):
                    a, b = train[t, j], query[q, j]
                    # One uint8 subtraction instead of a signed, widened one: more lanes a register.
                    total = np.uint32(total + np.uint8(max(a, b) - min(a, b)))
                out[q, t] = total


@kernel
def _dot_uint8(train: Any, query: Any, out: Any) -> None:
    n_train, n_columns = train.shape
    for t in range(n_train):
        for q in range(query.shape[0]):
            total = np.int64(0)
            for start in range(0, n_columns, 32768):  # 255 · 128 of so many columns stays within 32 bits
                part = np.int32(0)
                a, b = train[t, start : start + 32768], query[q, start : start + 32768]
                for j in range(len(a)):
                    part = np.int32(part + np.int32(a[j]) * np.int32(b[j]))
                total += np.int64(part)
            out[q, t] = total


@kernel(any_order=True)
def _l1_float32(train: Any, query: Any, out: Any) -> None:
    n_train, n_columns = train.shape
    for tile in range(0, n_train, 16):
        for q in range(query.shape[0]):
            for t in range(tile, min(tile + 16, n_train)):
                total = np.float32(0)
                for j in range(n_columns):
                    total += abs(train[t, j] - query[q, j])
                out[q, t] = total


@kernel(any_order=True)
def _chi2_float32(train: Any, query: Any, out: Any) -> None:
    least = np.finfo(np.float32).tiny
    n_train, n_columns = train.shape
    for tile in range(0, n_train, 16):
        for q in range(query.shape[0]):
            for t in range(tile, min(tile + 16, n_train)):
                total = np.float32(0)
                for j in range(n_columns):
                    difference = train[t, j] - query[q, j]
                    total += difference * difference / max(train[t, j] + query[q, j], least)
                out[q, t] = total


def _portable_sums(kind: str, query: AnyArray, train: AnyArray, out: AnyArray) -> None:
    if kind == "sad":
        _l1_uint8(train, query, out)
    elif kind == "l1":
        _l1_float32(train, query, out)
    elif kind == "chi2":
        _chi2_float32(train, query, out)
    elif kind == "dot":
        np.matmul(query[:, :PRODUCT_COLUMNS], train[:, :PRODUCT_COLUMNS].T, out=out)
        for start in range(PRODUCT_COLUMNS, train.shape[1], PRODUCT_COLUMNS):
            columns = slice(start, start + PRODUCT_COLUMNS)
            out += query[:, columns] @ train[:, columns].T
    elif len(query) <= _FEW_QUERIES:
        _dot_uint8(train, query, out)
    else:
        out[:] = 0.0
        for start in range(0, train.shape[1], _EXACT_PRODUCT_COLUMNS):
            columns = slice(start, start + _EXACT_PRODUCT_COLUMNS)
            out += query[:, columns].astype(np.float32) @ train[:, columns].astype(np.float32).T


@kernel
def _byte_moments(rows: Any, sums: Any, squares: Any) -> None:
    for i in range(rows.shape[0]):
        total, squared = np.int64(0), np.int64(0)
        for start in range(0, rows.shape[1], 32768):  # 255² of so many columns stays within 32 bits
            part, part_squared = np.uint32(0), np.uint32(0)
            for j in range(start, min(start + 32768, rows.shape[1])):
                value = np.uint32(rows[i, j])
                part = np.uint32(part + value)
                part_squared = np.uint32(part_squared + value * value)
            total += np.int64(part)
            squared += np.int64(part_squared)
        sums[i], squares[i] = total, squared


def frozen(rows: AnyArray) -> AnyArray:
    """Return rows as read-only ones, so that a kernel is not compiled once for those that can be written too."""
    rows = rows.view()
    rows.flags.writeable = False
    return rows


class Measure:
    """How the distances of a metric to some training rows are computed.

    Parameters
    ----------
    metric : str
        One of `METRICS`.
    X : ndarray of uint8, float32 or float64, (n, d)
        Training rows, C-contiguous and finite; none negative for ``"chi2"`` and ``"intersection"``.
    """

    kind: str
    wide: bool
    slope_low: float
    slope_high: float
    sums_dtype: type
    scale: Float64Array
    factor: Float64Array
    in_place: bool

    def __init__(self, metric: str, X: AnyArray) -> None:
        self.metric, self.X = metric, frozen(X)

    def train(self, start: int, stop: int) -> Placed:
        """Return some training rows, placed."""
        raise NotImplementedError

    def query(self, rows: AnyArray) -> tuple[Placed, Float64Array, Float64Array]:
        """Return queries, placed, and what each is multiplied by first and second (as in `scale`, `factor`)."""
        raise NotImplementedError

    def sums(self, query: AnyArray, train: AnyArray, out: AnyArray) -> None:
        """Compute the sums for all pairs, ``(m, n)``; `out` is what `room` made."""
        if self.wide:
            wide.pair_sums(self.kind, query, train, out)
        else:
            _portable_sums(self.kind, query, train, out[: len(query), : len(train)])

    def room(self, n_query: int, n_train: int) -> AnyArray:
        """Make room for sums."""
        return np.empty((-(-n_query // 4) * 4 + 4, n_train + 8), dtype=self.sums_dtype)

    def _padded(self, rows: AnyArray) -> AnyArray:
        """Copy queries into the form that whole tiles are computed in."""
        if not self.wide:
            return rows
        n = -(-len(rows) // wide.TILE_QUERIES) * wide.TILE_QUERIES
        padded = wide.aligned((n, rows.shape[1]), rows.dtype, apart=True)
        padded[: len(rows), : rows.shape[1]] = rows
        return padded


class Bytes(Measure):
    """L1 or L2 of uint8 rows to uint8 queries, in integers."""

    def __init__(self, metric: str, X: AnyArray) -> None:
        super().__init__(metric, X)
        n, d = X.shape
        self.kind = byte_sums(metric)
        self.wide = self.kind in wide.KINDS and (metric == "l1" or d <= wide.MOST_DOT8_COLUMNS)
        self.slope_low = self.slope_high = 1.0 if self.kind == "sad" else -2.0
        self.sums_dtype = np.int32 if self.wide or metric == "l1" else np.float64
        self.scale = self.factor = np.ones(n)
        self.in_place = not self.wide or wide.row_bytes(d) == d
        self._base = np.zeros(n)
        if self.kind != "sad":
            sums, squares = byte_moments(self.X)
            # |a − b| = a − 2 min(a, b) + b;  |a − b|² = a² − 256 Σ a  −  2 Σ a (b − 128)  +  b²
            self._base = (sums if metric == "l1" else squares - 256 * sums).astype(np.float64)

    def train(self, start: int, stop: int) -> Placed:
        """Return some training rows, placed."""
        rows = self.X[start:stop]
        if not self.in_place:
            padded = wide.aligned(rows.shape, np.uint8)
            spread(lambda a, b: np.copyto(padded[a:b, : rows.shape[1]], rows[a:b]), len(rows), least=256)
            rows = padded
        return Placed(rows, self._base[start:stop], self._base[start:stop])

    def query(self, rows: AnyArray) -> tuple[Placed, Float64Array, Float64Array]:
        """Return queries, placed, with the ones that they are multiplied by."""
        ones, base = np.ones(len(rows)), np.zeros(len(rows))
        if self.kind != "sad":
            base = byte_moments(frozen(rows))[self.metric == "l2"].astype(np.float64)
        if self.metric == "l2":
            rows = (rows ^ np.uint8(128)).view(np.int8)
        return Placed(self._padded(rows), base, base), ones, ones


def byte_moments(rows: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Return the sum and the sum of squares of each row of uint8."""
    sums, squares = np.empty((2, len(rows)), dtype=np.int64)
    spread(lambda a, b: _byte_moments(rows[a:b], sums[a:b], squares[a:b]), len(rows), least=64)
    return sums, squares


def byte_sums(metric: str) -> str:
    """Return the kind of sum that L1 or L2 of bytes is made of: for L1, of the two that give it, the faster."""
    if metric == "l2":
        return "dot8"
    return "min8" if "min8" in wide.KINDS else "sad"


def gamma(terms: int, dtype: Any) -> float:
    """Return γ(terms) for a dtype, or infinity where the bound says nothing any more."""
    share = terms * float(np.finfo(dtype).eps) / 2
    return share / (1 - share) if share < 1 else np.inf
