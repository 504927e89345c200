"""Local descriptors against OpenCV, at the same points of crops of photographs.

Times are seconds an image: the shortest of seven runs over a batch, ours and the peer's taking turns.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from benchmarks.limits import Cost, floor
from benchmarks.rows import Row, best, first_call, peak_memory, threads
from featbench.extractors.raw import to_grey
from featbench.extractors.sift import dense_sift
from featbench.extractors.sift_windows import windows
from featbench.types import FeatureMatrix, ImageArray

__all__ = ["rows", "sift_cost"]

_ALIKE = 0.95  # share of entries that must be within 1 of OpenCV's, of 255
_SIDE, _STEP, _SIZE = 128, 4, 4.0  # pixels
_PEERS = 4  # images for a peer that needs ten milliseconds each
# A product that is added to a sum counts as one, since most machines have it as one.
# Per pixel: 13 symmetric weights twice (26), two differences, a length (3), an angle (15), two votes (3).
_PIXEL = 49
# Per number of a descriptor: a square twice, a limit, a product, a rounding, another limit.
_ENTRY = 6


def rows() -> Iterator[Row]:
    """Measure and yield one row after another."""
    from benchmarks.extractors import crops  # here, so that it may go on with these rows

    yield _sift(to_grey(crops(16, _SIDE)))


def _sift(grey: ImageArray) -> Row:
    places = np.arange((_SIDE - 1) % _STEP // 2, _SIDE, _STEP)
    points = [cv2.KeyPoint(float(x), float(y), _SIZE, 0, 0, 0) for y in places for x in places]
    describer, few = cv2.SIFT.create(), grey[:_PEERS]
    cv2.setNumThreads(1)

    def ours(images: ImageArray) -> FeatureMatrix:
        return dense_sift(images, step=_STEP, sizes=(_SIZE,)).reshape(len(images), -1, 128)

    def peer(images: ImageArray) -> FeatureMatrix:
        return np.stack([describer.compute(image, points)[1] for image in images])

    with threads(1):
        differences = np.abs(ours(few) - peer(few))
        memory = peak_memory(lambda: ours(grey))
        seconds, peer_seconds = best(lambda: ours(grey), lambda: peer(few))
    alike = float((differences <= 1).mean())
    limit, by = floor(sift_cost(len(places), _SIZE), 1)
    prepare = "import numpy, featbench.extractors.sift as s\nimages = numpy.zeros((1, 32, 32), numpy.uint8)"
    return Row(
        f"dense SIFT, step {_STEP}, {_SIDE}×{_SIDE} grey",
        seconds / len(grey),
        f"OpenCV {cv2.__version__}, same points",
        peer_seconds / len(few),
        equality=f"within 1: {alike:.3%}, same: {(differences == 0).mean():.3%}",
        differs=alike < _ALIKE,
        peak_mb=memory,
        cores=1,
        limit=limit,
        limited_by=by,
        bar="≥ 5",
        first_call=first_call(prepare, "s.dense_sift(images)"),
    )


def sift_cost(side: int, size: float) -> Cost:
    """Return what an image takes with weights that are separable and the same at each of side × side points.

    A pixel votes for two of eight directions; sums along columns have all eight.
    """
    taps = int((windows((size,)).weights > 0).sum())  # of the four parts along one axis
    along_columns = side * _SIDE * taps * 2
    along_rows = side**2 * 4 * 8 * taps
    arithmetic = _PIXEL * _SIDE**2 + along_columns + along_rows + _ENTRY * 128 * side**2
    return Cost(_SIDE**2 + 4 * 128 * side**2, arithmetic, 0)
