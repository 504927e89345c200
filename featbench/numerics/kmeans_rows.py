"""Rows whose nearest words are asked for again and again, with other words each time.

Rows are put once into the form that bounds are reckoned from (`featbench.numerics.kmeans_nearest`): as bytes where the
processor multiplies those, otherwise as they are. For bytes they are turned to their principal directions, of
which the last, with next to nothing in them, are left out. With x̂ and ŵ what bytes hold of the leading coordinates,
e and f the lengths of what they do not, and r and s those of what is left out,

    x·w ≤ x̂·ŵ + e ‖w‖ + ‖x̂‖ f + r s

by the inequality of Cauchy and Schwarz; nothing is assumed of the rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from featbench.numerics import wide
from featbench.numerics.blas import serial_blas
from featbench.numerics.distances import gamma
from featbench.numerics.float_distances import power_of_two
from featbench.numerics.kmeans_nearest import LANES, POINTS, REGISTERS, by_bytes, by_products
from featbench.numerics.processor import REGISTER_BYTES
from featbench.numerics.threads import kernel, spread
from featbench.types import AnyArray, FeatureMatrix, Float64Array, Indices

__all__ = ["Rows", "ordinary_scale"]

_BLOCK = 256  # rows in a float32 product: with 4,000 words, 4 MB
_PLACED = 2048  # rows put into bytes at once
_SAMPLE = 4096  # rows that the centre and the principal directions are found from
_KEPT = 0.985  # share of the squares that the leading directions hold
_WORTHWHILE = 0.85  # share of the directions from which on leaving out the rest gains nothing
_LEAST_COLUMNS, _LEAST_ROWS = 16, 4096  # with fewer, bytes gain nothing over what it takes to make them
_MOST_COLUMNS = 32_768  # beyond, sums of bytes could overflow
_MOST_TURNED = 512  # columns beyond which finding the directions takes seconds
_MANY = 1 / 16  # share of the words that may be measured a row before bytes are given up
_NOTHING = np.float32(1e-30)  # a row no larger becomes zeros: its inverse might be infinite
_ROUNDING = 2.0**-20  # what the few float32 operations on a bound may add up to, relatively


@kernel(any_order=True)
def _square_lengths(rows: Any, squares: Any) -> None:
    for i in range(len(rows)):
        total = np.float64(0)
        for value in rows[i]:
            total += np.float64(value) * np.float64(value)
        squares[i] = total


@kernel(any_order=True)
def _put(leading: Any, squares: Any, slack: float, placed: Any, starts: Any, factors: Any) -> None:
    """Put the leading coordinates of rows into bytes, and note what `by_bytes` needs of each row."""
    for i in range(len(leading)):
        row = leading[i]
        peak = np.float32(0)
        for value in row:
            peak = max(peak, abs(value))
        if not peak > _NOTHING:
            peak = np.float32(0)
        scale = peak / np.float32(127)
        inverse = np.float32(127) / peak if peak > 0 else np.float32(0)
        total, lost, held, kept = np.int64(0), np.float64(0), np.float64(0), np.float64(0)
        for j in range(len(row)):
            level = np.float32(np.rint(min(max(row[j] * inverse, np.float32(-127)), np.float32(127))))
            placed[i, j] = np.int8(level)
            total += np.int64(level)
            put = np.float64(level) * np.float64(scale)
            lost += (np.float64(row[j]) - put) ** 2
            held += put * put
            kept += np.float64(row[j]) * np.float64(row[j])
        starts[i] = -128 * total
        length, up = np.sqrt(squares[i]), 1 + _ROUNDING
        factors[i, 0] = -scale
        factors[i, 1] = -up * (np.sqrt(lost) + (slack + 2 * _ROUNDING) * length)
        factors[i, 2] = -up * np.sqrt(held)
        factors[i, 3] = -up * np.sqrt(max(squares[i] - kept, 0) + (2 * slack + _ROUNDING) * squares[i])


class _Bytes(NamedTuple):
    directions: Float64Array | None
    placed: AnyArray
    starts: AnyArray
    factors: AnyArray


class Rows:
    """Rows, ready for `nearest`.

    Parameters
    ----------
    X : ndarray of float32, (m, d)
        Finite; not copied.

    Notes
    -----
    Where bytes serve, they take at most d + 28 bytes a row.
    """

    def __init__(self, X: FeatureMatrix) -> None:
        self.X = X
        self._scale = ordinary_scale(X)
        sample = X[:: -(-len(X) // _SAMPLE)] * self._scale
        self._centre = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
        self._squares = np.empty(len(X))
        with serial_blas():
            self._bytes = self._placed(sample) if self._suit_bytes() else None
        if self._bytes is None:
            spread(self._measure, len(X), least=_PLACED)

    def nearest(self, words: FeatureMatrix) -> tuple[Indices, Float64Array]:
        """Find the nearest word of each row.

        Parameters
        ----------
        words : ndarray of float32, (K, d)
            Finite.

        Returns
        -------
        labels : ndarray of int64, (m,)
            The first of the nearest.
        distances : ndarray of float64, (m,)
            Squared; sums of float64 differences.
        """
        labels, distances = np.empty(len(self.X), np.int64), np.empty(len(self.X))
        words = np.ascontiguousarray(words)
        by = self._by_products if self._bytes is None else self._by_bytes
        with serial_blas():
            measured = by(words, labels, distances)
        if measured > max(_MANY * len(words), 2) * len(self.X):
            self._bytes = None
        return labels, distances

    def _suit_bytes(self) -> bool:
        m, d = self.X.shape
        enough = m >= _LEAST_ROWS and _LEAST_COLUMNS <= d <= _MOST_COLUMNS
        return enough and "dot8" in wide.KINDS and REGISTER_BYTES == 64

    def _block(self, rows: slice) -> FeatureMatrix:
        """Return rows about the centre and of ordinary size, and note their squared lengths."""
        block: FeatureMatrix = self.X[rows] * self._scale - self._centre
        _square_lengths(block, self._squares[rows])
        return block

    def _measure(self, start: int, stop: int) -> None:
        for first in range(start, stop, _PLACED):
            self._block(slice(first, min(first + _PLACED, stop)))

    def _about_centre(self, words: FeatureMatrix) -> Float64Array:
        moved: Float64Array = words * np.float64(self._scale) - self._centre
        return moved

    def _by_products(self, words: FeatureMatrix, labels: Indices, distances: Float64Array) -> int:
        m, d = self.X.shape
        moved = self._about_centre(words)
        n = -(-len(words) // (LANES * REGISTERS)) * LANES * REGISTERS
        padded, halves, lengths = np.zeros((n, d), np.float32), *np.zeros((2, n), np.float32)
        halves[len(words) :] = np.inf
        squares = np.square(moved).sum(axis=1)
        padded[: len(words)], halves[: len(words)] = moved, squares / 2 * (1 - _ROUNDING)
        lengths[: len(words)] = np.sqrt(squares) * (1 + _ROUNDING)
        error = gamma(d + 8, np.float32) + _ROUNDING
        unit, counts = float(self._scale) ** 2, []

        def work(start: int, stop: int) -> None:
            for first in range(start * _BLOCK, min(stop * _BLOCK, m), _BLOCK):
                rows = slice(first, min(first + _BLOCK, m))
                products = self._block(rows) @ padded.T
                counts.append(
                    by_products(
                        products, halves, lengths, error, self.X[rows], self._squares[rows], unit, words,
                        labels[rows], distances[rows],
                    )
                )  # fmt: skip

        spread(work, -(-m // _BLOCK))
        return sum(counts)

    def _placed(self, sample: FeatureMatrix) -> _Bytes:
        m, d = self.X.shape
        directions = _leading(sample.astype(np.float64) - self._centre) if d <= _MOST_TURNED else None
        kept, slack, single = d, 0.0, None
        if directions is not None:
            kept, single = directions.shape[1], np.ascontiguousarray(directions.astype(np.float32))
            # What turning in float32 may change the length of a row's leading part by, relatively.
            slack = 1.01 * float(gamma(d + 4, np.float32)) * kept**0.5
        columns = -(-kept // 4) * 4
        placed, starts = np.zeros((m + POINTS, columns), np.int8), np.zeros(m + POINTS, np.int32)
        factors = np.zeros((m + POINTS, 4), np.float32)

        def work(start: int, stop: int) -> None:
            for first in range(start, stop, _PLACED):
                rows = slice(first, min(first + _PLACED, stop))
                block = self._block(rows)
                leading = block if single is None else block @ single
                _put(leading, self._squares[rows], slack, placed[rows], starts[rows], factors[rows])

        spread(work, m, least=_PLACED)
        return _Bytes(directions, placed, starts, factors)

    def _by_bytes(self, words: FeatureMatrix, labels: Indices, distances: Float64Array) -> int:
        assert self._bytes is not None
        directions, placed, starts, factors = self._bytes
        packed, terms = _packed(self._about_centre(words), directions, placed.shape[1])
        unit, counts = float(self._scale) ** 2, []

        def work(start: int, stop: int) -> None:
            counts.append(
                by_bytes(
                    placed, starts, factors, packed, terms, self.X, self._squares, unit, words,
                    labels, distances, start, stop,
                )
            )  # fmt: skip

        spread(work, len(self.X), least=_PLACED)
        return sum(counts)


def ordinary_scale(X: FeatureMatrix) -> np.float32:
    """Return the power of two that brings rows to a size whose squares are in float32; 1 for most."""
    peak = np.maximum(X.max(), -np.float64(X.min()))
    return np.float32(power_of_two(np.atleast_1d(peak))[0])


def _leading(sample: Float64Array) -> Float64Array | None:
    """Return the principal directions that hold most of the squares, as columns; None where most are needed."""
    d = sample.shape[1]
    values, vectors = np.linalg.eigh(sample.T @ sample)
    held = np.cumsum(values[::-1])
    kept = -(-int(np.searchsorted(held, _KEPT * held[-1]) + 1) // 4) * 4
    if not kept <= _WORTHWHILE * d:
        return None
    leading: Float64Array = vectors[:, ::-1][:, :kept]
    return leading


def _lengths(rows: Float64Array) -> Float64Array:
    lengths: Float64Array = np.sqrt(np.square(rows).sum(axis=1))
    return lengths


def _packed(words: Float64Array, directions: Float64Array | None, columns: int) -> tuple[AnyArray, AnyArray]:
    """Return words as bytes in tiles, and what their bounds are made of; as `by_bytes` wants them."""
    tile = LANES * REGISTERS
    n = -(-len(words) // tile) * tile
    leading = words if directions is None else words @ directions
    scale = (np.abs(leading).max(axis=1) / 127).astype(np.float32)
    levels = np.clip(np.rint(leading / np.where(scale > 0, scale, 1)[:, None]), -127, 127)
    lost = _lengths(leading - levels * scale.astype(np.float64)[:, None])
    squares, kept = np.square(words).sum(axis=1), np.square(leading).sum(axis=1)
    rest = np.zeros(len(words)) if directions is None else np.sqrt(np.maximum(squares - kept, 0))
    terms = np.zeros((5, n), np.float32)
    terms[0] = np.inf
    terms[:2, : len(words)] = squares / 2 * (1 - _ROUNDING), scale
    terms[2:, : len(words)] = (1 + _ROUNDING) * np.stack([np.sqrt(kept), lost, rest])
    padded = np.zeros((n, columns), np.uint8)
    padded[: len(words), : levels.shape[1]] = levels + 128
    tiles = padded.reshape(n // tile, REGISTERS, LANES, columns // 4, 4).transpose(0, 3, 1, 2, 4)
    return np.ascontiguousarray(tiles), terms
