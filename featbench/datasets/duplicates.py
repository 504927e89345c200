"""Test images that stand in the training set too, exactly or nearly.

An exact duplicate has the same pixels. A near duplicate is decided on thumbnails of 16 × 16, area means of
the image, and must pass three tests:

1. *the same shape*: of 112 bits, which tell for the 8 × 8 grey thumbnail whether it grows brighter from each
   cell to its right and its lower neighbour, at most 16 differ (a difference hash);
2. *the same pixels*: the thumbnails differ by at most 12 of 255 a channel in the mean;
3. *no likeness of flat pictures*: that difference is at most a third of the test thumbnail's own deviation.

On images of CIFAR-10 this finds again each that was saved as a JPEG of quality 60 or was reduced to 24 × 24 and
enlarged, nearly each that was made 8 levels brighter, and half of those that were shifted by a pixel; mirrored
copies are not found. In the whole of CIFAR-10 it finds 86 test images with a near duplicate in training, all of the
same class. People found 3.3 %, who also took other crops and colours of a picture for one [1]_.

References
----------
.. [1] B. Barz, J. Denzler, Do We Train on Test Data? Purging CIFAR of Near-Duplicates, Journal of Imaging
   6(6), 2020. https://doi.org/10.3390/jimaging6060041
.. [2] C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010 (for the kind of
   hash).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featbench.images import ImageBatch, chunks, image_shape, take
from featbench.imagesets import Dataset
from featbench.numerics.threads import kernel, spread
from featbench.types import AnyArray, ImageArray

__all__ = ["Duplicates", "count_duplicates"]

SIDE = 16  # of a thumbnail, pixels
MOST_BITS = 16  # of 112
MOST_DIFFERENCE = 12  # mean absolute, 0 to 255
MOST_OF_DEVIATION = 1 / 3

_CHUNK = 1024
_KNOWN = 16 * 1024  # training images whose thumbnails are in memory together, 13 MB
# About ten seconds of one core; beyond, a sample of the test images is compared, and said to be one.
_MOST_PAIRS = 10**10


@dataclass(frozen=True)
class Duplicates:
    """Test images with a duplicate among the training images.

    Attributes
    ----------
    exact : int
        Test images whose very pixels stand in the training set.
    near : int
        Further test images with a near duplicate there, of those that were compared.
    compared : int
        Test images that were compared for near duplicates: all of them, or a sample where the pairs are
        too many, or none where images are smaller than a thumbnail.
    """

    exact: int
    near: int
    compared: int


def count_duplicates(dataset: Dataset) -> Duplicates:
    """Count the test images that have a duplicate among the training images.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    Duplicates
        The same in every run. The whole of CIFAR-10 takes about two seconds.
    """
    train, test = dataset.train.images, dataset.test.images
    exact = np.isin(_digests(test), _digests(train))
    near = np.zeros(len(test), dtype=bool)
    rows = np.arange(len(test), dtype=np.int64)
    most = max(1, _MOST_PAIRS // max(1, len(train)))
    if min(image_shape(train)[:2]) < SIDE:
        rows = rows[:0]  # a few dozen pixels cannot tell a copy from a likeness
    elif len(rows) > most:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:most])
    if len(rows):
        near[rows] = near_duplicates(take(test, rows), train)
    return Duplicates(int(exact.sum()), int((near & ~exact).sum()), len(rows))


def _digests(images: ImageBatch) -> AnyArray:
    """Hash the pixels of each image to 16 bytes."""
    digests = [
        hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
        for chunk in chunks(images, _CHUNK)
        for image in chunk
    ]
    return np.array(digests, dtype="V16")


def near_duplicates(images: ImageBatch, others: ImageBatch) -> NDArray[np.bool_]:
    """Tell for each image whether one of the others is an exact or a near duplicate of it.

    Parameters
    ----------
    images : ImageBatch, (n, h, w, 3) or (n, h, w)
    others : ImageBatch, (m, …)
        Of the same shape.

    Returns
    -------
    ndarray of bool, (n,)
    """
    thumbnails = _thumbnails(images)
    hashes = difference_hashes(thumbnails)
    deviation = thumbnails.std(axis=(1, 2)).mean(axis=1)
    n_values = SIDE * SIDE * thumbnails.shape[3]
    limits = (np.minimum(MOST_DIFFERENCE, deviation * MOST_OF_DEVIATION) * n_values).astype(np.int64)
    flat = thumbnails.reshape(len(thumbnails), n_values)
    found = np.zeros(len(flat), dtype=np.bool_)
    for chunk in chunks(others, _KNOWN):
        known = _thumbnails(chunk)
        known_hashes, known_flat = difference_hashes(known), known.reshape(len(known), n_values)
        open_ = np.flatnonzero(~found)
        found[open_] = _among(hashes[open_], flat[open_], limits[open_], known_hashes, known_flat)
    return found


def _among(
    hashes: AnyArray, flat: AnyArray, limits: AnyArray, known_hashes: AnyArray, known_flat: AnyArray
) -> NDArray[np.bool_]:
    found = np.zeros(len(flat), dtype=np.bool_)

    def work(start: int, stop: int) -> None:
        part = slice(start, stop)
        _find(hashes[part], known_hashes, flat[part], known_flat, limits[part], MOST_BITS, found[part])

    spread(work, len(flat))
    return found


def _thumbnails(images: ImageBatch) -> ImageArray:
    """Reduce images to their area means, ``uint8 (n, 16, 16, c)``."""
    height, width, *channels = image_shape(images)
    rows, columns = _area_weights(height), _area_weights(width)
    thumbnails = np.empty((len(images), SIDE, SIDE, *(channels or [1])), dtype=np.uint8)
    start = 0
    for chunk in chunks(images, _CHUNK):
        n = len(chunk)
        lines = rows @ chunk.reshape(n, height, -1).astype(np.float32)
        means = columns @ lines.reshape(n, SIDE, width, -1)
        thumbnails[start : start + n] = np.rint(means)
        start += n
    return thumbnails


def _area_weights(length: int) -> NDArray[np.float32]:
    """Return the matrix that takes `length` pixels to 16 means over equal stretches."""
    edges = np.linspace(0, length, SIDE + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    overlap = np.maximum(overlap, 0)
    weights: NDArray[np.float32] = (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


def difference_hashes(thumbnails: ImageArray) -> NDArray[np.uint64]:
    """Return 112 bits an image, in two words: where the 8 × 8 grey picture grows brighter.

    Parameters
    ----------
    thumbnails : ndarray of uint8, (n, 16, 16, c)

    Returns
    -------
    ndarray of uint64, (n, 2)
        Bits of the seven steps to the right in eight rows, then of the seven steps down; the last 16 are 0.
    """
    n, *_, channels = thumbnails.shape
    # Luma of ITU-R BT.601, in thousandths, so that the sums are exact.
    luma = np.array([299, 587, 114] if channels == 3 else [1000], dtype=np.int32)
    grey = (thumbnails.astype(np.int32) @ luma).reshape(n, 8, 2, 8, 2).sum(axis=(2, 4))
    bits = np.zeros((n, 128), dtype=bool)
    bits[:, :56] = (grey[:, :, 1:] > grey[:, :, :-1]).reshape(n, 56)
    bits[:, 56:112] = (grey[:, 1:] > grey[:, :-1]).reshape(n, 56)
    return np.packbits(bits, axis=1).view(np.uint64)


@kernel
def _find(
    hashes: AnyArray,
    known_hashes: AnyArray,
    flat: AnyArray,
    known_flat: AnyArray,
    limits: AnyArray,
    most_bits: int,
    found: AnyArray,
) -> None:
    """Set ``found[i]`` where a known image passes both the test of bits and that of pixels."""
    m1, m2 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
    m4, ones = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)
    for i in range(hashes.shape[0]):
        for j in range(known_hashes.shape[0]):
            different = np.int64(0)
            for word in range(hashes.shape[1]):
                # The number of ones in a word, which LLVM turns into one instruction.
                x = hashes[i, word] ^ known_hashes[j, word]
                x = x - ((x >> np.uint64(1)) & m1)
                x = (x & m2) + ((x >> np.uint64(2)) & m2)
                x = (x + (x >> np.uint64(4))) & m4
                different += np.int64((x * ones) >> np.uint64(56))
                if different > most_bits:
                    break
            if different > most_bits:
                continue
            apart = np.int64(0)
            for k in range(flat.shape[1]):
                apart += abs(np.int64(flat[i, k]) - np.int64(known_flat[j, k]))
                if apart > limits[i]:
                    break
            if apart <= limits[i]:
                found[i] = True
                break
