"""Distances of float rows, by integer sums of the rows rounded to 256 levels.

What rounding leaves of each row is measured, and bounds how far a distance can be from that of the rounded rows: by
the triangle inequality, or by products of lengths where rows are nearer to their mean than to each other, as those
of many columns of noise are. Sums of bytes are three to five times as fast as those of float32; where distances
differ by more than what rounding leaves, which is so for most features, few have to be computed anew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from featbench.numerics import wide
from featbench.numerics.distances import Measure, Placed, byte_moments, byte_sums, frozen, gamma
from featbench.numerics.threads import kernel, spread
from featbench.types import AnyArray, Float64Array

__all__ = ["Quantized"]

_SAMPLE = 64
_LEAST_ROWS, _LEAST_COLUMNS = 512, 32  # with fewer there is nothing to gain
_CLEAR = 1.0  # what rounding may change a distance by, at most, in standard deviations of the distances
_KEPT_BYTES = 160 << 20  # rounded rows up to so many bytes stay from search to search


class Rounded(NamedTuple):
    """Rows at their levels, and sums of what was rounded.

    With v a row above the lowest level, v̂ the row at its levels, r = v − v̂ and m the centre, in float64, one a row.

    Attributes
    ----------
    rows : ndarray of uint8, (n, d or more)
    left, left_squares : ndarray
        Σ |r| and Σ r².
    squares : ndarray
        Σ v².
    along : ndarray
        Σ m r.
    off_squares : ndarray
        Σ (v̂ − m)².
    inside_squares, beyond : ndarray
        With |r| divided into what is within half a step and what is beyond, which only entries outside the levels
        have: the sum of the squares of the first, and the sum of the second.
    """

    rows: AnyArray
    left: Float64Array
    left_squares: Float64Array
    squares: Float64Array
    along: Float64Array
    off_squares: Float64Array
    inside_squares: Float64Array
    beyond: Float64Array


@kernel(any_order=True)
def _round(rows: Any, scale: float, lowest: float, step: float, centre: Any, out: Any, sums: Any) -> None:
    for i in range(rows.shape[0]):
        left = left_squares = squares = along = off_squares = inside_squares = beyond = np.float64(0)
        inverse, half = 1 / step, 0.5 * step
        for j in range(rows.shape[1]):
            value = np.float64(rows[i, j]) * scale - lowest
            level = min(max(np.floor(value * inverse + 0.5), 0.0), 255.0)
            rest = value - level * step
            size = abs(rest)
            inside = min(size, half)
            left += size
            left_squares += rest * rest
            squares += value * value
            along += centre[j] * rest
            off_squares += (level * step - centre[j]) ** 2
            inside_squares += inside * inside
            beyond += size - inside
            out[i, j] = np.uint8(level)
        all_sums = (left, left_squares, squares, along, off_squares, inside_squares, beyond)
        for at, total in enumerate(all_sums):
            sums[at, i] = total


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
        self.kind = byte_sums(metric)
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
        self._centre = sample.mean(axis=0) - self._lowest
        reach = np.maximum(self._centre, 255 * self._step - self._centre)
        self._reach, self._farthest = float(reach.max()), float(np.linalg.norm(reach))
        self._choose_bounds(sample, X)
        self.in_place = self.useful and n * wide.row_bytes(d) <= _KEPT_BYTES
        if self.in_place:
            self._kept = self._placed_train(0, n)

    def _choose_bounds(self, sample: Float64Array, X: AnyArray) -> None:
        """Choose how what is left bounds distances, set the slopes, and tell whether the bounds are useful."""
        rounded = self._rounded(frozen(X[:: -(-len(X) // _SAMPLE)]))
        self._left = self._typical(rounded)
        self._most_left = float(np.sqrt(rounded.inside_squares.max()))
        off = float(np.sqrt(rounded.off_squares.mean()))
        distances = _between(sample, self.metric)
        near = max(float(np.quantile(distances, 0.1)), 0.01 * float(distances.mean()), 1e-300)
        self._centred = self.metric == "l2" and off < near
        self._share = 0.0 if self._centred else min(0.5, max(2 * self._left / near, 1e-9))
        error = 2 * self._left * (off / near if self._centred else 1)
        self.useful = error <= _CLEAR * float(distances.std())
        self._relative = 8 * gamma(
            X.shape[1] + 8, np.float64
        )  # of the float64 distances that are compared with
        slope = -2 * self._step**2
        if self.metric == "l1":
            slope = self._step * (1 if self.kind == "sad" else -2)
        if self._centred:
            self.slope_low = self.slope_high = slope
            return
        ends = [
            (1 + sign * self._share * (self.metric == "l2")) * (1 + sign * self._relative) for sign in (-1, 1)
        ]
        self.slope_low, self.slope_high = slope * ends[0], slope * ends[1]

    def suits(self, rows: AnyArray) -> bool:
        """Tell whether queries are rounded about as well as training rows, as some of them show."""
        some = np.ascontiguousarray(rows[:: -(-len(rows) // _SAMPLE)])
        return self.useful and self._typical(self._rounded(some)) <= 2 * self._left

    def _typical(self, rounded: Rounded) -> float:
        """Return what is left of a typical row."""
        return float(rounded.left.mean() if self.metric == "l1" else np.sqrt(rounded.left_squares.mean()))

    def _rounded(self, rows: AnyArray) -> Rounded:
        n, d = rows.shape
        out, sums = wide.aligned((n, d), np.uint8), np.empty((7, n))
        rows, centre = frozen(rows), frozen(self._centre)

        def work(a: int, b: int) -> None:
            _round(rows[a:b], self._scale, self._lowest, self._step, centre, out[a:b], sums[:, a:b])

        spread(work, n, least=64)
        return Rounded(out, *sums)

    def _ends(self, middle: Float64Array, rounded: Rounded) -> list[Float64Array]:
        """Return what rows add to either end of their distances; `middle` is what they add in levels.

        With r what is left of both rows together and D the distance of the rounded rows, L1 is from D − Σ|r| to
        D + Σ|r|, and L2 squared from (D − r)² to (D + r)². For every share s that is from
        (1 − s) D² − (1/s − 1) r² to (1 + s) D² + (1/s + 1) r², where r² is at most twice the sum of both rows'
        squares.
        """
        d, step, relative = self.X.shape[1], self._step, self._relative
        if self._centred:
            return self._centred_ends(middle, rounded)
        if self.metric == "l1":
            error = 1.01 * rounded.left + d * self._slip
            middle = middle * step
            loss = d * 2.0**10 * float(np.finfo(np.float64).eps) * step
            return [(1 - relative) * middle - error - loss, (1 + relative) * middle + error + loss]
        share = self._share
        error = 2.02 * (np.sqrt(rounded.left_squares) + np.sqrt(d) * self._slip) ** 2
        middle = middle * step**2
        loss = d * 2.0**20 * float(np.finfo(np.float64).eps) * step**2  # in subtracting large integers
        return [
            (1 - share) * (1 - relative) * middle - (1 / share - 1) * error - loss,
            (1 + share) * (1 + relative) * middle + (1 / share + 1) * error + loss,
        ]

    def _centred_ends(self, middle: Float64Array, rounded: Rounded) -> list[Float64Array]:
        """Return the ends where rows are nearer to the centre m than to each other.

        For rows v and w, |v − w|² is v² − 2 m·r + w² − 2 m·s − 2 v̂·ŵ, but for
        −2 (v̂ − m)·s − 2 (ŵ − m)·r − 2 r·s, where r and s are what is left. By Cauchy and Schwarz that is bounded by
        lengths, but for entries outside the levels, which are few and large: what is left of them beyond half a
        step counts its sum times the most that an entry of v̂ is from m. Of the rest |v̂ − m| |s| is at most
        |v̂ − m| ϱ + u (|s| − ϱ), the last where |s| > ϱ: ϱ is the longest s of a sample, u the farthest that levels
        are from m.
        """
        d = self.X.shape[1]
        left, length = np.sqrt(rounded.inside_squares), np.sqrt(rounded.squares)
        middle = middle * self._step**2 + rounded.squares - 2 * rounded.along
        error = np.sqrt(rounded.off_squares) * self._most_left + rounded.left_squares / 2
        error += self._farthest * np.maximum(left - self._most_left, 0) + self._reach * rounded.beyond
        slip = np.sqrt(d) * self._slip
        loss = 4 * self._relative * (d * (256 * self._step) ** 2 + rounded.squares)
        error = 2.02 * error + 4 * slip * (length + slip) + loss
        return [middle - error, middle + error]

    def _placed_train(self, start: int, stop: int) -> Placed:
        rounded = self._rounded(self.X[start:stop])
        middle = np.zeros(len(rounded.rows))
        if self.kind != "sad":
            sums, squares = byte_moments(frozen(rounded.rows))
            middle = (sums if self.metric == "l1" else (0 if self._centred else squares) - 256 * sums).astype(
                np.float64
            )
        return Placed(rounded.rows, *self._ends(middle, rounded))

    def train(self, start: int, stop: int) -> Placed:
        """Return some training rows, placed."""
        return self._kept.part(start, stop) if self._kept is not None else self._placed_train(start, stop)

    def query(self, rows: AnyArray) -> tuple[Placed, Float64Array, Float64Array]:
        """Return queries, placed, and what each is multiplied by first and second (as in `scale`, `factor`)."""
        rounded = self._rounded(rows)
        middle, levels = np.zeros(len(rows)), rounded.rows
        if self.kind != "sad":
            sums, squares = byte_moments(frozen(levels))
            if self.metric == "l1":
                middle = sums.astype(np.float64)
            elif not self._centred:
                middle = squares.astype(np.float64)
        if self.metric == "l2":
            levels = (levels ^ np.uint8(128)).view(np.int8)
        ends = self._ends(middle, rounded)
        return Placed(self._padded(levels), *ends), np.full(len(rows), self._scale), np.ones(len(rows))


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
