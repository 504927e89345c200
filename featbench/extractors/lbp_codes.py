"""Local binary patterns: which of a pixel's neighbours are at least as bright as it is.

The neighbours lie on a circle, evenly spaced; bit i belongs to the angle i · 360° / points, counted from
rising columns towards falling rows. Between pixels, values are interpolated bilinearly, in float64 and in
scikit-image's own order: in flat regions an interpolated value may fall below the pixel by its last bit, and
equal patterns need equal last bits. Beyond the border the image is black.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featbench.numerics.threads import kernel
from featbench.types import AnyArray, Float64Array, ImageArray, Indices

__all__ = ["Circle", "label_table", "labels_of", "n_labels"]


class Circle:
    """The neighbours of every pixel of images of one size.

    Parameters
    ----------
    points : int
        Neighbours, at most 24.
    radius : float
        Of the circle, in pixels.
    height, width : int
        Of the images.

    Attributes
    ----------
    rows, cols : ndarray of int64, (points,)
        The pixel above and left of each neighbour, counted from the centre.
    down, across : ndarray of float64, (points, height) and (points, width)
        How far each neighbour lies from there, in pixels, 0 to 1.
    margin : int
        Pixels around the image that neighbours reach.
    n_between : int
        Neighbours that lie between pixels.
    """

    def __init__(self, points: int, radius: float, height: int, width: int) -> None:
        angles = 2 * np.pi * np.arange(points, dtype=np.float64) / points
        # scikit-image's five digits.
        self.rows, self.down = _split(np.round(-radius * np.sin(angles), 5), height)
        self.cols, self.across = _split(np.round(radius * np.cos(angles), 5), width)
        self.margin = int(np.ceil(radius)) + 1
        self.n_between = int(np.count_nonzero((self.down[:, 0] != 0) | (self.across[:, 0] != 0)))


def _split(offsets: Float64Array, extent: int) -> tuple[Indices, Float64Array]:
    """Return whole and broken part of offsets; the latter with the rounding that each position gives it."""
    positions = np.arange(extent, dtype=np.float64) + offsets[:, None]
    return np.floor(offsets).astype(np.int64), positions - np.floor(positions)


def n_labels(points: int, method: str) -> int:
    """Return how many different labels patterns of `points` bits have."""
    if method == "uniform":
        return points + 2
    if method == "nri_uniform":
        return points * (points - 1) + 3
    return int(label_table(points, method).max()) + 1


@lru_cache(maxsize=8)
def label_table(points: int, method: str) -> AnyArray:
    """Return the label of every pattern, ``(2 ** points,)``.

    ``uniform``: a pattern of at most one run of ones gets their number, any other ``points + 1``.
    ``nri_uniform``: such a pattern gets a label for number and place of its ones. ``ror``: the rank of the
    smallest number that the pattern's rotations are.
    """
    if method == "ror":
        patterns = np.arange(1 << points)
        smallest = patterns.copy()
        for _ in range(points - 1):
            patterns = (patterns >> 1) | ((patterns & 1) << (points - 1))
            np.minimum(smallest, patterns, out=smallest)
        return np.unique(smallest, return_inverse=True)[1].astype(np.uint16)
    table = np.empty(1 << points, dtype=np.uint16)
    _fill_table(points, method == "uniform", table)
    return table


def labels_of(images: ImageArray, circle: Circle, table: AnyArray) -> NDArray[np.uint16]:
    """Return the label of every pixel, ``(n, h, w)``, of grey images that are C-contiguous."""
    labels = np.empty(images.shape, dtype=np.uint16)
    images = images.view()
    images.flags.writeable = False  # of this view; numba would compile once more for read-only images
    _labels(images, circle.rows, circle.cols, circle.down, circle.across, circle.margin, table, labels)
    return labels


@kernel
def _fill_table(points: int, rotation_invariant: bool, table: Any) -> None:
    for pattern in range(table.shape[0]):
        ones, changes, first_one, first_zero = 0, 0, -1, -1
        for i in range(points):
            bit = pattern >> i & 1
            changes += bit != (pattern >> ((i + 1) % points) & 1)
            ones += bit
            if bit and first_one < 0:
                first_one = i
            if not bit and first_zero < 0:
                first_zero = i
        if rotation_invariant:
            table[pattern] = ones if changes <= 2 else points + 1
        elif changes > 2:
            table[pattern] = points * (points - 1) + 2
        elif ones == 0 or ones == points:
            table[pattern] = 0 if ones == 0 else points * (points - 1) + 1
        else:
            turn = ones - first_zero if first_one == 0 else points - first_one
            table[pattern] = 1 + (ones - 1) * points + turn


@kernel
def _labels(
    images: Any, rows: Any, cols: Any, down: Any, across: Any, margin: int, table: Any, labels: Any
) -> None:
    n, height, width = images.shape
    padded = np.zeros((height + 2 * margin, width + 2 * margin), np.float64)
    # Patterns are summed up as floats, exactly: bits as wide as the values compared keep the loops wide.
    patterns = np.empty(width, np.float64)
    for i in range(n):
        padded[margin : margin + height, margin : margin + width] = images[i]
        for y in range(height):
            centre = padded[margin + y, margin : margin + width]
            patterns[:] = 0
            for p in range(rows.shape[0]):
                above = padded[margin + y + rows[p], margin + cols[p] :]
                below = padded[margin + y + rows[p] + 1, margin + cols[p] :]
                if down[p, y] == 0 and across[p, 0] == 0:
                    _compare(above, centre, float(1 << p), patterns)
                else:
                    _interpolate(above, below, down[p, y], across[p], centre, float(1 << p), patterns)
            for x in range(width):
                labels[i, y, x] = table[int(patterns[x])]


@kernel
def _compare(neighbours: Any, centre: Any, bit: float, patterns: Any) -> None:
    for x in range(patterns.shape[0]):
        patterns[x] += bit if neighbours[x] >= centre[x] else 0.0


@kernel
def _interpolate(
    above: Any, below: Any, down: float, across: Any, centre: Any, bit: float, patterns: Any
) -> None:
    for x in range(patterns.shape[0]):
        right = across[x]
        top = (1 - right) * above[x] + right * above[x + 1]
        bottom = (1 - right) * below[x] + right * below[x + 1]
        patterns[x] += bit if (1 - down) * top + down * bottom >= centre[x] else 0.0
