"""From images to rows: places, descriptors, codes, cells, an image after another in chunks."""

from __future__ import annotations

import numpy as np

from featbench.base import FeatureMap
from featbench.errors import InputError, Shown, must_be
from featbench.numerics.blas import serial_blas
from featbench.numerics.threads import spread
from featbench.types import AnyArray, FeatureMatrix, ImageArray, Indices
from featbench.words.building import Parts
from featbench.words.mirror import folded
from featbench.words.parts import Descriptor
from featbench.words.places import Places

__all__ = ["CHUNK_PIXELS", "chunk_size", "code", "descriptors", "in_cells", "normalized"]

# Pixels of the images that one thread works on at a time: at one patch a pixel, rows enough for a matrix product
# to run at speed, and few enough that they stay in the cache.
CHUNK_PIXELS = 2**13


def chunk_size(shape: tuple[int, ...]) -> int:
    """Return how many images of `shape` are worked on at a time; nothing else decides it."""
    return max(1, CHUNK_PIXELS // (shape[0] * shape[1]))


def code(images: ImageArray, parts: Parts, n_out: int, random_state: int) -> tuple[FeatureMatrix, int]:
    """Write images in words.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        One or more.
    parts : Parts
        Fitted.
    n_out : int
        Length of a row.
    random_state : int
        Seed of the sampling.

    Returns
    -------
    rows : ndarray of float32, (n, n_out)
        Zeros for an image without a patch.
    n_empty : int
        How many such there are.
    """
    size = chunk_size(images.shape[1:])
    rows = np.empty((len(images), n_out), dtype=np.float32)
    empty = np.zeros(len(images), dtype=bool)

    def work(start: int, stop: int) -> None:
        for first in range(start * size, min(stop * size, len(images)), size):
            chunk = slice(first, min(first + size, len(images)))
            empty[chunk] = _code_chunk(images[chunk], parts, random_state, rows[chunk])

    with serial_blas():
        spread(work, -(-len(images) // size))
    return rows, int(empty.sum())


def _code_chunk(images: ImageArray, parts: Parts, random_state: int, out: FeatureMatrix) -> AnyArray:
    """Fill rows of a chunk; return which images have no patch."""
    n, n_atoms = len(images), parts.pooling.n_atoms
    places = parts.sampling.places(images, random_state)
    per_image = np.diff(places.offsets)
    nothing: AnyArray = per_image == 0
    if not len(places.positions):
        out[:] = 0
        return nothing
    X = normalized(descriptors(images, places, parts.descriptor), parts.normalization)
    atoms = parts.pooling.atoms(places.positions, images.shape[1:])
    cells = np.repeat(np.arange(n, dtype=np.int64) * n_atoms, per_image) + atoms
    with np.errstate(over="ignore", invalid="ignore"):
        pooled = parts.encoding.pooled(X, cells, n * n_atoms, parts.codebook, parts.pooling.reduction)
    _check_finite(
        pooled, type(parts.encoding).__name__, "codes", "Bring descriptors to length 1, by the map l2."
    )
    counts = np.bincount(cells, minlength=n * n_atoms).reshape(n, n_atoms)
    rows = in_cells(pooled.reshape(n, n_atoms, -1), counts, parts)
    out[:] = normalized(rows, parts.final)
    out[nothing] = 0
    return nothing


def in_cells(pooled: FeatureMatrix, counts: Indices, parts: Parts) -> FeatureMatrix:
    """Return the rows of images, before the final maps, of what their atoms have.

    Parameters
    ----------
    pooled : ndarray of float32, (n, n_atoms, L)
    counts : ndarray of int64, (n, n_atoms)
        How many codes each atom has.
    parts : Parts
        Fitted.

    Returns
    -------
    ndarray of float32, (n, n_cells · L), or half as long where words are mirrored
    """
    cells = parts.pooling.combine(pooled, counts)
    if parts.mirrored:
        cells = folded(cells, parts.pooling, len(parts.codebook.words_))
    return cells.reshape(len(cells), -1)


def descriptors(images: ImageArray, places: Places, descriptor: Descriptor) -> FeatureMatrix:
    """Return the descriptors of patches, or say that they are not what a descriptor promises."""
    X = descriptor.describe(images, places)
    name = type(descriptor).__name__
    expected = (len(places.positions), descriptor.length(images.shape[3] if images.ndim == 4 else 1))
    if X.shape != expected or X.dtype != np.float32:
        got = Shown(f"{X.dtype} {X.shape}")
        raise InputError(must_be(name, "descriptors", f"float32 of shape {expected}", got))
    _check_finite(X, name, "descriptors", "Mend the descriptor.")
    return X


def normalized(rows: FeatureMatrix, maps: list[FeatureMap]) -> FeatureMatrix:
    """Take rows through fitted maps, in this thread."""
    for step in maps:
        step._admit(rows)
        with np.errstate(over="ignore", invalid="ignore"):
            rows = np.ascontiguousarray(step._map(rows), dtype=np.float32)
        _check_finite(rows, type(step).__name__, "what it makes of rows", "Put the map l2 before it.")
    return rows


def _check_finite(rows: FeatureMatrix, where: str, what: str, remedy: str) -> None:
    if not np.isfinite(rows).all():
        got = Shown(f"{int((~np.isfinite(rows)).sum())} values that are not")
        raise InputError(must_be(where, what, "finite", got, remedy))
