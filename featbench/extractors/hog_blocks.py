"""Blocks of cells brought to a common norm, the last stage of Dalal and Triggs' descriptor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featbench.numerics.threads import kernel
from featbench.types import FeatureMatrix

__all__ = ["BLOCK_NORMS", "normalize_blocks"]

BLOCK_NORMS = ("l1", "l1-sqrt", "l2", "l2-hys")

_EPSILON = 1e-5  # keeps a block without gradients at zero; scikit-image's value
_CLIP = 0.2  # of L2-Hys: no single bin may dominate a block


def normalize_blocks(
    cells: NDArray[np.float32], block: int, block_norm: str, features: FeatureMatrix
) -> None:
    """Write every `block` × `block` cells together, one cell apart, scaled to a common norm.

    Parameters
    ----------
    cells : ndarray of float32, (n, rows, cols, orientations)
        Non-negative histograms.
    block : int
        Cells a block side.
    block_norm : str
        One of `BLOCK_NORMS`.
    features : ndarray of float32, (n, (rows - block + 1) * (cols - block + 1) * block * block * orientations)
        Where to write, ordered block row, block column, cell row, cell column, orientation.
    """
    _normalize(cells, block, BLOCK_NORMS.index(block_norm), features)


@kernel
def _normalize(cells: Any, block: int, norm: int, features: Any) -> None:
    n, rows, cols, orientations = cells.shape
    mass = np.empty((rows, cols), np.float32)
    for i in range(n):
        _weigh(cells[i], norm, mass)
        _blocks(cells[i].reshape(rows, cols * orientations), mass, orientations, block, norm, features[i])


@kernel
def _weigh(cells: Any, norm: int, mass: Any) -> None:
    """Sum each cell's values (L1) or their squares (L2), once for all the blocks that it belongs to."""
    for r in range(cells.shape[0]):
        for c in range(cells.shape[1]):
            total = np.float32(0)
            for v in cells[r, c]:
                total += v if norm < 2 else v * v
            mass[r, c] = total


@kernel
def _blocks(cells: Any, mass: Any, orientations: int, block: int, norm: int, features: Any) -> None:
    """Stage 4: each block's cells, scaled to the norm at index `norm` of `BLOCK_NORMS`, to their places."""
    side, size = block * orientations, block * block * orientations
    at = 0
    for r in range(mass.shape[0] - block + 1):
        for c in range(mass.shape[1] - block + 1):
            total = mass[r : r + block, c : c + block].sum()
            if norm < 2:
                factor = np.float32(1) / (total + np.float32(_EPSILON))
            else:
                factor = np.float32(1) / np.sqrt(total + np.float32(_EPSILON * _EPSILON))
            values = features[at : at + size]
            for i in range(block):
                source = cells[r + i, c * orientations : c * orientations + side]
                target = values[i * side : (i + 1) * side]
                for j in range(side):
                    target[j] = source[j] * factor
            if norm == 1:
                for j in range(size):
                    values[j] = np.sqrt(values[j])
            if norm == 3:
                _clip(values)
            at += size


@kernel
def _clip(values: Any) -> None:
    """Limit the values of one block and bring it to unit length again."""
    total = np.float32(0)
    for j in range(values.shape[0]):
        v = values[j]
        v = v if v < np.float32(_CLIP) else np.float32(_CLIP)
        values[j] = v
        total += v * v
    factor = np.float32(1) / np.sqrt(total + np.float32(_EPSILON * _EPSILON))
    for j in range(values.shape[0]):
        values[j] *= factor
