"""What histograms of oriented gradients cannot do without, operation by operation of their definitions."""

from __future__ import annotations

import math

from featbench.base import Cost

__all__ = ["cs231n_cost", "dalal_cost", "uoctti_cost"]


def dalal_cost(
    n: int, shape: tuple[int, ...], orientations: int, cell: int, block: int, block_norm: str, gamma: str
) -> Cost:
    """Return the cost of ``dalal`` for n images of `shape`; the other parameters are those of `HOG`."""
    rows, cols, pixels, channels = _measures(shape, cell)
    # A difference along rows and one along columns, and the square of their length, in each channel; the largest of
    # the channels, its root, and a vote. Square roots of the levels come first where there are any.
    a_pixel = 2 * channels + 3 * channels + (channels - 1) + 1 + 1 + (channels if gamma == "sqrt" else 0)
    mean = orientations  # a cell's
    blocks, size = (rows - block + 1) * (cols - block + 1), block * block * orientations
    # A cell's sum, of squares where the norm is Euclidean, serves all blocks that the cell belongs to.
    mass = orientations - 1 if block_norm.startswith("l1") else 2 * orientations - 1
    # The sum over its cells, what keeps it above zero, a division, and a factor for each number.
    a_block = block * block - 1 + 1 + 1 + size
    if block_norm.startswith("l2"):
        a_block += 1  # a root
    if block_norm == "l1-sqrt":
        a_block += size
    if block_norm == "l2-hys":  # a limit for each number, its square, their sum, and once more as above
        a_block += size + size + (size - 1) + 1 + 1 + 1 + size
    operations = pixels * a_pixel + rows * cols * (mean + mass) + blocks * a_block
    return _of_images(n, shape, operations, blocks * size)


def cs231n_cost(n: int, shape: tuple[int, ...], orientations: int, cell: int) -> Cost:
    """Return the cost of ``cs231n``."""
    rows, cols, pixels, channels = _measures(shape, cell)
    luma = 5 if channels == 3 else 1
    # Two differences, the length, which side of each edge between two bins, a vote.
    a_pixel = luma + 2 + 4 + 2 * (orientations - 1) + 1
    length = rows * cols * orientations
    return _of_images(n, shape, pixels * a_pixel + length, length)


def uoctti_cost(n: int, shape: tuple[int, ...], orientations: int, cell: int) -> Cost:
    """Return the cost of ``uoctti``."""
    rows, cols, pixels, channels = _measures(shape, cell)
    # As `dalal_cost`, but for the vote, which four cells share: two factors and a sum each.
    a_pixel = 2 * channels + 3 * channels + (channels - 1) + 1 + 4 * 3
    energy = 3 * orientations
    scales = 4 * (3 + 1 + 2)  # the sum over four cells, what keeps it above zero, one over its root
    directions = 2 * orientations * (4 * (1 + 1 + 1 + 2) + 1)  # scaled, limited, summed twice, halved
    undirected = orientations * (1 + 4 * 3 + 1)
    a_cell = energy + scales + directions + undirected
    operations = pixels * a_pixel + rows * cols * a_cell
    return _of_images(n, shape, operations, rows * cols * (3 * orientations + 4))


def _measures(shape: tuple[int, ...], cell: int) -> tuple[int, int, int, int]:
    """Return rows and columns of whole cells, the pixels that lie in them, and channels."""
    rows, cols = shape[0] // cell, shape[1] // cell
    return rows, cols, rows * cols * cell * cell, shape[2] if len(shape) == 3 else 1


def _of_images(n: int, shape: tuple[int, ...], operations: int, length: int) -> Cost:
    return Cost(float(n) * operations, float(n) * (math.prod(shape) + 4 * length))
