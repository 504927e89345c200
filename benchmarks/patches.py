"""Descriptors of patches, as visual words are made of: what whole grids save, and what cutting patches out costs.

Times are seconds an image of 128 × 128 pixels on one core: the shortest of seven runs over a batch, ours and the
peer's taking turns.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from benchmarks.descriptors import sift_cost
from benchmarks.extractors import crops
from benchmarks.limits import Cost, floor
from benchmarks.rows import Row, best, first_call, peak_memory, threads
from featbench.extractors import HOG
from featbench.extractors.raw import to_grey
from featbench.extractors.sift import dense_sift
from featbench.types import FeatureMatrix, ImageArray
from featbench.words import HOG144, Dense, RandomCrops, SIFTPatch
from featbench.words.cutting import cut
from featbench.words.places import Places

__all__ = ["rows"]

_SIDE, _STRIDE, _GRIDS = 128, 4, (16, 24, 32)  # pixels
_COUNT, _SIZES, _PATCH = 100, (16, 24, 32, 48), 32
_RIM = 2  # pixels
_ALIKE = 0.95  # share of SIFT's entries that must be within 1 of OpenCV's, of 255
# Per pixel of a patch, a product added to a sum counting as one: two pixels along each axis in three channels (12), a
# luma (3), two differences, a length (3), eight edges of bins (16).
_PIXEL = 36


def rows() -> Iterator[Row]:
    """Measure and yield one row after another."""
    images = crops(16, _SIDE)
    cv2.setNumThreads(1)
    yield _sift(to_grey(images))
    for sizes in (_SIZES, *_SIZES):
        yield _hog144(images, sizes)


def _sift(grey: ImageArray) -> Row:
    places = Dense(stride=_STRIDE, sizes=list(_GRIDS)).places(grey, 0)
    diameters = [size / 6 for size in _GRIDS]

    def ours() -> FeatureMatrix:
        return SIFTPatch().describe(grey, places)

    with threads(1):
        differences = np.abs(ours()[: places.offsets[1]] - _opencv(grey[0], places.of_images(0, 1)))
        memory = peak_memory(ours)
        seconds, peer = best(ours, lambda: dense_sift(grey, step=_STRIDE, sizes=diameters))
    alike = float((differences <= 1).mean())
    points = [len(grid.tops) for grid in places.grids or ()]
    costs = [sift_cost(side, diameter) for side, diameter in zip(points, diameters, strict=True)]
    limit, by = floor(Cost(sum(c.moved for c in costs), sum(c.wide for c in costs), 0), 1)
    return Row(
        f"SIFT of {places.offsets[1]} patches on three grids",
        seconds / len(grey),
        f"dense_sift, {3 * (_SIDE // _STRIDE) ** 2} points",
        peer / len(grey),
        equality=f"OpenCV within 1: {alike:.3%}, same: {(differences == 0).mean():.3%}",
        differs=alike < _ALIKE,
        peak_mb=memory,
        cores=1,
        limit=limit,
        limited_by=by,
        bar="≥ 0.8",
    )


def _opencv(image: ImageArray, places: Places) -> FeatureMatrix:
    numbers = np.column_stack([places.pixels()[:, ::-1], places.sizes / 6]).tolist()
    keypoints = [cv2.KeyPoint(x, y, diameter, 0) for x, y, diameter in numbers]
    return np.asarray(cv2.SIFT.create().compute(image, keypoints)[1], dtype=np.float32)


def _hog144(images: ImageArray, sizes: int | tuple[int, ...]) -> Row:
    places = RandomCrops(count=_COUNT, sizes=np.ravel(sizes).tolist()).places(images, 0)

    def ours() -> FeatureMatrix:
        return HOG144().describe(images, places)

    def peer() -> FeatureMatrix:
        return np.asarray(HOG(variant="cs231n").fit_transform(_resized(images, places)))

    with threads(1):
        # Enlarging, OpenCV goes no further than the crop, where ours sees the pixels beside it.
        inside = (slice(None), slice(_RIM, -_RIM), slice(_RIM, -_RIM))
        differences = np.abs(
            cut(images, places, _PATCH)[inside].astype(int) - _resized(images, places)[inside]
        )
        memory = peak_memory(ours)
        seconds, peer_seconds = best(ours, peer)
    furthest = int(differences.max())
    pixels = _COUNT * _PATCH**2
    limit, by = floor(Cost(images[0].nbytes + _COUNT * 144 * 4, _PIXEL * pixels, pixels), 1)
    prepare = "import numpy, benchmarks.patches as p\nimages = numpy.zeros((1, 64, 64, 3), numpy.uint8)"
    named = sizes if isinstance(sizes, int) else ", ".join(map(str, sizes))
    return Row(
        f"hog144 of {_COUNT} crops of {named} pixels",
        seconds / len(images),
        "OpenCV's resize crop by crop, HOG",
        peer_seconds / len(images),
        equality=f"pixels inside within {furthest}",
        differs=furthest > 1,
        peak_mb=memory,
        cores=1,
        limit=limit,
        limited_by=by,
        bar="≤ 2 ms",
        first_call=first_call(prepare, "p._hog144_once(images)") if isinstance(sizes, tuple) else None,
    )


def _hog144_once(images: ImageArray) -> FeatureMatrix:
    return HOG144().describe(images, RandomCrops(count=1).places(images, 0))


def _resized(images: ImageArray, places: Places) -> ImageArray:
    """Return the crops that patches are, resized one at a time."""
    sides = places.sizes.astype(int)
    corners = np.rint(places.positions - (places.sizes[:, None] - 1) / 2).astype(int)
    patches = np.empty((len(sides), _PATCH, _PATCH, 3), dtype=np.uint8)
    for j, (side, (row, col)) in enumerate(zip(sides, corners, strict=True)):
        crop = images[j // _COUNT, row : row + side, col : col + side]
        how = cv2.INTER_AREA if side >= _PATCH else cv2.INTER_LINEAR
        patches[j] = cv2.resize(crop, (_PATCH, _PATCH), interpolation=how)
    return patches
