"""Rows that fill whole registers."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.numerics.processor import REGISTER_BYTES
from featbench.numerics.registers import aligned, row_bytes

pytestmark = pytest.mark.skipif(not REGISTER_BYTES, reason="this processor has no wide registers")


@pytest.mark.parametrize("apart", [False, True])
def test_aligned_rows_are_zeros_that_end_with_registers(apart):
    made = aligned((5, 70), np.float32, apart=apart)
    assert made.shape == (5, row_bytes(4 * 70) // 4)
    assert not made.any()
    assert made.ctypes.data % 64 == 0
    assert made.strides[0] == row_bytes(4 * 70) + 64 * apart


def test_bytes_are_rounded_up_to_registers():
    assert [row_bytes(n) for n in (0, 1, REGISTER_BYTES, REGISTER_BYTES + 1)] == [
        REGISTER_BYTES * n for n in (0, 1, 1, 2)
    ]
