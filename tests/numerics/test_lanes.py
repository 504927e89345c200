"""Sums in lanes have the bits of NumPy's additions in the same order; bits of pairs are those of comparisons."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from featbench.numerics import lanes

TERMS = {
    "l2": lambda a, b: (a - b) ** 2,
    "l1": lambda a, b: abs(a - b),
    "product": lambda a, b: a * b,
    "square": lambda a, b: b * b,
    "chi2": lambda a, b: np.where(a + b > 0, (a - b) ** 2 / np.where(a + b > 0, a + b, 1), 0),
}
DTYPES = (np.uint8, np.float32, np.float64)


def called(intrinsic, n):
    """A compiled function of n arguments that calls an intrinsic."""
    names = ", ".join("abcde"[:n])
    return numba.njit(eval(f"lambda {names}: intrinsic({names})", {"intrinsic": intrinsic}))


@pytest.mark.parametrize("name", sorted(TERMS))
def test_sums_in_their_order(name, rng):
    function = called(getattr(lanes, f"{name}_sum"), 4)
    for dtype in DTYPES:
        for n in (0, 1, 15, 16, 17, 100):
            a = np.where(rng.random(n) < 0.2, 0, rng.random(n) * 255)
            b = np.where(rng.random(n) < 0.5, 0, rng.random(n) * 255).astype(dtype)
            terms = TERMS[name](a, b.astype(float) * 0.5 * 0.3)
            whole = n - n % 16
            sums = np.zeros(16)
            for start in range(0, whole, 16):
                sums = sums + terms[start : start + 16]
            while len(sums) > 1:
                sums = sums[::2] + sums[1::2]
            total = sums[0]
            for term in terms[whole:]:
                total += term
            assert function(a, b, 0.5, 0.3) == total


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_near(dtype, rng):
    function = called(lanes.near, 5)
    ends = rng.integers(-20, 20, 200).astype(float)
    sums = rng.integers(-20, 20, 200).astype(dtype)
    ends[90], ends[91] = np.inf, np.nan
    for start in (0, 40, 200 - lanes.NEAR):
        those = slice(start, start + lanes.NEAR)
        within = ends[those] - 2.0 * sums[those] <= 5.0
        bits = int(function(ends, sums, start, -2.0, 5.0))
        assert [bool(bits >> t & 1) for t in range(lanes.NEAR)] == within.tolist()
