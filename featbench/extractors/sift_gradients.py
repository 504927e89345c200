"""Where and how strongly an image changes, as SIFT sees it: smoothed first, differences of neighbours.

The image is taken to have been blurred by the camera, by a Gaussian of 0.5 pixels; it is smoothed to 1.6.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from featbench.numerics.threads import kernel
from featbench.types import ImageArray

__all__ = ["gradients"]

Planes: TypeAlias = NDArray[np.float32]

_SIGMA = np.sqrt(1.6**2 - 0.5**2)
_REACH = 6  # pixels to either side, four standard deviations
# arctan(q) for q in [0, 1] by odd powers, in units of 45°; OpenCV's fastAtan2 (mathfuncs_core.simd.hpp), good to
# 0.01°. Not our own, so that numbers are rounded as OpenCV rounds them.
_ARCTAN = np.array([0.9997878412794807, -0.3258083974640975, 0.1555786518463281, -0.04432655554792128])
_A1, _A3, _A5, _A7 = (_ARCTAN * 4 / np.pi).astype(np.float32)
_TINY = np.float32(np.finfo(np.float64).eps)
_ZERO, _TWO, _FOUR, _EIGHT = np.float32(0), np.float32(2), np.float32(4), np.float32(8)


def gradients(images: ImageArray) -> tuple[Planes, Planes]:
    """Return the gradients of smoothed images.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w)
        C-contiguous, at least three pixels high and wide.

    Returns
    -------
    magnitudes, angles : ndarray of float32, (n, h, w')
        Lengths, and directions in units of 45°, 0 to 8: 0 where the image grows brighter towards larger
        columns, 2 towards smaller rows. w' is w rounded up to a multiple of four. Both are 0 for the outermost
        pixels, which lack a neighbour, and beyond.
    """
    n, height, width = images.shape
    shape = (n, height, -(-width // 4) * 4)
    magnitudes, angles = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    images = images.view()
    images.flags.writeable = False  # of this view; numba would compile once more for read-only images
    _fill_gradients(images, _gaussian(), magnitudes, angles)
    return magnitudes, angles


@lru_cache(maxsize=1)
def _gaussian() -> Planes:
    """Return the weights of the centre and of the pixels to one side of it."""
    weights = np.exp(-0.5 * (np.arange(_REACH + 1) / _SIGMA) ** 2)
    shares: Planes = (weights / (2 * weights.sum() - weights[0])).astype(np.float32)
    return shares


@kernel
def _fill_gradients(images: Any, gaussian: Any, magnitudes: Any, angles: Any) -> None:
    n, height, width = images.shape
    across, smooth = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    line = np.empty(width + 2 * _REACH, np.float32)
    for i in range(n):
        _smooth(images[i], gaussian, line, across, smooth)
        _differences(smooth, magnitudes[i], angles[i])


@kernel
def _smooth(image: Any, gaussian: Any, line: Any, across: Any, smooth: Any) -> None:
    """Blur by a Gaussian along rows, then columns; the image is mirrored about its outermost pixels."""
    height, width = image.shape
    g0, g1, g2, g3 = gaussian[0], gaussian[1], gaussian[2], gaussian[3]
    g4, g5, g6 = gaussian[4], gaussian[5], gaussian[6]
    for y in range(height):
        for x in range(width):
            line[x + 6] = image[y, x]
        for k in range(1, 7):
            line[6 - k] = image[y, _mirrored(-k, width)]
            line[width + 5 + k] = image[y, _mirrored(width - 1 + k, width)]
        for x in range(width):
            total = g0 * line[x + 6] + g1 * (line[x + 5] + line[x + 7]) + g2 * (line[x + 4] + line[x + 8])
            total += g3 * (line[x + 3] + line[x + 9]) + g4 * (line[x + 2] + line[x + 10])
            across[y, x] = total + g5 * (line[x + 1] + line[x + 11]) + g6 * (line[x] + line[x + 12])
    for y in range(height):
        for x in range(width):
            smooth[y, x] = g0 * across[y, x]
        for k in range(1, 7):
            above, below, weight = _mirrored(y - k, height), _mirrored(y + k, height), gaussian[k]
            for x in range(width):
                smooth[y, x] += weight * (across[above, x] + across[below, x])


@kernel
def _mirrored(i: int, extent: int) -> int:
    while i < 0 or i >= extent:
        i = -i if i < 0 else 2 * extent - 2 - i
    return i


@kernel
def _differences(smooth: Any, magnitudes: Any, angles: Any) -> None:
    """Fill in lengths, and directions in units of 45°; pixels at the border keep their zeros."""
    height, width = smooth.shape
    for y in range(1, height - 1):
        above, row, below = smooth[y - 1], smooth[y], smooth[y + 1]
        for x in range(1, width - 1):
            dx, dy = row[x + 1] - row[x - 1], above[x] - below[x]
            ax, ay = abs(dx), abs(dy)
            # As a function: the operator looks for zeros and raises, which no wide register can.
            q = np.divide(min(ax, ay), max(ax, ay) + _TINY)
            q2 = q * q
            angle = (((_A7 * q2 + _A5) * q2 + _A3) * q2 + _A1) * q
            angle = _TWO - angle if ay > ax else angle
            angle = _FOUR - angle if dx < _ZERO else angle
            angles[y, x] = _EIGHT - angle if dy < _ZERO else angle
            magnitudes[y, x] = np.sqrt(dx * dx + dy * dy)
