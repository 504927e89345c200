"""What a bag of visual words learns from: descriptors drawn from random places of random training images."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.images import ImageBatch, ImageSource, image_shape
from featbench.numerics.blas import serial_blas
from featbench.numerics.threads import spread
from featbench.types import FeatureMatrix, ImageArray, Indices
from featbench.words.coding import chunk_size, descriptors
from featbench.words.parts import Descriptor, Sampling
from featbench.words.places import Places

__all__ = ["sampled_descriptors", "some_images"]

_BLOCK_BYTES = 64 << 20  # pixels that are read at once
_FEW = 8  # a descriptor of whole grids costs so much less than that of single places


def sampled_descriptors(
    images: ImageBatch | list[ImageArray],
    sampling: Sampling,
    descriptor: Descriptor,
    samples: int,
    random_state: int,
) -> FeatureMatrix:
    """Draw descriptors at random places of random images, about as many of each image.

    Parameters
    ----------
    images : ndarray of uint8, list of ndarray, or ImageSource
        Read in blocks; no more of them than needed.
    sampling : Sampling
    descriptor : Descriptor
    samples : int
        How many; fewer where the images have no more. Where they have not the same number each, those with few
        are not made up for by others.
    random_state : int
        Seed.

    Returns
    -------
    ndarray of float32, (m, D)
        At most `samples` rows, image by image, those of one size together. Beside them lies one block of images.

    Raises
    ------
    InputError
        No image has a patch.
    """
    n = len(images)
    quota = -(-samples // max(n, 1))
    rng = np.random.default_rng(random_state)
    chosen = np.sort(rng.permutation(n)[: -(-samples // quota)])
    rows, filled = np.empty((0, 0), dtype=np.float32), 0
    for positions, block in _blocks(images, chosen):
        for drawn in _drawn(block, positions, sampling, descriptor, quota, random_state):
            if not rows.size:  # pages that are never written take no memory
                rows = np.empty((samples, drawn.shape[1]), dtype=np.float32)
            kept = drawn[: samples - filled]
            rows[filled : filled + len(kept)] = kept
            filled += len(kept)
    if not filled:
        remedy = "Take others, or the sampling dense, which needs no keypoints."
        got = Shown(f"none in {n:,} images")
        raise InputError(must_be("BagOfVisualWords", "patches to learn from", "one or more", got, remedy))
    return rows[:filled]


def _blocks(images: ImageBatch | list[ImageArray], chosen: Indices) -> Iterator[tuple[Indices, ImageArray]]:
    """Yield images of one size, with their positions, at most 64 MB of them."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for i in chosen.tolist():
        shape = images[i].shape if isinstance(images, list) else image_shape(images)
        by_shape.setdefault(shape, []).append(i)
    for shape, members in by_shape.items():
        size = max(1, _BLOCK_BYTES // math.prod(shape))
        for start in range(0, len(members), size):
            positions = np.array(members[start : start + size], dtype=np.int64)
            yield positions, _read(images, positions)


def _read(images: ImageBatch | list[ImageArray], positions: Indices) -> ImageArray:
    if isinstance(images, list):
        return np.stack([images[i] for i in positions])
    return images.read(positions) if isinstance(images, ImageSource) else images[positions]


def _drawn(
    images: ImageArray,
    positions: Indices,
    sampling: Sampling,
    descriptor: Descriptor,
    quota: int,
    random_state: int,
) -> list[FeatureMatrix]:
    """Return the drawn descriptors of each chunk of a block."""
    size = chunk_size(images.shape[1:])
    n_chunks = -(-len(images) // size)
    found: list[FeatureMatrix] = [np.empty((0, 0), dtype=np.float32)] * n_chunks

    def work(start: int, stop: int) -> None:
        for chunk in range(start, stop):
            part = images[chunk * size : (chunk + 1) * size]
            rng = np.random.default_rng([random_state, int(positions[chunk * size])])
            places = sampling.places(part, random_state)
            kept = _drawn_places(places, quota, rng)
            if len(kept) and places.grids is not None and len(kept) * _FEW > len(places.positions):
                found[chunk] = descriptors(part, places, descriptor)[kept]
            elif len(kept):
                found[chunk] = descriptors(part, _at(places, kept), descriptor)

    with serial_blas():
        spread(work, n_chunks)
    return [rows for rows in found if len(rows)]


def _drawn_places(places: Places, quota: int, rng: np.random.Generator) -> Indices:
    """Return which places are kept: at most `quota` of each image, drawn at random, in their order."""
    counts = np.diff(places.offsets)
    drawn = [np.sort(rng.permutation(count)[:quota]) for count in counts]
    kept: Indices = np.concatenate([a + b for a, b in zip(places.offsets, drawn, strict=False)])
    return kept


def _at(places: Places, kept: Indices) -> Places:
    """Return some of the places, in ascending order, as places of the same images."""
    return Places(
        positions=np.ascontiguousarray(places.positions[kept]),
        sizes=places.sizes[kept],
        angles=places.angles[kept],
        offsets=np.searchsorted(kept, places.offsets).astype(np.int64),
        grids=places.grids if len(kept) == len(places.positions) else None,
    )


def some_images(images: ImageBatch | list[ImageArray], most: int) -> Iterator[ImageArray]:
    """Yield blocks of all images, or of `most` of them, evenly spaced in their order."""
    chosen = np.unique(np.linspace(0, len(images) - 1, min(most, len(images))).astype(np.int64))
    for _, block in _blocks(images, chosen):
        yield block
