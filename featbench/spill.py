"""Features that do not fit into memory: rows in a file without a name, which the system drops with the last user.

The rows are the same as those of `Extractor.transform`. Where they fit, that is what is called.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from featbench.base import Extractor
from featbench.disk import reserve
from featbench.errors import StoreError
from featbench.images import ImageBatch, chunks
from featbench.types import FeatureMatrix

__all__ = ["Parts", "made_elsewhere", "memory_for_features", "transform_all"]

# Of the memory that is free, one matrix of features may take so much: there are two, and copies of them while
# a classifier is fitted.
_SHARE = 0.25
_CHUNK = 1024

Parts = Iterator[tuple[int, FeatureMatrix]]
"""Parts of a matrix, in any order, each with its first row."""

_maker: ContextVar[Callable[[Extractor, Sequence[ImageBatch]], Parts | None] | None] = ContextVar(
    "maker", default=None
)


@contextmanager
def made_elsewhere(maker: Callable[[Extractor, Sequence[ImageBatch]], Parts | None]) -> Iterator[None]:
    """Let another make what `transform_all` is asked for inside the block; what it gives None for is made here."""
    token = _maker.set(maker)
    try:
        yield
    finally:
        _maker.reset(token)


def memory_for_features() -> float:
    """Return the bytes that one matrix of features may take in memory.

    A quarter of what is available, or ``FEATBENCH_MEMORY_MB`` (in 10⁶ bytes) where that is set, as it should be
    where a container has less memory than its machine.
    """
    wanted = os.environ.get("FEATBENCH_MEMORY_MB", "")
    if wanted.isdecimal():
        return int(wanted) * 1e6
    import psutil

    return float(psutil.virtual_memory().available) * _SHARE


def transform_all(
    extractor: Extractor,
    batches: Sequence[ImageBatch],
    folder: Path | None = None,
    file: Path | None = None,
) -> FeatureMatrix:
    """Extract the features of batches of images, one after another into one matrix.

    Parameters
    ----------
    extractor : Extractor
        Fitted.
    batches : sequence of ImageBatch
        One or more.
    folder : Path, optional
        On whose disk the rows lie where memory does not hold them; the system's temporary folder by default.
        Nothing stays behind, however the process ends.
    file : Path, optional
        Where rows that memory does not hold are to stay, as an ``.npy``; not where the disk has no room for them.

    Returns
    -------
    ndarray of the extractor's dtype, (n, d)
        In memory, or mapped from a file.

    Raises
    ------
    StoreError
        The disk has no room for the rows.
    """
    n, d, dtype = sum(map(len, batches)), extractor.n_features_out_, extractor.feature_dtype
    maker = _maker.get()
    parts = None if maker is None else maker(extractor, batches)
    fits = n * d * dtype.itemsize <= memory_for_features()
    if fits and parts is None:
        if len(batches) == 1:
            return extractor.transform(batches[0])
        parts = _wholes(extractor, batches)
    rows = np.empty((n, d), dtype) if fits else None
    if rows is None and file is not None:
        rows = _named((n, d), dtype, file)
    if rows is None:
        rows = _mapped((n, d), dtype, folder)
    for start, part in parts or _parts(extractor, batches):
        rows[start : start + len(part)] = part
    return rows


def _wholes(extractor: Extractor, batches: Sequence[ImageBatch]) -> Parts:
    start = 0
    for images in batches:
        yield start, extractor.transform(images)
        start += len(images)


def _parts(extractor: Extractor, batches: Sequence[ImageBatch]) -> Parts:
    start = 0
    for images in batches:
        for chunk in chunks(images, _CHUNK):
            yield start, extractor.transform(chunk)
            start += len(chunk)


def _mapped(shape: tuple[int, int], dtype: np.dtype[np.float32], folder: Path | None) -> FeatureMatrix:
    n_bytes = shape[0] * shape[1] * dtype.itemsize
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".features-") as file:
            reserve(file.fileno(), n_bytes)
            # As a plain array: nobody else needs to know that it is mapped, and views keep it alive.
            return np.asarray(np.memmap(file, dtype=dtype, mode="r+", shape=shape))
    except OSError as error:
        raise StoreError(
            f"{folder or tempfile.gettempdir()}: cannot hold features of {n_bytes / 1e6:,.0f} MB, which memory does "
            f"not either ({error.strerror or error}). Free space, use fewer images, or an extractor with fewer numbers."
        ) from error


def _named(shape: tuple[int, int], dtype: np.dtype[Any], path: Path) -> FeatureMatrix | None:
    """Return a new file mapped; None, and no file, where it cannot be written."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    try:
        path.unlink(missing_ok=True)  # an earlier repeat's, which may still be mapped
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.flush()
            reserve(file.fileno(), file.tell() + shape[0] * shape[1] * dtype.itemsize)
        return np.asarray(np.load(path, mmap_mode="r+"))
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
