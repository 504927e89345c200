"""The gist of a scene: how much detail of each size and direction lies in each part of an image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from featbench.base import Extractor
from featbench.extractors.grids import cell_edges, check_grid
from featbench.extractors.hog_strokes import draw_strokes
from featbench.extractors.raw import to_grey
from featbench.numerics.threads import spread
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, ImageArray, Indices

__all__ = ["GIST", "Filters", "gabor_filters", "gist", "normalize_contrast"]

Plane = NDArray[np.float32]

# Of the authors' own code. Frequencies in cycles per pixel; the others weigh squares in an exponent.
_FINEST, _RATIO = 0.3, 1.85
_ACROSS_SCALES, _ACROSS_ANGLES = 3.5, np.pi / 32
# Contrast is what is finer than four cycles an image, over its local deviation.
_CYCLES, _LEAST_DEVIATION, _CONTRAST_MARGIN = 4.0, 0.2, 5
_MARGIN = 4  # the share of the longer side, one in so many, by which an image is continued before filtering


@dataclass(kw_only=True, eq=False, repr=False)
class GIST(Extractor):
    """The gist of a scene: how much detail of each size and direction lies in each part of an image.

    The image goes through a bank of Gabor filters, each tuned to one size of detail and one direction, and
    what each lets through is averaged over the cells of a coarse grid. Streets, forests, coasts and rooms
    differ in it before any object is recognised.

    Parameters
    ----------
    scales : int, default=4
        Sizes of detail, 1 to 8: periods of 3.3, 6.2, 11.4, 21.1 … pixels.
    orientations : int, default=8
        Directions of detail over 180° at every size, 1 to 32.
    grid : int, default=4
        Cells a side of the grid that responses are averaged over.
    contrast : bool, default=True
        Whether to take logarithms, remove what is coarser than four cycles an image and divide by the local
        deviation first, so that light and shadow matter little.

    Notes
    -----
    Features are mean amplitudes of the responses, ordered scale, orientation, cell row, cell column. 0° is
    detail that changes towards larger columns, 90° towards larger rows. Images are mirrored at their borders
    by a quarter of the longer side. Colour is turned into grey first, by the luma of ITU-R BT.601.

    Deviations from the authors' code: images keep their size and need not be square, where that code resizes
    them and mirrors 32 pixels; as many orientations at every scale; no filter lets the mean pass; no
    principal components, which a preprocessing step can take; float32.

    Pictures: ``strokes``, in each cell lines along its detail of all sizes, as bright as it is strong.

    References
    ----------
    A. Oliva and A. Torralba, "Modeling the shape of the scene: a holistic representation of the spatial
    envelope", IJCV 42(3), 2001, https://doi.org/10.1023/A:1011139631724
    """

    any_size: ClassVar[bool] = True

    scales: Annotated[int, Bounds(ge=1, le=8)] = 4
    orientations: Annotated[int, Bounds(ge=1, le=32)] = 8
    grid: Annotated[int, Bounds(ge=1)] = 4
    contrast: bool = True

    def _feature_names(self) -> AnyArray:
        """Return names such as ``gist[period 6.2; 45°; cell 0,3]``, periods in pixels."""
        names = [
            f"gist[period {_RATIO**scale / _FINEST:.1f}; {180 * k / self.orientations:g}°; cell {r},{c}]"
            for scale, k in product(range(self.scales), range(self.orientations))
            for r, c in product(range(self.grid), repeat=2)
        ]
        return np.asarray(names, dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return ``strokes``: in each cell lines along its detail of all sizes."""
        features = self._extract(images)
        amplitudes = features.reshape(-1, self.scales, self.orientations, self.grid, self.grid).sum(axis=1)
        return {"strokes": draw_strokes(np.moveaxis(amplitudes, 1, -1), -90 / self.orientations)}

    def _n_features(self, shape: tuple[int, ...]) -> int:
        check_grid("GIST", shape, self.grid)
        return self.scales * self.orientations * self.grid**2

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        return gist(
            images,
            scales=self.scales,
            orientations=self.orientations,
            grid=self.grid,
            contrast=self.contrast,
        )


def gist(
    images: ImageArray, *, scales: int = 4, orientations: int = 8, grid: int = 4, contrast: bool = True
) -> FeatureMatrix:
    """Compute mean Gabor amplitudes on a grid; see `GIST`.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        At least `grid` pixels high and wide.
    scales, orientations, grid, contrast
        As in `GIST`.

    Returns
    -------
    ndarray of float32, (n, scales * orientations * grid * grid)
    """
    grey = to_grey(images) if images.ndim == 4 else images
    n, height, width = grey.shape
    filters = gabor_filters(height, width, scales, orientations)
    rows, cols = cell_edges(height, grid), cell_edges(width, grid)
    pixels = np.outer(np.diff(rows), np.diff(cols))
    features = np.empty((n, scales * orientations, grid, grid), dtype=np.float32)

    def work(start: int, stop: int) -> None:
        # One image at a time: its transforms stay in the cache, and no other image can touch its rounding.
        for i in range(start, stop):
            plane = normalize_contrast(grey[i]) if contrast else grey[i].astype(np.float32)
            amplitudes = filters.amplitudes(plane)
            sums = np.add.reduceat(np.add.reduceat(amplitudes, rows[:-1], axis=1), cols[:-1], axis=2)
            features[i] = sums / pixels

    spread(work, n)
    return features.reshape(n, -1)


class Filters:
    """Gabor filters for images of one size, and what they need around an image.

    Parameters
    ----------
    transfer : ndarray of float32, (filters, H, W)
        Each filter in the frequency domain, for images that have been continued to H × W.
    rows, cols : ndarray of int64, (H,) and (W,)
        Which pixel stands where in a continued image.
    inside : tuple of slice
        Where the image lies in the continued one.
    """

    def __init__(self, transfer: Plane, rows: Indices, cols: Indices, inside: tuple[slice, slice]) -> None:
        self.transfer = transfer
        self._rows, self._cols, self._inside = rows[:, None], cols[None, :], inside

    def amplitudes(self, plane: Plane) -> Plane:
        """Return the amplitude of each filter's response to one image, ``(filters, h, w)``."""
        spectrum = fft.fft2(plane[self._rows, self._cols])
        responses = fft.ifft2(spectrum * self.transfer, overwrite_x=True)[:, *self._inside]
        amplitudes: Plane = np.sqrt(responses.real**2 + responses.imag**2)
        return amplitudes


@lru_cache(maxsize=4)
def gabor_filters(height: int, width: int, scales: int, orientations: int) -> Filters:
    """Return the filters, ordered scale, orientation.

    A filter lets frequencies near its own pass, and no negative ones: the response is complex, and its
    amplitude does not ripple with the phase.
    """
    margin = -(-max(height, width) // _MARGIN)
    rows, cols = _mirrored(height, margin), _mirrored(width, margin)
    f_row, f_col = fft.fftfreq(len(rows))[:, None], fft.fftfreq(len(cols))[None, :]
    frequency, angle = np.hypot(f_row, f_col), np.arctan2(f_row, f_col)
    transfer = np.empty((scales, orientations, len(rows), len(cols)), dtype=np.float32)
    for scale, k in product(range(scales), range(orientations)):
        off_scale = frequency * _RATIO**scale / _FINEST - 1
        turned = angle - np.pi * k / orientations
        off_angle = turned - 2 * np.pi * np.round(turned / (2 * np.pi))
        exponent = _ACROSS_SCALES * off_scale**2 + _ACROSS_ANGLES * (orientations * off_angle) ** 2
        transfer[scale, k] = np.exp(-exponent)
    transfer[..., 0, 0] = 0  # the mean of an image has no direction
    inside = (slice(margin, margin + height), slice(margin, margin + width))
    return Filters(transfer.reshape(-1, len(rows), len(cols)), rows, cols, inside)


def normalize_contrast(image: ImageArray) -> Plane:
    """Return the local contrast of a grey image, float32 (h, w): its logarithm, brought to mean 0, deviation ≤ 1.

    Both are local: low-pass filtered at four cycles an image.
    """
    rows, cols, low_pass = _contrast_filter(*image.shape)
    plane = np.log1p(image.astype(np.float32))[rows[:, None], cols[None, :]]

    def smooth(values: Plane) -> Plane:
        smoothed: Plane = fft.irfft2(fft.rfft2(values) * low_pass, s=values.shape)
        return smoothed

    plane = plane - smooth(plane)
    # The filter has no negative weights, but for rounding.
    deviation: Plane = np.sqrt(np.maximum(smooth(plane**2), 0))
    margin = _CONTRAST_MARGIN
    contrast: Plane = np.divide(plane, _LEAST_DEVIATION + deviation, dtype=np.float32)
    return contrast[margin : margin + image.shape[0], margin : margin + image.shape[1]]


@lru_cache(maxsize=4)
def _contrast_filter(height: int, width: int) -> tuple[Indices, Indices, Plane]:
    """Return the rows and columns of an image that is mirrored at its borders, and the low-pass filter."""
    rows, cols = _mirrored(height, _CONTRAST_MARGIN), _mirrored(width, _CONTRAST_MARGIN)
    cycles_row = fft.fftfreq(len(rows))[:, None] * max(height, width)
    cycles_col = fft.rfftfreq(len(cols))[None, :] * max(height, width)
    low_pass = np.exp2(-(cycles_row**2 + cycles_col**2) / _CYCLES**2)
    return rows, cols, low_pass.astype(np.float32)


def _mirrored(extent: int, margin: int) -> Indices:
    """Return the pixels of one axis, mirrored at both ends, to a length that transforms fast."""
    spare = fft.next_fast_len(extent + 2 * margin) - extent - 2 * margin
    mirrored: Indices = np.pad(np.arange(extent), (margin, margin + spare), mode="symmetric")
    return mirrored
