"""The weights of a SIFT descriptor's parts along one axis: triangles under a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from featbench.types import Indices

__all__ = ["PARTS", "Windows", "windows"]

PARTS = 4  # along an axis
_PART_WIDTH = 1.5  # of a part, in keypoint sizes


@dataclass(frozen=True, eq=False)
class Windows:
    """The weights of a descriptor's four parts along one axis, for several sizes.

    Attributes
    ----------
    starts : ndarray of int64, (sizes, 4)
        Where each part begins, in pixels from the keypoint.
    counts : ndarray of int64, (sizes,)
        Pixels of the longest part.
    weights : ndarray of float32, (sizes, longest, 4)
        By pixel from the start and part; zero beyond a part's end.
    margin : int
        Pixels that parts reach from a keypoint, at the most.
    """

    starts: Indices
    counts: Indices
    weights: NDArray[np.float32]
    margin: int


@lru_cache(maxsize=16)
def windows(sizes: tuple[float, ...]) -> Windows:
    """Return the weights for keypoints of some sizes, diameters in pixels."""
    widths = _PART_WIDTH * np.asarray(sizes)[:, None]
    centres = widths * (np.arange(PARTS) - 1.5)
    starts = np.floor(centres - widths).astype(np.int64) + 1
    counts = (np.ceil(centres + widths).astype(np.int64) - starts).max(axis=1)
    offsets = (starts[:, None, :] + np.arange(counts.max())[None, :, None]) / widths[:, :, None]
    triangles = np.maximum(0, 1 - np.abs(offsets - (np.arange(PARTS) - 1.5)))
    weights = (triangles * np.exp(-(offsets**2) / 8)).astype(np.float32)
    margin = int(max(-starts.min(), (starts + counts[:, None]).max()))
    return Windows(starts, counts, weights, margin)
