"""Patches around the keypoints that OpenCV finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from featbench.extractors.raw import to_grey
from featbench.parameters import Bounds
from featbench.types import FeatureMatrix, ImageArray
from featbench.words.parts import Sampling
from featbench.words.places import Places

__all__ = ["Keypoints"]

Detector = Literal["sift", "orb", "fast"]

_LEAST_ORB = 63  # pixels: it looks for nothing in the outermost 31


@dataclass(kw_only=True, eq=False, repr=False)
class Keypoints(Sampling):
    """Patches around points that stand out, of the size and turned as they were found.

    Parameters
    ----------
    detector : {"sift", "orb", "fast"}, default="sift"
        ``sift``: blobs of any size, with an orientation. ``orb``: corners in a pyramid of eight levels, with an
        orientation; images of fewer than 63 pixels a side have none. ``fast``: corners of one size, a diameter of
        7 pixels, upright.
    most : int, default=500
        Keypoints of an image, at the most: those of the strongest response.
    magnify : float, default=6.0
        Side of a patch, in diameters of its keypoint, up to 100. A SIFT descriptor covers 6; for ``orb``, whose
        diameter is that of all that ORB itself looks at, 31 pixels and more, 1 is apt.

    Notes
    -----
    Patches are ordered by falling response, then row, column, size and angle. A point of several orientations is
    several keypoints. Patches may reach over the border of an image; what is there is for the descriptor to say. An
    image may have no keypoints, and so no patches: flat images and very small ones have none. Colour is turned into
    grey first, by the luma of ITU-R BT.601.

    The detectors are OpenCV's, with its defaults, but that ORB finds all corners before the strongest are kept,
    instead of so many on each level. SIFT's positions are, as OpenCV has them, a quarter of a pixel too far right
    and down.

    References
    ----------
    D. G. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60(2), 2004,
    https://doi.org/10.1023/B:VISI.0000029664.99615.94

    E. Rublee, V. Rabaud, K. Konolige and G. Bradski, "ORB: an efficient alternative to SIFT or SURF", ICCV 2011,
    https://doi.org/10.1109/ICCV.2011.6126544

    E. Rosten and T. Drummond, "Machine learning for high-speed corner detection", ECCV 2006,
    https://doi.org/10.1007/11744023_34
    """

    detector: Detector = "sift"
    most: Annotated[int, Bounds(ge=1)] = 500
    magnify: Annotated[float, Bounds(gt=0, le=100)] = 6.0

    def places(self, images: ImageArray, random_state: int) -> Places:  # noqa: ARG002 - nothing is drawn
        """Return the keypoints of each image."""
        grey = np.ascontiguousarray(to_grey(images) if images.ndim == 4 else images)
        # OpenCV cannot shrink an image of one pixel to ORB's levels.
        large_enough = self.detector != "orb" or min(grey.shape[1:]) >= _LEAST_ORB
        detector = _opencv(self.detector, grey.shape[1] * grey.shape[2])
        found = [
            _strongest(detector.detect(image, None) if large_enough else (), self.most) for image in grey
        ]
        points = np.concatenate(found)
        return Places(
            positions=points[:, :2].copy(),
            sizes=points[:, 2] * np.float32(self.magnify),
            angles=points[:, 3].copy(),
            offsets=np.concatenate([[0], np.cumsum([len(of_image) for of_image in found])]).astype(np.int64),
        )


def _opencv(detector: Detector, pixels: int) -> Any:
    import cv2

    if detector == "sift":
        return cv2.SIFT.create()
    if detector == "orb":
        return cv2.ORB.create(nfeatures=8 * pixels)  # then no level finds as many as it may
    return cv2.FastFeatureDetector.create()


def _strongest(keypoints: Any, most: int) -> FeatureMatrix:
    """Return row, column, diameter and angle of the strongest keypoints, (m, 4)."""
    found = np.array(
        [(k.response, k.pt[1], k.pt[0], k.size, k.angle) for k in keypoints], dtype=np.float32
    ).reshape(-1, 5)
    response, row, col, size, angle = found.T
    order = np.lexsort((angle, size, col, row, -response))[:most]
    points: FeatureMatrix = found[order, 1:]
    points[:, 3] = np.maximum(points[:, 3], 0)  # OpenCV has -1 where there is no angle
    return points
