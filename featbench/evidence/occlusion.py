"""Which part of an image a pipeline looks at: the score of its answer while a grey square hides parts in turn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from featbench.types import Float64Array, ImageArray

__all__ = ["GREY", "affordable", "occlusion"]

GREY = 128
"""Of the square, 0 to 255."""

_SHARE = 0.25  # of each side of the image that the square covers
# Images and positions a side, from the finest on: the first that fits into the time is taken.
_SIZES = ((3, 8), (3, 6), (2, 6), (2, 4), (1, 4))


def occlusion(
    score: Callable[[ImageArray], Float64Array], image: ImageArray, positions: int
) -> tuple[float, Float64Array]:
    """Hide each part of an image and tell how much a score falls.

    Parameters
    ----------
    score : callable
        Takes images, ``uint8 (m, h, w, 3)`` or ``(m, h, w)``, to m numbers.
    image : ndarray of uint8, (h, w, 3) or (h, w)
    positions : int
        Of the square along each side, evenly spaced from border to border.

    Returns
    -------
    whole : float
        The score of the image itself.
    falls : ndarray of float64, (positions, positions)
        `whole` minus the score with the square there, by row and column; negative where hiding helps.

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
    hidden = np.repeat(image[None], 1 + positions**2, axis=0)
    for k in range(positions**2):
        top, left = tops[k // positions], lefts[k % positions]
        hidden[1 + k, top : top + sides[0], left : left + sides[1]] = GREY
    told = np.asarray(score(hidden), dtype=np.float64)
    return float(told[0]), (told[0] - told[1:]).reshape(positions, positions)


def affordable(seconds_an_image: float, seconds: float) -> tuple[int, int] | None:
    """Return how many images, and positions a side, take no more than `seconds`; None where none do."""
    for n, positions in _SIZES:
        if n * (1 + positions**2) * seconds_an_image <= seconds:
            return n, positions
    return None
