"""Distances of float rows, by float32 sums whose rounding is bounded."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.numerics import wide
from featbench.numerics.distances import PRODUCT_COLUMNS, Measure, Placed, frozen, gamma
from featbench.numerics.threads import kernel, spread
from featbench.types import AnyArray, Float64Array

__all__ = ["Floats", "moments", "peaks", "power_of_two"]

_ORDINARY = 2.0**40  # magnitudes up to it, and down to its inverse, need no scaling: squares stay in float32
_FAR = 100.0  # rows are centred where their mean's square is so many times their variance
_SAMPLE = 256


@kernel(any_order=True)
def _moments(rows: Any, scale: Any, sums: Any, squares: Any) -> None:
    for i in range(rows.shape[0]):
        total, squared = np.float64(0), np.float64(0)
        for j in range(rows.shape[1]):
            value = abs(np.float64(rows[i, j])) * scale[i]
            total += value
            squared += value * value
        sums[i], squares[i] = total, squared


@kernel
def _place(rows: Any, scale: Any, factor: Any, centre: Any, out: Any) -> None:
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            out[i, j] = np.float64(rows[i, j]) * scale[i] * factor[i] - centre[j]


def moments(rows: AnyArray, scale: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the sum of magnitudes and the sum of squares of each row times its scale."""
    sums, squares = np.empty((2, len(rows)))
    rows, scale = frozen(rows), frozen(scale)
    spread(lambda a, b: _moments(rows[a:b], scale[a:b], sums[a:b], squares[a:b]), len(rows), least=64)
    return sums, squares


def peaks(rows: AnyArray) -> Float64Array:
    """Return the largest magnitude in each row."""
    found = np.empty(len(rows))

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, 64):
            part = slice(first, min(first + 64, stop))
            found[part] = np.maximum(rows[part].max(axis=1), -rows[part].min(axis=1).astype(np.float64))

    spread(work, len(rows), least=64)
    return found


def power_of_two(peak: Float64Array) -> Float64Array:
    """Return the powers of two that bring peaks into 1/4 to 1/2, or 1 for those of ordinary size."""
    scale: Float64Array = np.ldexp(1.0, np.minimum(-np.frexp(peak)[1] - 1, 1000))
    return np.where((peak == 0) | ((peak <= _ORDINARY) & (peak >= 1 / _ORDINARY)), 1.0, scale)


class Floats(Measure):
    """Any metric, by float32 sums; rows and queries of any of the three dtypes.

    Parameters
    ----------
    metric, X
        As of `Measure`.
    peak : ndarray of float64, (n,)
        Largest magnitude in each training row.
    query_peak : float
        Largest magnitude that queries have.
    any_order : bool, optional
        Let somebody else compute the sums, in any order, on rows that are not padded.
    """

    def __init__(
        self, metric: str, X: AnyArray, peak: Float64Array, query_peak: float, *, any_order: bool = False
    ) -> None:
        super().__init__(metric, X)
        n, d = X.shape
        self.kind = {"l2": "dot", "cosine": "dot", "chi2": "chi2"}.get(metric, "l1")
        self.wide = self.kind in wide.KINDS and not any_order
        self.sums_dtype = np.float32
        self.by_row = metric in ("cosine", "intersection")
        if self.by_row:
            self.scale = power_of_two(peak)
        else:
            self.scale = np.full(n, power_of_two(np.maximum(peak.max(), query_peak)))
        self._sums, self._squares = moments(self.X, self.scale)
        self.factor = self._factor(self._sums, self._squares)
        self._centre = self._choose_centre()
        self.moved = bool(self._centre.any())
        self.in_place = (
            X.dtype == np.float32
            and not self.moved
            and not self.by_row
            and bool(self.scale[0] == 1)
            and (not self.wide or wide.row_bytes(4 * d) == 4 * d)
        )
        self._bound_rounding(d)

    def _bound_rounding(self, d: int) -> None:
        """Set the slopes, and the shares of a row's moments that its distances may be off by."""
        unit = float(np.finfo(np.float32).eps) / 2
        terms = -(-d // wide.LANES) + 6 if self.wide else d + 2
        if self.kind == "dot":
            terms = min(d, PRODUCT_COLUMNS) + -(-d // PRODUCT_COLUMNS)
        float64 = 8 * gamma(d + 8, np.float64)  # our own sums, and those that are compared with
        self._of_sums = self._of_squares = self._constant = 0.0
        slope, relative = 1.0, 1.01 * (gamma(terms + 6, np.float32) + float64)
        if self.metric == "l2":
            # For a and b as placed: 2 γ ‖a‖‖b‖ ≤ γ (‖a‖² + ‖b‖²) for the products, and 8 u of it for having
            # rounded a and b.
            self._of_squares = 1.01 * (gamma(terms, np.float32) + 8 * unit + float64)
            self._constant = 32 * d * float(np.finfo(np.float32).tiny)  # what underflow may lose
            slope, relative = -2.0, 0.0
        elif self.metric == "cosine":
            self._constant = 1.01 * (gamma(terms, np.float32) + 4 * unit + float64)
            slope, relative = -1.0, 0.0
        elif self.metric == "chi2":
            self._of_sums = 2.1 * unit
            self._constant = d * 2.0**-61  # where (a − b)² underflows, the quotient is less than |a − b|
        elif self.metric == "intersection":
            slope, self._constant = 0.5, 4 * unit
        else:
            self._of_sums = 1.01 * unit
        self.slope_low, self.slope_high = slope * (1 - relative), slope * (1 + relative)

    def _factor(self, sums: Float64Array, squares: Float64Array) -> Float64Array:
        """Return what brings rows to length 1 or to sum 1; rows of zeros stay."""
        if not self.by_row:
            return np.ones(len(sums))
        size = np.sqrt(squares) if self.metric == "cosine" else sums
        return np.where(size > 0, 1 / np.where(size > 0, size, 1), 0.0)

    def _choose_centre(self) -> Float64Array:
        """Return the mean of some rows where it is far beyond their spread: products would cancel there."""
        d = self.X.shape[1]
        if self.metric not in ("l2", "l1") or (self.metric == "l1" and self.X.dtype != np.float64):
            return np.zeros(d)
        sample = self.X[:: -(-len(self.X) // _SAMPLE)] * self.scale[0]
        mean = sample.mean(axis=0, dtype=np.float64)
        spread_out = np.square(sample - mean).sum() / len(sample)
        centred: Float64Array = mean if np.square(mean).sum() > _FAR * spread_out else np.zeros(d)
        return centred

    def _ends(self, rows: AnyArray, sums: Float64Array, squares: Float64Array) -> list[Float64Array]:
        """Return what rows, given by their moments as placed, add to either end of their distances."""
        exactly = rows.dtype != np.float64 and not self.moved
        error = self._of_squares * squares + (0.0 if exactly else self._of_sums) * sums + self._constant
        middle = np.zeros(len(rows))
        if self.metric == "l2":
            middle = squares
        elif self.metric == "cosine":
            middle = np.full(len(rows), 0.5)
        elif (
            self.metric == "intersection"
        ):  # two rows of sum 1 may be 1 apart, so may one of zeros and another
            middle = 0.5 * (sums == 0)
        return [middle - error, middle + error]

    def _placed(self, rows: AnyArray, scale: Float64Array, factor: Float64Array) -> AnyArray:
        """Return rows as float32, scaled and moved, with zeros up to whole registers."""
        n, d = rows.shape
        out = wide.aligned((n, d), np.float32) if self.wide else np.empty((n, d), dtype=np.float32)
        rows = frozen(rows)
        spread(lambda a, b: _place(rows[a:b], scale[a:b], factor[a:b], self._centre, out[a:b]), n, least=64)
        return out

    def train(self, start: int, stop: int) -> Placed:
        """Return some training rows, placed."""
        part = slice(start, stop)
        rows, sums, squares = self.X[part], self._sums[part], self._squares[part]
        placed = rows if self.in_place else self._placed(rows, self.scale[part], self.factor[part])
        if self.moved:
            sums, squares = moments(placed, np.ones(len(placed)))
        return Placed(frozen(placed), *self._ends(rows, sums, squares))

    def query(self, rows: AnyArray) -> tuple[Placed, Float64Array, Float64Array]:
        """Return queries, placed, and what each is multiplied by first and second (as in `scale`, `factor`)."""
        scale = power_of_two(peaks(rows)) if self.by_row else np.full(len(rows), self.scale[0])
        sums, squares = moments(rows, scale)
        factor = self._factor(sums, squares)
        placed = self._placed(rows, scale, factor)
        if self.moved:
            sums, squares = moments(placed, np.ones(len(placed)))
        return Placed(self._padded(placed), *self._ends(rows, sums, squares)), scale, factor
