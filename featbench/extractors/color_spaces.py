"""Colours in other coordinates: HSV, CIE L*a*b* and opponent colours, each channel scaled to [0, 1].

=========  ==========================================================================================
`rgb`      red, green, blue / 255
`hsv`      hue in turns; saturation (max − min) / max; value max / 255. Greys have hue 0.
`lab`      lightness L* / 100; a* and b*, green to red and blue to yellow, from −110 … 110. Of sRGB, whose
           greys have a* = b* = 0.
`opponent` red against green, (R − G) / √2; yellow against blue, (R + G − 2 B) / √6; intensity,
           (R + G + B) / √3; each from the least to the most that 8-bit colours give.
=========  ==========================================================================================

References
----------
A. R. Smith, "Color gamut transform pairs", SIGGRAPH 1978, https://doi.org/10.1145/965139.807361

K. van de Sande, T. Gevers and C. Snoek, "Evaluating color descriptors for object and scene recognition",
PAMI 32(9), 2010, https://doi.org/10.1109/TPAMI.2009.154
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from featbench.errors import InputError, Shown, must_be
from featbench.numerics.threads import kernel
from featbench.types import ImageArray

__all__ = ["CHANNELS", "CONVERSION_OPERATIONS", "Space", "check_colour", "to_space"]

Space: TypeAlias = Literal["rgb", "hsv", "lab", "opponent"]

CHANNELS: dict[str, tuple[str, str, str]] = {
    "rgb": ("red", "green", "blue"),
    "hsv": ("hue", "saturation", "value"),
    "lab": ("L*", "a*", "b*"),
    "opponent": ("red-green", "yellow-blue", "intensity"),
}

CONVERSION_OPERATIONS: dict[str, int] = {
    "rgb": 3,  # a division each
    "hsv": 4
    + 1
    + 4
    + 2
    + 3,  # largest and smallest, their difference, the hue's sum, its divisor, three divisions
    "lab": 3 * 5 + 2 + 3 + 2 + 8,  # a matrix, two whites, three roots, L*, and a* and b* with their scales
    "opponent": 2 + 4 + 2 + 3,  # three sums and a division each
}
"""Of a pixel, by the formulas below; what a level of sRGB stands for is looked up."""

_AB = 110.0  # beyond any a* or b* of an 8-bit colour, the largest being 107.9
_LEVELS = np.arange(256) / 255
# Light that a level of sRGB stands for, IEC 61966-2-1.
_LIGHT = np.where(_LEVELS > 0.04045, ((_LEVELS + 0.055) / 1.055) ** 2.4, _LEVELS / 12.92)


def check_colour(where: str, shape: tuple[int, ...]) -> None:
    """Refuse grey images."""
    if len(shape) != 3:
        remedy = "Grey pixels have no colour to count."
        raise InputError(must_be(where, "images", "in colour, (n, h, w, 3)", Shown("grey"), remedy))


def to_space(images: ImageArray, space: Space) -> NDArray[np.float32]:
    """Convert colours; the module's table says to what.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3)
        RGB, C-contiguous.
    space : {"rgb", "hsv", "lab", "opponent"}

    Returns
    -------
    ndarray of float32, (n, h, w, 3)
        In [0, 1].
    """
    values = np.empty(images.shape, dtype=np.float32)
    pixels = images.reshape(-1, 3)
    pixels.flags.writeable = False  # of this view; numba would compile once more for read-only images
    _convert(pixels, list(CHANNELS).index(space), _LIGHT, values.reshape(-1, 3))
    return values


@kernel
def _convert(pixels: Any, space: int, light: Any, values: Any) -> None:
    for j in range(pixels.shape[0]):
        r, g, b = np.int64(pixels[j, 0]), np.int64(pixels[j, 1]), np.int64(pixels[j, 2])
        if space == 0:
            x, y, z = r / 255, g / 255, b / 255
        elif space == 1:
            x, y, z = _hsv(r, g, b)
        elif space == 2:
            x, y, z = _lab(light[r], light[g], light[b])
        else:
            x, y, z = (r - g + 255) / 510, (r + g - 2 * b + 510) / 1020, (r + g + b) / 765
        values[j, 0], values[j, 1], values[j, 2] = x, y, z


@kernel
def _hsv(r: int, g: int, b: int) -> tuple[float, float, float]:
    high, low = max(r, g, b), min(r, g, b)
    d = high - low
    if d == 0:
        return 0.0, 0.0, high / 255
    red = g - b if g >= b else g - b + 6 * d
    sixths = red if high == r else (2 * d + b - r if high == g else 4 * d + r - g)
    return sixths / (6 * d), d / high, high / 255


@kernel
def _lab(r: float, g: float, b: float) -> tuple[float, float, float]:
    # XYZ of linear sRGB, each divided by its own white's: the sum of the row and not the rounded white of D65,
    # which differs in the fifth digit and would leave greys a trace of colour.
    x = _response((0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.950456)
    y = _response(0.212671 * r + 0.715160 * g + 0.072169 * b)
    z = _response((0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.088754)
    return 1.16 * y - 0.16, (500 * (x - y) + _AB) / (2 * _AB), (200 * (y - z) + _AB) / (2 * _AB)


@kernel
def _response(light: float) -> float:
    """Return the cube root, continued by a line where it is too steep."""
    if light > 0.008856:
        return float(np.cbrt(light))
    return 7.787 * light + 16 / 116
