"""Distances of bytes are exact, by wide instructions and without them."""

from __future__ import annotations

import numpy as np
import pytest
from intervals import ends

from featbench.numerics import distances, wide
from featbench.numerics.distances import Bytes, byte_moments, gamma

WIDE = wide.KINDS
PSADBW = WIDE - {"min8", "dot8"}  # as where the processor does not multiply bytes


@pytest.mark.parametrize("kinds", [WIDE, PSADBW, frozenset()], ids=["wide", "psadbw", "portable"])
@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("d", [1, 64, 2100])
def test_uint8_intervals_are_points(kinds, metric, d, rng, monkeypatch):
    monkeypatch.setattr(wide, "KINDS", kinds)
    X, Q = (rng.integers(0, 256, (n, d), dtype=np.uint8) for n in (40, 5))
    X[0], Q[0], X[1], Q[1] = 0, 255, 255, 0
    low, high = ends(Bytes(metric, X), Q)
    differences = Q.astype(np.int64)[:, None] - X.astype(np.int64)
    expected = np.abs(differences).sum(-1) if metric == "l1" else (differences**2).sum(-1)
    np.testing.assert_array_equal(low, expected)
    np.testing.assert_array_equal(high, expected)


@pytest.mark.parametrize("m", [1, 8, 9])
def test_few_queries_without_wide_instructions(m, rng, monkeypatch):
    """Products of a few queries are summed by a kernel, in pieces; of more by BLAS."""
    monkeypatch.setattr(wide, "KINDS", frozenset())
    X, Q = (rng.integers(0, 256, (n, 40_000), dtype=np.uint8) for n in (3, m))
    X[0], Q[0] = 255, 0
    low, _ = ends(Bytes("l2", X), Q)
    expected = [[((x.astype(np.int64) - q) ** 2).sum() for x in X] for q in Q.astype(np.int64)]
    assert low.tolist() == expected


def test_rows_too_long_for_32_bits_take_the_other_path(rng):
    """255 · 128 · d passes 2³¹ here; all 255 against all 0 is the worst case."""
    d = wide.MOST_DOT8_COLUMNS + 1
    X = np.full((2, d), 255, dtype=np.uint8)
    X[1] = 128
    measure = Bytes("l2", X)
    assert not measure.wide
    low, high = ends(measure, np.zeros((1, d), dtype=np.uint8))
    assert low.tolist() == high.tolist() == [[255**2 * d, 128**2 * d]]


def test_moments_of_bytes(rng):
    rows = rng.integers(0, 256, (3, 70_000), dtype=np.uint8)
    rows[0] = 255
    sums, squares = byte_moments(rows)
    assert sums.tolist() == rows.sum(axis=1, dtype=np.int64).tolist()
    assert squares.tolist() == (rows.astype(np.int64) ** 2).sum(axis=1).tolist()


def test_gamma_says_nothing_where_everything_may_be_lost():
    assert gamma(10, np.float32) == pytest.approx(10 * 2.0**-24, rel=1e-5)
    assert gamma(2**24, np.float32) == np.inf


def test_long_products_come_in_pieces(monkeypatch, rng):
    monkeypatch.setattr(distances, "PRODUCT_COLUMNS", 7)
    X, Q = (rng.integers(0, 9, (n, 30)).astype(np.float32) for n in (6, 4))
    out = np.empty((4, 6), dtype=np.float32)
    distances._portable_sums("dot", Q, X, out)
    np.testing.assert_array_equal(out, Q @ X.T)
