"""Photographs from files to features, against OpenCV's decoding and resizing alone.

The photographs are the 720 of twelve classes of Caltech-101, under FEATBENCH_DATA (or ../shared/data); without
them the row is left out. Times are seconds an image on one core: the shortest of seven runs over all of them,
ours and the peer's taking turns. The files are in memory by then, as the system keeps what was read before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.limits import Cost, floor
from benchmarks.rows import Row, best, peak_memory, threads
from featbench.datasets.decode import MAX_PIXELS, FileImages, decode
from featbench.extractors import HOG
from featbench.types import FeatureMatrix, ImageArray

__all__ = ["rows"]

_FOLDER = "caltech101-12"
_SIDE = 128  # pixels
_DECODING = 21  # operations a pixel of the file; see `_cost`
_HOG = 21  # operations a pixel of the result; see `benchmarks.extractors`


def rows() -> Iterator[Row]:
    """Measure and yield the row, or say why there is none."""
    root = Path(os.environ.get("FEATBENCH_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    paths = sorted((root / _FOLDER).glob("*/*.jpg"))
    if not paths:
        print(f"photographs: left out, no {_FOLDER} under FEATBENCH_DATA or ../shared/data", file=sys.stderr)
        return
    yield _photographs(paths)


def _photographs(paths: Sequence[Path]) -> Row:
    images = FileImages(paths, _SIDE, "squash", MAX_PIXELS)
    extractor = HOG().fit(images)

    def ours() -> FeatureMatrix:
        return extractor.transform(images)

    def peer() -> ImageArray:
        # All kept, as ours keeps its features.
        return np.stack([_by_opencv(path) for path in paths])

    cv2.setNumThreads(1)
    with threads(1):
        difference = np.mean([_difference(path) for path in paths[::10]])
        memory = peak_memory(ours)
        seconds, peer_seconds = best(ours, peer)
    limit, by = floor(_cost(paths), 1)
    return Row(
        f"{len(paths)} JPEG photographs, {_SIDE}×{_SIDE}, HOG",
        seconds / len(paths),
        f"OpenCV {cv2.__version__}, no HOG",
        peer_seconds / len(paths),
        equality=f"– (pixels: {difference:.1g} of 255)",
        differs=False,
        peak_mb=memory,
        cores=1,
        limit=limit,
        limited_by=by,
        bar="≥ 0.77",  # at most 1.3 times as long
    )


def _by_opencv(path: Path) -> NDArray[np.uint8]:
    resized = cv2.resize(_read(path), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return resized.astype(np.uint8, copy=False)


def _read(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path))
    assert image is not None, path
    return image.astype(np.uint8, copy=False)


def _difference(path: Path) -> float:
    """Return how far our pixels are from OpenCV's on average; it sums in float32 and rounds halves to even."""
    ours = decode(path, _SIDE, "squash", MAX_PIXELS).astype(np.int64)
    return float(np.abs(ours - _by_opencv(path)[..., ::-1]).mean())


def _cost(paths: Sequence[Path]) -> Cost:
    """Return what a photograph takes at the least: each byte of its file and each pixel moved once.

    Eight values are transformed with 34 operations (Arai, Agui and Nakajima, 1988), along rows and along columns:
    8.5 a value. Chroma is held at a quarter of the pixels, so that a pixel has 1.5 values: 13 operations; another 8
    make RGB of it. The bits of a JPEG are decoded one after another; that is not counted, nor is the resizing.
    """
    few = paths[::10]
    pixels = float(np.mean([_read(path)[..., 0].size for path in few]))
    size = float(np.mean([path.stat().st_size for path in few]))
    return Cost(size + 3 * pixels, _DECODING * pixels + _HOG * _SIDE**2, _SIDE**2)
