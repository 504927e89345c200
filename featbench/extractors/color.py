"""What colours an image has, wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from featbench.base import Extractor
from featbench.errors import InputError, Shown, must_be
from featbench.numerics.threads import kernel, spread
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, Float64Array, ImageArray, Indices

__all__ = ["HueHistogram", "hue_histogram"]

_OPENCV_LEVELS = 180  # of an 8-bit hue in OpenCV, 2° each
_PIXELS_PER_THREAD = 1 << 17  # about half a millisecond, the price of starting a thread several times over


@dataclass(kw_only=True, eq=False, repr=False)
class HueHistogram(Extractor):
    """How much of each hue an image has, with the place, the brightness and the shape forgotten.

    Parameters
    ----------
    bins : int, default=16
        Bins over one turn of hue, 1 to 1530 (8-bit colours have no more hues in steps of equal size).
    weighted : bool, default=True
        Whether a pixel counts by its saturation, 0 to 1, so that grey and near-grey pixels, whose hue is
        chance, matter little. Otherwise each pixel counts one.
    levels : {"exact", "opencv"}, default="exact"
        What is put into bins: ``exact`` the hue itself; ``opencv`` its level in OpenCV's 8-bit HSV, 0 to
        179, the nearest multiple of 2°. For numbers to agree with a program that uses OpenCV; `bins` is at
        most 180 then.

    Notes
    -----
    Hue is in turns, [0, 1): red 0, green 1/3, blue 2/3; bin k covers [k / bins, (k + 1) / bins). It is
    compared as a fraction of whole numbers, so that no pixel is on the wrong side of an edge. Unweighted
    with ``levels="opencv"``, the counts are those of OpenCV's ``calcHist`` on the H channel of ``cvtColor``.
    Saturation is that of HSV, (max − min) / max. A grey pixel has no hue: the unweighted histogram counts it as red,
    in bin 0, as ``colorsys``, OpenCV and the CS231n course do; the weighted one counts it not at all. Each
    row sums to 1, or to 0 for a wholly grey image that is weighted.

    The course's ``color_histogram_hsv`` is ``HueHistogram(bins=10, weighted=False)``, but for pixels within
    rounding of an edge. Grey images are refused.

    Pictures: ``hues``, each pixel in the pure colour of its bin, as bright as it counts.

    References
    ----------
    A. R. Smith, "Color gamut transform pairs", SIGGRAPH 1978, https://doi.org/10.1145/965139.807361
    """

    any_size: ClassVar[bool] = True

    bins: Annotated[int, Bounds(ge=1, le=1530)] = 16
    weighted: bool = True
    levels: Literal["exact", "opencv"] = "exact"

    def _feature_names(self) -> AnyArray:
        """Return names such as ``hue[120°]``, by the lower edge of the bin."""
        return np.asarray([f"hue[{360 * k / self.bins:g}°]" for k in range(self.bins)], dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return ``hues``: each pixel in the pure colour of its bin, as bright as it counts."""
        pixels = np.ascontiguousarray(images).reshape(-1)
        place = np.empty(pixels.size // 3, dtype=np.uint32)
        weight = np.ones(pixels.size // 3, dtype=np.float32)
        if self.levels == "exact":
            _bins(pixels, self.bins, place)
        else:
            _opencv_levels(pixels, place)
        if self.weighted:
            _saturation(pixels, weight)
        drawing = _palette(self.bins)[_shares(self.bins, self.levels)[place]] * weight[:, None] * 255
        return {"hues": np.rint(drawing).astype(np.uint8).reshape(images.shape)}

    def _n_features(self, shape: tuple[int, ...]) -> int:
        if len(shape) != 3:
            remedy = "Grey pixels have no hue."
            raise InputError(
                must_be("HueHistogram", "images", "in colour, (n, h, w, 3)", Shown("grey"), remedy)
            )
        if self.levels == "opencv" and self.bins > _OPENCV_LEVELS:
            constraint = f'at most {_OPENCV_LEVELS} for levels="opencv"'
            raise InputError(
                must_be("HueHistogram", "bins", constraint, self.bins, "Finer hues are exact ones.")
            )
        return self.bins

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        return hue_histogram(images, bins=self.bins, weighted=self.weighted, levels=self.levels)


def hue_histogram(
    images: ImageArray,
    *,
    bins: int = 16,
    weighted: bool = True,
    levels: Literal["exact", "opencv"] = "exact",
) -> FeatureMatrix:
    """Compute normalised hue histograms; see `HueHistogram`.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3)
        C-contiguous.
    bins : int
        Bins over one turn, 1 to 1530, or to 180 for OpenCV's levels.
    weighted : bool
        Whether pixels count by their saturation.
    levels : {"exact", "opencv"}
        Whether the hue itself or OpenCV's 8-bit level of it is put into bins.

    Returns
    -------
    ndarray of float32, (n, bins)
    """
    n, height, width = images.shape[:3]
    features = np.empty((n, bins), dtype=np.float32)
    pixels = images.reshape(n, height * width * 3)
    pixels.flags.writeable = False  # of this view; numba would compile once more for read-only images

    shares = _shares(bins, levels)

    def work(start: int, stop: int) -> None:
        _count(pixels[start:stop], weighted, levels == "opencv", shares, features[start:stop])

    spread(work, n, least=max(1, _PIXELS_PER_THREAD // (height * width)))
    return features


def _shares(bins: int, levels: str) -> Indices:
    """Return the bin of every place that pixels are counted at: of each level, or of each bin itself."""
    if levels == "exact":
        return np.arange(bins)
    # The product of floats, and its rounding, is calcHist's.
    shares: Indices = np.floor(np.arange(_OPENCV_LEVELS) * (bins / _OPENCV_LEVELS)).astype(np.int64)
    return shares


def _palette(bins: int) -> Float64Array:
    """Return the pure colour in the middle of each bin, ``(bins, 3)`` RGB, 0 to 1."""
    sixths = 6 * (np.arange(bins) + 0.5) / bins
    red, green, blue = np.abs(sixths - 3) - 1, 2 - np.abs(sixths - 2), 2 - np.abs(sixths - 4)
    palette: Float64Array = np.clip(np.stack([red, green, blue], axis=1), 0, 1)
    return palette


@kernel
def _count(pixels: Any, weighted: bool, opencv: bool, shares: Any, features: Any) -> None:
    """Fill the histograms of some images, given as ``(n, 3 * pixels)``."""
    n, size = pixels.shape[0], pixels.shape[1] // 3
    places, bins = shares.shape[0], features.shape[1]
    planes, numerator, difference = _buffers(size)
    place = np.empty(size, np.uint32)
    weight = np.ones(size, np.float32)
    # Four histograms take turns: neighbours share a bin, and their sums need not wait for each other.
    parts = np.empty((4, places), np.float64)
    counts = np.empty(bins, np.float64)
    whole = size // 4 * 4
    for i in range(n):
        _fractions(pixels[i], planes, numerator, difference)
        if opencv:
            _round(numerator, difference, place)
        else:
            _floor(numerator, difference, places, place)
        if weighted:
            _saturation(pixels[i], weight)
        parts[:] = 0
        for j in range(0, whole, 4):
            for k in range(4):
                parts[k, place[j + k]] += weight[j + k]
        for j in range(whole, size):
            parts[0, place[j]] += weight[j]
        counts[:] = 0
        for k in range(places):
            parts[0, k] += parts[1, k] + parts[2, k] + parts[3, k]
        for k in range(places):
            counts[shares[k]] += parts[0, k]
        # A wholly grey image, weighted, has no mass and stays at zero.
        mass = (counts.sum() or 1.0) if weighted else float(size)
        for k in range(bins):
            features[i, k] = counts[k] / mass


@kernel
def _bins(pixels: Any, bins: int, place: Any) -> None:
    """Write each pixel's bin, ⌊bins · hue⌋."""
    planes, numerator, difference = _buffers(place.shape[0])
    _fractions(pixels, planes, numerator, difference)
    _floor(numerator, difference, bins, place)


@kernel
def _opencv_levels(pixels: Any, place: Any) -> None:
    """Write each pixel's level of hue, 0 to 179, rounded as OpenCV rounds."""
    planes, numerator, difference = _buffers(place.shape[0])
    _fractions(pixels, planes, numerator, difference)
    _round(numerator, difference, place)


@kernel
def _buffers(size: int) -> Any:
    """Return room for channels, numerators and differences of `size` pixels."""
    return np.empty((3, size), np.uint8), np.empty(size, np.int16), np.empty(size, np.int16)


@kernel
def _fractions(pixels: Any, planes: Any, numerator: Any, difference: Any) -> None:
    """Write each pixel's hue as a fraction a / 6d of whole numbers, −d ≤ a ≤ 5d, d at most 255; grey has 0 / 0."""
    red, green, blue = planes[0], planes[1], planes[2]
    # A channel in a row of its own, and nothing wider than 16 bits: registers hold twice as many.
    for j in range(red.shape[0]):
        red[j], green[j], blue[j] = pixels[3 * j], pixels[3 * j + 1], pixels[3 * j + 2]
    for j in range(red.shape[0]):
        r, g, b = np.int16(red[j]), np.int16(green[j]), np.int16(blue[j])
        high = max(r, g, b)
        d = np.int16(high - min(r, g, b))
        a = np.int16(4 * d + r - g)
        if high == g:
            a = np.int16(2 * d + b - r)
        if high == r:
            a = np.int16(g - b)
        numerator[j], difference[j] = a, d


@kernel
def _floor(numerator: Any, difference: Any, bins: int, place: Any) -> None:
    """Write bins, ⌊bins · a / 6d⌋.

    Half a unit in the numerator keeps the float32 quotient off the whole numbers by at least 0.5 / 1530, and
    its rounding error, 2⁻²⁴ · bins, stays below that: the floor is exact.
    """
    for j in range(place.shape[0]):
        a, d = np.int32(numerator[j]), np.int32(difference[j])
        a = a if a >= 0 else a + 6 * d
        # A grey pixel has d = a = 0 and lands in bin 0.
        place[j] = np.uint32((np.float32(a * bins) + np.float32(0.5)) / np.float32(6 * d if d > 0 else 1))


@kernel
def _round(numerator: Any, difference: Any, place: Any) -> None:
    """Write OpenCV's levels.

    OpenCV multiplies by a table of 180 · 2¹² / 6d, rounded. No such quotient is near enough to a half for
    float32 to round it to the other side, and a division runs in wide registers where a table does not.
    """
    for j in range(place.shape[0]):
        a, d = np.int32(numerator[j]), np.int32(difference[j])
        scale = np.int32(np.float32(30 << 12) / np.float32(d if d > 0 else 1) + np.float32(0.5))
        level = (a * scale + (1 << 11)) >> 12
        place[j] = np.uint32(level + 180 if level < 0 else level)


@kernel
def _saturation(pixels: Any, weight: Any) -> None:
    """Write each pixel's saturation, (max − min) / max, 0 to 1."""
    for j in range(weight.shape[0]):
        r, g, b = np.int32(pixels[3 * j]), np.int32(pixels[3 * j + 1]), np.int32(pixels[3 * j + 2])
        high, low = max(r, g, b), min(r, g, b)
        weight[j] = np.float32(high - low) / np.float32(high if high > 0 else 1)
