"""What a word looks like: normalisation undone where that can be, otherwise the mean of the patches it stands for."""

from __future__ import annotations

import numpy as np

from featbench.base import FeatureMap
from featbench.maps import L2, PCA, Contrast, Whiten
from featbench.types import Float64Array, ImageArray, Indices
from featbench.words.building import Parts
from featbench.words.cutting import cut
from featbench.words.patch import Patch
from featbench.words.places import Places

__all__ = ["mean_patches", "undone"]

_SIDE = 16  # pixels of a mean patch


def undone(parts: Parts, channels: int) -> ImageArray | None:
    """Return the words as patches of pixels, or None where a descriptor or a map cannot be undone.

    Parameters
    ----------
    parts : Parts
        Fitted.
    channels : int
        Of the images, 1 or 3.

    Returns
    -------
    ndarray of uint8, (words, side, side, channels), or None
        Where brightness and contrast were set aside, mid-grey is the mean, and each word's largest deviation is
        drawn as black or white.
    """
    known = all(isinstance(step, (Contrast, L2, PCA, Whiten)) for step in parts.normalization)
    if not isinstance(parts.descriptor, Patch) or not known:
        return None
    rows = np.asarray(parts.codebook.words_, dtype=np.float64)
    for step in reversed(parts.normalization):
        rows = _undo(step, rows)
    side = int(parts.descriptor.size or 1)
    if any(isinstance(step, (Contrast, L2)) for step in parts.normalization):
        largest = np.abs(rows).max(axis=1, keepdims=True)
        rows = 127.5 + 127.5 * rows / np.where(largest > 0, largest, 1)
    pixels: ImageArray = np.clip(np.rint(rows), 0, 255).astype(np.uint8).reshape(-1, side, side, channels)
    return pixels


def _undo(step: FeatureMap, rows: Float64Array) -> Float64Array:
    """Return rows that a map takes to these, as near as can be; lengths are not restored."""
    if isinstance(step, (PCA, Whiten)):
        back: Float64Array = rows @ np.linalg.pinv(step.projection_) + step.mean_
        return back
    return rows


def mean_patches(
    images: ImageArray, places: Places, nearest: Indices, n_words: int
) -> tuple[ImageArray, Indices]:
    """Return the mean of the patches of each word, and how many there are.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
    places : Places
    nearest : ndarray of int64, (m,)
        The word of each patch.
    n_words : int

    Returns
    -------
    patches : ndarray of uint8, (n_words, 16, 16, channels)
        Mid-grey for a word without patches.
    counts : ndarray of int64, (n_words,)
    """
    channels = images.shape[3] if images.ndim == 4 else 1
    sums = np.zeros((n_words, _SIDE * _SIDE * channels))
    for i in range(len(images)):
        own = places.of_images(i, i + 1)
        patches = cut(images[i : i + 1], own, _SIDE).reshape(len(own.positions), -1)
        np.add.at(sums, nearest[places.offsets[i] : places.offsets[i + 1]], patches)
    counts: Indices = np.bincount(nearest, minlength=n_words)
    means = sums / np.maximum(counts, 1)[:, None]
    means[counts == 0] = 127.5
    return np.rint(means).astype(np.uint8).reshape(n_words, _SIDE, _SIDE, channels), counts
