"""Rows that begin and end where registers do."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.numerics.processor import REGISTER_BYTES
from featbench.types import AnyArray

__all__ = ["aligned", "row_bytes"]


def row_bytes(n_bytes: int) -> int:
    """Round the bytes of a row up to whole registers."""
    return -(-n_bytes // REGISTER_BYTES) * REGISTER_BYTES


def aligned(shape: tuple[int, int], dtype: Any, *, apart: bool = False) -> AnyArray:
    """Return zeros whose rows begin and end where registers do.

    Parameters
    ----------
    shape : (int, int)
        Rows, and columns that are wanted.
    dtype : dtype
    apart : bool, optional
        Leave a gap after each row, so that rows whose length is a power of two do not fall on the same
        lines of a cache.

    Returns
    -------
    ndarray, (n, at least d)
        Contiguous, unless rows are apart.
    """
    size = np.dtype(dtype).itemsize
    width = row_bytes(shape[1] * size)
    memory = np.zeros(shape[0] * (width + 64 * apart) + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    rows = memory[start : start + shape[0] * (width + 64 * apart)].reshape(shape[0], width + 64 * apart)
    return rows[:, :width].view(dtype)
