"""Extractors against scikit-image and OpenCV, on crops of photographs.

Times are seconds an image: the shortest of seven runs over a batch, ours and the peer's taking turns.
A peer that takes one image at a time is called in a loop, as its users call it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache

import cv2
import numpy as np
from skimage.data import astronaut, chelsea
from skimage.feature import hog as scikit_image_hog
from skimage.feature import local_binary_pattern

from benchmarks import descriptors, photographs
from benchmarks.limits import Cost, floor
from benchmarks.opencv4 import opencv4_hog
from benchmarks.rows import Row, best, first_call, peak_memory, threads
from featbench.extractors.color import hue_histogram
from featbench.extractors.hog import hog
from featbench.extractors.lbp import lbp
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["rows"]

_SCIKIT_IMAGE = 1e-5  # the largest difference of a HOG feature that counts as equal
_LOOPED = 50  # images for peers that need a millisecond each
# Without which no colour HOG: per pixel 6 differences, 6 squares, 3 sums and the choice of a channel (8) on 16-bit
# values, which count half; the chosen square (3), to float, a root, to integer, an index into a table (3) on 32 bits.
_HOG_ARITHMETIC = 21
# Per pixel: the largest and smallest of three (4), a difference, the sector and its offset (6), a quotient (3).
_HUE_ARITHMETIC = 14
# Per pixel, in 64-bit values, which count twice: 4 neighbours between pixels (11), 8 comparisons and sums (2).
_LBP_ARITHMETIC = 2 * (4 * 11 + 8 * 2)

Extract = Callable[[ImageArray], AnyArray]


def rows() -> Iterator[Row]:
    """Measure and yield one row after another."""
    small, large = crops(2000, 32), crops(16, 256)
    yield from _hog_rows("HOG 324-d, 32×32×3", small, ("≥ 50", "≥ 3"))
    yield _two_cores(small)
    yield from _hog_rows("HOG, 256×256×3", large, ("≥ 10", "≥ 2"))
    yield _hue(small)
    yield _lbp(crops(200, 128))
    yield from descriptors.rows()
    yield from photographs.rows()


@cache
def crops(n: int, side: int) -> ImageArray:
    """Return `n` square crops of two photographs, ``uint8 (n, side, side, 3)``."""
    rng = np.random.default_rng(0)
    images = np.empty((n, side, side, 3), dtype=np.uint8)
    for i in range(n):
        photograph = (astronaut(), chelsea())[i % 2]
        y, x = (int(rng.integers(0, extent - side + 1)) for extent in photograph.shape[:2])
        images[i] = photograph[y : y + side, x : x + side]
    return images


def compare(
    work: str, images: ImageArray, ours: Extract, peer_name: str, peer: Extract, tolerance: float
) -> Row:
    """Measure one extractor against a peer in this process, both on one core."""
    few = images[:_LOOPED]
    with threads(1):
        expected, got = peer(few), ours(few)
        memory = peak_memory(lambda: ours(images))
        seconds, peer_seconds = best(lambda: ours(images), lambda: peer(few))
    difference = float(np.abs(got - expected).max())
    return Row(
        work,
        seconds / len(images),
        peer_name,
        peer_seconds / len(few),
        equality="exact" if difference == 0 else f"within {difference:.0e}",
        differs=difference > tolerance,
        peak_mb=memory,
        cores=1,
        limit=0.0,
        limited_by="",
    )


def limited(row: Row, images: ImageArray, features: int, arithmetic: float, **more: object) -> Row:
    """Complete a row by the limit: pixels read once, features written once, one vote a pixel."""
    pixels = images[0, ..., 0].size if images.ndim == 4 else images[0].size
    cost = Cost(images[0].nbytes + 4 * features, arithmetic * pixels, pixels)
    limit, by = floor(cost, row.cores)
    return Row(**{**vars(row), "limit": limit, "limited_by": by, **more})


def _hog_rows(work: str, images: ImageArray, bars: tuple[str, str]) -> Iterator[Row]:
    row = compare(work, images, hog, "scikit-image", _scikit_image, _SCIKIT_IMAGE)
    prepare = (
        "import numpy, featbench.extractors.hog as h\n"
        f"images = numpy.zeros({(1, *images.shape[1:])}, numpy.uint8)"
    )
    size = hog(images[:1]).shape[1]
    compiled = first_call(prepare, "h.hog(images)")
    row = limited(row, images, size, _HOG_ARITHMETIC, bar=bars[0], first_call=compiled)
    yield row
    name, seconds = opencv4_hog(images)
    with threads(1):
        again = best(lambda: hog(images))[0] / len(images)
    yield Row(
        **{
            **vars(row),
            "ours": min(row.ours, again),
            "peer_name": name,
            "peer": seconds,
            "bar": bars[1],
            "equality": "not meant: shares votes",
            "first_call": None,
        }
    )


def _scikit_image(images: ImageArray) -> FeatureMatrix:
    return np.stack([scikit_image_hog(image, 9, (8, 8), (2, 2), channel_axis=-1) for image in images])


def _two_cores(images: ImageArray) -> Row:
    many = np.concatenate([images] * 25)  # as many as CIFAR-10 has to train on
    cores = min(2, len(os.sched_getaffinity(0)))

    def on(n: int) -> FeatureMatrix:
        with threads(n):
            return hog(many)

    same = np.array_equal(on(1), on(cores))
    memory = peak_memory(lambda: on(cores))
    ours, one = best(lambda: on(cores), lambda: on(1))
    row = Row(
        f"HOG 324-d, 32×32×3, {cores} cores",
        ours / len(many),
        "ours on one core",
        one / len(many),
        equality="exact" if same else "not the same",
        differs=not same,
        peak_mb=memory,
        cores=cores,
        limit=0.0,
        limited_by="",
    )
    return limited(row, images, 324, _HOG_ARITHMETIC, bar="≥ 1.8")


def _hue(images: ImageArray) -> Row:
    def ours(batch: ImageArray) -> FeatureMatrix:
        return hue_histogram(batch, bins=180, weighted=False, levels="opencv")

    def peer(batch: ImageArray) -> AnyArray:
        counts = [
            cv2.calcHist([cv2.cvtColor(image, cv2.COLOR_RGB2HSV)], [0], None, [180], [0, 180])
            for image in batch
        ]
        # The pixels of a crop are a power of two, so that counts and shares are the same numbers.
        return np.stack(counts).reshape(len(batch), 180) / batch[0, ..., 0].size

    cv2.setNumThreads(1)
    row = compare("hue, unweighted, 180 levels, 32×32", images, ours, f"OpenCV {cv2.__version__}", peer, 0.0)
    prepare = (
        "import numpy, featbench.extractors.color as c\nimages = numpy.zeros((1, 32, 32, 3), numpy.uint8)"
    )
    compiled = first_call(prepare, "c.hue_histogram(images)")
    return limited(row, images, 180, _HUE_ARITHMETIC, bar="≥ 3", first_call=compiled)


def _lbp(images: ImageArray) -> Row:
    grey = images[..., 1].copy()

    def peer(batch: ImageArray) -> AnyArray:
        labels = [local_binary_pattern(image, 8, 1, "uniform").astype(np.int64) for image in batch]
        counts = np.stack([np.bincount(label.ravel(), minlength=10) for label in labels])
        return (counts / batch[0].size).astype(np.float32)

    row = compare("LBP uniform 8,1, 128×128 grey", grey, lbp, "scikit-image", peer, 0.0)
    prepare = "import numpy, featbench.extractors.lbp as l\nimages = numpy.zeros((1, 32, 32), numpy.uint8)"
    compiled = first_call(prepare, "l.lbp(images)")
    return limited(row, grey, 10, _LBP_ARITHMETIC, bar="≥ 10", first_call=compiled)
