"""Images in the size that a network was trained with."""

from __future__ import annotations

import numpy as np

from featbench.numerics.area import area_resize
from featbench.types import ImageArray

__all__ = ["resized"]


def resized(images: ImageArray, height: int, width: int) -> ImageArray:
    """Resize by the mean over the area of each new pixel, or between pixels where one side grows.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w, 1)
    height, width : int
        The new size, in pixels.

    Returns
    -------
    ndarray of uint8, (n, height, width, c)
        `images` themselves where that is their size. Where one side grows, a mean would repeat pixels: Pillow's
        bilinear filter interpolates, as it does for files (`featbench.datasets.decode`).
    """
    n, old_height, old_width, channels = images.shape
    if (old_height, old_width) == (height, width):
        return images
    plain = images[..., 0] if channels == 1 else images
    if height <= old_height and width <= old_width:
        return area_resize(plain, height, width).reshape(n, height, width, channels)
    from PIL import Image

    larger = np.empty((n, height, width, channels), dtype=np.uint8)
    for image, out in zip(plain, larger, strict=True):
        scaled = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        out[...] = np.asarray(scaled).reshape(height, width, channels)
    return larger
