"""Distances of float rows, by integer sums of the rows rounded to 256 levels.

What rounding leaves of each row is measured, and by the triangle inequality bounds how far a distance can be from
that of the rounded rows. Sums of bytes are three to five times as fast as those of float32; where distances
differ by more than what rounding leaves, which is so for most features, few have to be computed anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.numerics import wide
from featbench.numerics.distances import Measure, Placed, byte_moments, frozen, gamma
from featbench.numerics.threads import kernel, spread
from featbench.types import AnyArray, Float64Array

__all__ = ["Quantized"]

_SAMPLE = 64
_LEAST_ROWS, _LEAST_COLUMNS = 512, 32  # with fewer there is nothing to gain
_CLEAR = 0.6  # what rounding leaves of two rows, at most, in standard deviations of the distances
_KEPT_BYTES = 160 << 20  # rounded rows up to so many bytes stay from search to search


@kernel(any_order=True)
def _round(
    rows: Any, scale: float, lowest: float, step: float, out: Any, left: Any, left_squares: Any
) -> None:
    for i in range(rows.shape[0]):
        total, squares = np.float64(0), np.float64(0)
        inverse = 1 / step
        for j in range(rows.shape[1]):
            value = np.float64(rows[i, j]) * scale - lowest
            level = min(max(np.floor(value * inverse + 0.5), 0.0), 255.0)
            rest = value - level * step
            total += abs(rest)
            squares += rest * rest
            out[i, j] = np.uint8(level)
        left[i], left_squares[i] = total, squares


class Quantized(Measure):
    """L1 or L2 of rows and queries of any of the three dtypes.

    Parameters
    ----------
    metric, X
        As of `Measure`.
    scale : float
        Power of two that training rows and queries are multiplied by.

    Attributes
    ----------
    useful : bool
        Whether distances differ enough for this to be faster than float32 sums.
    """

    def __init__(self, metric: str, X: AnyArray, scale: float) -> None:
        super().__init__(metric, X)
        n, d = X.shape
        self.kind = "sad" if metric == "l1" else "dot8"
        self.wide, self.in_place = True, False
        self.sums_dtype = np.int32
        self.scale, self.factor = np.full(n, scale), np.ones(n)
        self._scale = scale
        self._kept: Placed | None = None
        self.useful = False
        if (
            self.kind not in wide.KINDS
            or n < _LEAST_ROWS
            or not _LEAST_COLUMNS <= d <= wide.MOST_DOT8_COLUMNS
        ):
            return
        sample = np.asarray(X[:: -(-n // _SAMPLE)], dtype=np.float64) * scale
        self._lowest, highest = float(sample.min()), float(sample.max())
        self._step = (highest - self._lowest) / 255
        if not self._step > 0:
            return
        # What rounding may do to the float64 values themselves.
        self._slip = 8 * float(np.finfo(np.float64).eps) * float(np.abs(sample).max())
        self._left = self._typically_left(frozen(X[:: -(-n // _SAMPLE)]))
        distances = _between(sample, metric)
        self.useful = 2 * self._left <= _CLEAR * float(distances.std())
        near = max(float(np.quantile(distances, 0.1)), 0.01 * float(distances.mean()), 1e-300)
        self._share = min(0.5, max(2 * self._left / near, 1e-9))
        self._set_slopes(d)
        self.in_place = self.useful and n * wide.row_bytes(d) <= _KEPT_BYTES
        if self.in_place:
            self._kept = self._placed_train(0, n)

    def suits(self, rows: AnyArray) -> bool:
        """Tell whether queries are rounded about as well as training rows, as some of them show."""
        step = -(-len(rows) // _SAMPLE)
        return (
            self.useful and self._typically_left(frozen(np.ascontiguousarray(rows[::step]))) <= 2 * self._left
        )

    def _set_slopes(self, d: int) -> None:
        relative = 8 * gamma(d + 8, np.float64)  # of the float64 distances that are compared with
        if self.metric == "l1":
            self.slope_low, self.slope_high = self._step * (1 - relative), self._step * (1 + relative)
        else:
            self.slope_low = -2 * self._step**2 * (1 - self._share) * (1 - relative)
            self.slope_high = -2 * self._step**2 * (1 + self._share) * (1 + relative)
        self._relative = relative

    def _typically_left(self, rows: AnyArray) -> float:
        _, left, squares = self._rounded(rows)
        return float(left.mean() if self.metric == "l1" else np.sqrt(squares.mean()))

    def _rounded(self, rows: AnyArray) -> tuple[AnyArray, Float64Array, Float64Array]:
        """Return rows at their levels, and the sums of what is left and of its squares."""
        n, d = rows.shape
        out = wide.aligned((n, d), np.uint8)
        left, squares = np.empty((2, n))
        rows = frozen(rows)

        def work(a: int, b: int) -> None:
            _round(rows[a:b], self._scale, self._lowest, self._step, out[a:b], left[a:b], squares[a:b])

        spread(work, n, least=64)
        return out, left, squares

    def _ends(
        self, middle: Float64Array, left: Float64Array, squares: Float64Array, d: int
    ) -> list[Float64Array]:
        """Return what rows add to either end of their distances.

        With r what is left of both rows together and D the distance of the rounded rows, L2 squared is from
        (D − r)² to (D + r)², and for every share s that is from (1 − s) D² − (1/s − 1) r² to
        (1 + s) D² + (1/s + 1) r², where r² is at most twice the sum of both rows' squares.
        """
        if self.metric == "l1":
            error = 1.01 * left + d * self._slip
            return [-error, error]
        share, relative = self._share, self._relative
        error = 2.02 * (np.sqrt(squares) + np.sqrt(d) * self._slip) ** 2
        middle = middle * self._step**2
        loss = d * 2.0**20 * float(np.finfo(np.float64).eps) * self._step**2  # in subtracting large integers
        return [
            (1 - share) * (1 - relative) * middle - (1 / share - 1) * error - loss,
            (1 + share) * (1 + relative) * middle + (1 / share + 1) * error + loss,
        ]

    def _placed_train(self, start: int, stop: int) -> Placed:
        rows, left, squares = self._rounded(self.X[start:stop])
        middle = np.zeros(len(rows))
        if self.metric == "l2":
            sums, integer_squares = byte_moments(frozen(rows))
            middle = (integer_squares - 256 * sums).astype(np.float64)
        return Placed(rows, *self._ends(middle, left, squares, self.X.shape[1]))

    def train(self, start: int, stop: int) -> Placed:
        """Return some training rows, placed."""
        return self._kept.part(start, stop) if self._kept is not None else self._placed_train(start, stop)

    def query(self, rows: AnyArray) -> tuple[Placed, Float64Array, Float64Array]:
        """Return queries, placed, and what each is multiplied by first and second (as in `scale`, `factor`)."""
        rounded, left, squares = self._rounded(rows)
        middle = np.zeros(len(rows))
        if self.metric == "l2":
            middle = byte_moments(frozen(rounded))[1].astype(np.float64)
            rounded = (rounded ^ np.uint8(128)).view(np.int8)
        ends = self._ends(middle, left, squares, rows.shape[1])
        return Placed(self._padded(rounded), *ends), np.full(len(rows), self._scale), np.ones(len(rows))


def _between(rows: Float64Array, metric: str) -> Float64Array:
    """Return the distances between different rows."""
    pairs = np.triu_indices(len(rows), 1)
    if metric == "l1":
        return np.concatenate([np.abs(rows[i + 1 :] - rows[i]).sum(axis=1) for i in range(len(rows) - 1)])
    squares = np.square(rows - rows.mean(axis=0))
    centred = rows - rows.mean(axis=0)
    norms = squares.sum(axis=1)
    distances: Float64Array = np.sqrt(np.maximum(norms[:, None] + norms - 2 * centred @ centred.T, 0))[pairs]
    return distances
