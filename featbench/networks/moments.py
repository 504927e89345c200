"""What pixels are normalised by."""

from __future__ import annotations

import numpy as np

from featbench.types import AnyArray, ImageArray

__all__ = ["moments_of"]

_LEVELS = np.arange(256)
_AT_ONCE = 1024  # images, since counting takes eight bytes a pixel


def moments_of(images: ImageArray) -> tuple[AnyArray, AnyArray]:
    """Return each channel's mean and standard deviation, float32 ``(c,)``; a deviation of 0 becomes 1.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, c)

    Notes
    -----
    The sums are of whole numbers, exact in any order.
    """
    counts = np.zeros((images.shape[3], 256), dtype=np.int64)
    for first in range(0, len(images), _AT_ONCE):
        block = images[first : first + _AT_ONCE]
        counts += [np.bincount(block[..., c].ravel(), minlength=256) for c in range(len(counts))]
    n = max(1, images[..., 0].size)
    mean = np.array([int(count @ _LEVELS) for count in counts]) / n
    square = np.array([int(count @ _LEVELS**2) for count in counts]) / n
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    deviation[deviation == 0] = 1
    return mean.astype(np.float32), deviation.astype(np.float32)
