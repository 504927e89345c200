"""Encodings of whitened 6 × 6 patches against the bare float32 matrix products that they are made of.

A time is that of one 32 × 32 image in colour, 729 patches, on all cores: the shortest of seven runs over a batch, ours
and the products taking turns. The first rows are the whole way from pixels to cells; the others begin with whitened
patches. The limit is the products themselves, 2 · 729 · 108 · words operations.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from benchmarks.rows import Row, best, first_call, peak_memory
from featbench.maps import Contrast, Whiten
from featbench.numerics.blas import serial_blas
from featbench.numerics.threads import spread
from featbench.types import FeatureMatrix, ImageArray
from featbench.words import (
    Dense,
    Hard,
    Nearest,
    Patch,
    Quadrants,
    RandomPatches,
    Soft,
    SoftThreshold,
    Triangle,
)
from featbench.words.building import Parts
from featbench.words.coding import chunk_size, code
from featbench.words.parts import Encoding

__all__ = ["rows"]

_SIDE, _IMAGES, _FEW = 32, 128, 8
_PATCHES = 729
_BAR = "≥ 0.6"
_OFF = 1e-4  # of the largest number: what float32 products may do, which are the definition's as well
_UNDECIDED = 1e-3  # of all numbers of codes that count: words told apart by rounding alone
_ENCODINGS: tuple[Encoding, ...] = (
    Hard(),
    Soft(beta=0.1),
    Triangle(),
    SoftThreshold(split=False),
    SoftThreshold(),
    Nearest(negatives=False),
    Nearest(),
)


def rows() -> Iterator[Row]:
    """Measure and yield one row after another."""
    from benchmarks.extractors import crops

    images = crops(_IMAGES, _SIDE)
    for words in (1600, 4000):
        yield _whole_way(images, _parts(images, words, Triangle()))
    yield _whole_way(images, _parts(images, 2000, Nearest()))
    for encoding in _ENCODINGS:
        yield _encoding(images, _parts(images, 1600, encoding))


def _parts(images: ImageArray, words: int, encoding: Encoding) -> Parts:
    """Fit whitening to the images' patches, and draw words among them."""
    sampling, descriptor = Dense(stride=1, sizes=6), Patch(size=6)
    X = descriptor.describe(images, sampling.places(images, 0))
    contrast = Contrast().fit(X)
    X = contrast.transform(X)
    whiten = Whiten().fit(X)
    codebook = RandomPatches(words=words, normalized=False).fit(whiten.transform(X))
    return Parts(sampling, descriptor, [contrast, whiten], codebook, encoding, Quadrants(), [])


def _whole_way(images: ImageArray, parts: Parts) -> Row:
    def ours(images: ImageArray) -> FeatureMatrix:
        return code(images, parts, 4 * parts.encoding.length(parts.codebook), 0)[0]

    name = type(parts.encoding).__name__.lower()
    work = f"pixels to cells, {name}, {len(parts.codebook.words_):,} words"
    few = images[:_FEW]
    expected = _defined(_whitened(few, parts), few, parts)
    return _row(work, parts, partial(ours, images), ours(few).ravel() - expected.ravel(), expected)


def _encoding(images: ImageArray, parts: Parts) -> Row:
    X, cells = _whitened(images, parts), _cells(images, parts)
    n_rows, total = chunk_size(images.shape[1:]) * _PATCHES, len(images) * 4
    found = np.empty((total, parts.encoding.length(parts.codebook)), dtype=np.float32)

    def work(start: int, stop: int) -> None:
        for first in range(start * n_rows, min(stop * n_rows, len(X)), n_rows):
            part = slice(first, first + n_rows)
            at = slice(first // _PATCHES * 4, min((first + n_rows) // _PATCHES * 4, total))
            own = cells[part] - at.start
            found[at] = parts.encoding.pooled(X[part], own, at.stop - at.start, parts.codebook, "sum")

    def ours() -> None:
        with serial_blas():
            spread(work, -(-len(X) // n_rows))

    ours()
    expected = _defined(X[: _FEW * _PATCHES], images[:_FEW], parts)
    name, split = (
        type(parts.encoding).__name__,
        parts.encoding.length(parts.codebook) // len(parts.codebook.words_),
    )
    both = ", both signs" if split == 2 else ""
    prepare = (
        "import numpy, types, featbench.words as w\nX = numpy.ones((9, 108), numpy.float32)\n"
        "book = types.SimpleNamespace(words_=X[:5])\ncells = numpy.zeros(9, numpy.int64)"
    )
    compiled = None if split == 2 else first_call(prepare, f"w.{name}().pooled(X, cells, 1, book, 'sum')")
    off = found[: _FEW * 4].ravel() - expected.ravel()
    return _row(f"{name.lower()}{both}, 1,600 words", parts, ours, off, expected, compiled)


def _row(
    work: str,
    parts: Parts,
    ours: Callable[[], object],
    off: FeatureMatrix,
    expected: FeatureMatrix,
    compiled: float | None = None,
) -> Row:
    products = _products(parts)
    memory = peak_memory(ours)
    seconds, bare = (shortest / _IMAGES for shortest in best(ours, products))
    if isinstance(parts.encoding, (Hard, Nearest)):
        wrong = float(np.abs(off).sum() / expected.sum())
        equality, differs = f"{wrong:.0e} of counts differ", wrong > _UNDECIDED
    else:
        wrong = float(np.abs(off).max() / expected.max())
        equality, differs = f"within {wrong:.0e}", wrong > _OFF
    return Row(
        work,
        seconds,
        "bare matrix products",
        bare,
        equality=equality,
        differs=differs,
        peak_mb=memory,
        cores=len(os.sched_getaffinity(0)),
        limit=bare,
        limited_by="matrix products",
        bar=_BAR,
        first_call=compiled,
    )


def _products(parts: Parts) -> Callable[[], None]:
    """Return what multiplies all images' patches with all words, an image at a time on each core."""
    words = np.ascontiguousarray(parts.codebook.words_.T)
    X = np.random.default_rng(0).normal(size=(_PATCHES, len(words))).astype(np.float32)

    def work(start: int, stop: int) -> None:
        out = np.empty((_PATCHES, words.shape[1]), dtype=np.float32)
        for _ in range(start, stop):
            np.matmul(X, words, out=out)

    def products() -> None:
        with serial_blas():
            spread(work, _IMAGES)

    return products


def _whitened(images: ImageArray, parts: Parts) -> FeatureMatrix:
    X = parts.descriptor.describe(images, parts.sampling.places(images, 0))
    for step in parts.normalization:
        X = step.transform(X)
    return X


def _cells(images: ImageArray, parts: Parts) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    atoms = parts.pooling.atoms(parts.sampling.places(images, 0).positions, images.shape[1:])
    return np.repeat(np.arange(len(images)) * 4, _PATCHES) + atoms


def _defined(X: FeatureMatrix, images: ImageArray, parts: Parts) -> FeatureMatrix:
    """Sum the codes of the definition in each cell, in float64."""
    cells, codes = _cells(images, parts), np.asarray(parts.encoding.codes(X, parts.codebook))
    return np.stack([codes[cells == cell].sum(axis=0, dtype=np.float64) for cell in range(4 * len(images))])
