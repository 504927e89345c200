"""SIFT keypoints as OpenCV finds, describes and draws them."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.descriptors import LocalDescriptors
from featbench.extractors.raw import to_grey
from featbench.extractors.sift_sums import DIMENSIONS
from featbench.types import ImageArray

__all__ = ["detected_descriptors", "draw_keypoints"]


def detected_descriptors(image: ImageArray) -> LocalDescriptors:
    """Find the keypoints of one image and describe them, each turned to its own orientation.

    Parameters
    ----------
    image : ndarray of uint8, (h, w)
        Grey.

    Returns
    -------
    LocalDescriptors
        Of one image; the values are whole numbers from 0 to 255. The order is OpenCV's.
    """
    import cv2

    keypoints: Any
    values: Any
    keypoints, values = cv2.SIFT.create().detectAndCompute(np.ascontiguousarray(image), None)
    if not keypoints:
        values = np.empty((0, DIMENSIONS), dtype=np.float32)
    points = np.array([(k.pt[1], k.pt[0], k.size) for k in keypoints], dtype=np.float32).reshape(-1, 3)
    offsets = np.array([0, len(values)], dtype=np.int64)
    return LocalDescriptors(values, points[:, :2].copy(), points[:, 2].copy(), offsets)


def draw_keypoints(image: ImageArray) -> ImageArray:
    """Return an image in colour with a circle around each keypoint, and in it the keypoint's orientation.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3) or (h, w)

    Returns
    -------
    ndarray of uint8, (h, w, 3)
    """
    import cv2

    grey = to_grey(image[None])[0] if image.ndim == 3 else image
    colour: ImageArray = np.ascontiguousarray(image if image.ndim == 3 else np.stack([image] * 3, axis=-1))
    keypoints: Any = cv2.SIFT.create().detect(np.ascontiguousarray(grey), None)
    rich = cv2.DRAW_MATCHES_FLAGS_DRAW_RICH_KEYPOINTS
    drawing: Any = cv2.drawKeypoints(
        colour, keypoints, np.empty_like(colour), color=(255, 220, 0), flags=rich
    )
    return np.asarray(drawing, dtype=np.uint8)
