"""Which part of an image a pipeline looks at: the score of its answer while a grey square hides parts in turn."""

from __future__ import annotations

import numpy as np

from featbench.types import Float64Array, ImageArray

__all__ = ["GREY", "falls", "hidden"]

GREY = 128
"""Of the square, 0 to 255."""

_SHARE = 0.25  # of each side of the image that the square covers


def hidden(image: ImageArray, positions: int) -> ImageArray:
    """Return an image, and copies of it in which a grey square hides one part each.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3) or (h, w)
    positions : int
        Of the square along each side, evenly spaced from border to border.

    Returns
    -------
    ndarray of uint8, (1 + positions², h, w, 3) or (1 + positions², h, w)
        The image itself, then row by row of positions.

    References
    ----------
    M. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014,
    https://doi.org/10.1007/978-3-319-10590-1_53. Deviation: the square covers a quarter of each side.
    """
    sides = [max(1, round(_SHARE * extent)) for extent in image.shape[:2]]
    tops, lefts = (
        np.rint(np.linspace(0, extent - side, positions)).astype(int)
        for extent, side in zip(image.shape[:2], sides, strict=True)
    )
    copies = np.repeat(image[None], 1 + positions**2, axis=0)
    for k in range(positions**2):
        top, left = tops[k // positions], lefts[k % positions]
        copies[1 + k, top : top + sides[0], left : left + sides[1]] = GREY
    return copies


def falls(scores: Float64Array) -> Float64Array:
    """Return how much the score of an image falls while a part is hidden.

    Parameters
    ----------
    scores : ndarray of float64, (1 + positions²,)
        Of the images of `hidden`.

    Returns
    -------
    ndarray of float64, (positions, positions)
        By row and column; negative where hiding helps.
    """
    positions = round(np.sqrt(len(scores) - 1))
    fallen: Float64Array = (scores[0] - scores[1:]).reshape(positions, positions)
    return fallen
