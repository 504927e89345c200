"""Images through a bank of filters: what each filter answers at each pixel."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from featbench.extractors.filters import BankName, filter_bank
from featbench.extractors.raw import to_grey
from featbench.numerics.threads import kernel, spread
from featbench.types import AnyArray, ImageArray, Indices

__all__ = ["Convolution", "Planes", "convolution_with", "each_response", "responses_of"]

Planes = NDArray[np.float32]

_WEBER = 0.03  # Varma and Zisserman's, where images have deviation 1
_BLOCK = 1 << 16  # values transformed at a time, 8 bytes each: within a cache


def each_response(
    keep: Callable[[int, Planes], None],
    images: ImageArray,
    *,
    bank: BankName,
    scale: float,
    normalize: bool,
    contrast: bool,
) -> None:
    """Filter each image, and hand its responses on.

    Parameters
    ----------
    keep : callable
        Called as ``keep(i, responses)`` with the number of an image and its ``float32 (responses, h, w)``, on
        any thread, in any order.
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        Sides of more than half a filter.
    bank, scale, normalize, contrast
        As in `featbench.extractors.filter_bank.FilterBank`.
    """
    grey = to_grey(images) if images.ndim == 4 else images

    def work(start: int, stop: int) -> None:
        # One image at a time: its transforms stay in the cache, and no other image can touch its rounding.
        for i in range(start, stop):
            keep(i, responses_of(grey[i], bank=bank, scale=scale, normalize=normalize, contrast=contrast))

    spread(work, len(grey))


def responses_of(
    image: ImageArray, *, bank: BankName, scale: float, normalize: bool, contrast: bool
) -> Planes:
    """Return the responses of one grey image, ``float32 (responses, h, w)``, in the calling thread."""
    filters, plane = filter_bank(bank, scale), image.astype(np.float32)
    _centre(plane, normalize)
    outputs = convolution_with(bank, scale, *plane.shape).outputs(plane)
    responses = np.empty((len(filters.names), *plane.shape), dtype=np.float32)
    _respond(outputs, filters.families, filters.orientations, _WEBER if contrast else 0.0, responses)
    return responses


class Convolution:
    """Convolution of images of one size, mirrored at their borders, with a bank of filters.

    Parameters
    ----------
    filters : ndarray, (filters, size, size)
        Size odd.
    height, width : int
        Of the images, in pixels; each more than ``size / 2``, so that they need mirroring once.
    """

    def __init__(self, filters: AnyArray, height: int, width: int) -> None:
        radius = filters.shape[1] // 2
        rows, first_row = _mirrored(height, radius)
        cols, first_col = _mirrored(width, radius)
        around = np.zeros((len(filters), len(rows), len(cols)), dtype=np.float32)
        offsets = np.arange(-radius, radius + 1)  # those before the centre stand at the end
        around[:, offsets[:, None], offsets] = filters
        self._transfer = fft.rfft2(around)
        self._rows, self._cols = rows[:, None], cols[None, :]
        self._inside_rows = slice(first_row, first_row + height)
        self._inside_cols = slice(first_col, first_col + width)

    def outputs(self, plane: Planes) -> Planes:
        """Return the output of each filter for one image, ``(filters, h, w)``."""
        spectrum = fft.rfft2(plane[self._rows, self._cols])
        outputs = np.empty((len(self._transfer), *plane.shape), dtype=np.float32)
        block = max(1, _BLOCK // spectrum.size)
        for start in range(0, len(outputs), block):
            part = slice(start, start + block)
            # Rows that stand outside the image need no second transform.
            lines = fft.ifft(spectrum * self._transfer[part], axis=1, overwrite_x=True)[:, self._inside_rows]
            outputs[part] = fft.irfft(lines, n=self._cols.size, axis=2)[:, :, self._inside_cols]
        return outputs


@lru_cache(maxsize=4)
def convolution_with(bank: BankName, scale: float, height: int, width: int) -> Convolution:
    """Return the convolution of images of a size with a bank; see `filter_bank`."""
    return Convolution(filter_bank(bank, scale).filters, height, width)


def _mirrored(extent: int, radius: int) -> tuple[Indices, int]:
    """Return which pixel stands where in a mirrored line, and where the first one of the image does."""
    padded = fft.next_fast_len(extent + 2 * radius, real=True)
    if 2 * extent <= padded:  # an image and its mirror image, again and again, are mirrored everywhere
        return np.concatenate([np.arange(extent), np.arange(extent)[::-1]]), 0
    return np.pad(np.arange(extent), (radius, padded - extent - radius), mode="symmetric"), radius


@kernel
def _centre(plane: Any, normalize: bool) -> None:
    """Bring a plane of whole numbers to mean 0 and to deviation 1, or to units of full brightness."""
    height, width = plane.shape
    total = squares = 0.0  # exact: they stay below 2⁵³
    for y in range(height):
        for x in range(width):
            value = np.float64(plane[y, x])
            total += value
            squares += value * value
    pixels = height * width
    # No filter sees the mean; without it, a flat image has responses of exactly 0.
    mean = total / pixels
    unit = np.sqrt((squares * pixels - total * total) / pixels**2) if normalize else 255.0
    for y in range(height):
        for x in range(width):
            plane[y, x] = (plane[y, x] - mean) / unit if unit > 0 else 0.0


@kernel
def _respond(outputs: Any, families: int, orientations: int, weber: float, responses: Any) -> None:
    """Fill ``responses (responses, h, w)`` from outputs ``(filters, h, w)``.

    Of the first families, edges, the largest absolute value of all orientations counts, of as many more, bars,
    the largest; other outputs are responses as they are. Weber's law has no place where `weber` is 0.
    """
    count, height, width = responses.shape
    factor = np.zeros(width, np.float32)
    for y in range(height):
        for k in range(count):
            if k >= 2 * families:
                responses[k, y] = outputs[k + 2 * families * (orientations - 1), y]
                continue
            for x in range(width):
                responses[k, y, x] = -np.inf
            for j in range(k * orientations, (k + 1) * orientations):
                for x in range(width):
                    value = abs(outputs[j, y, x]) if k < families else outputs[j, y, x]
                    responses[k, y, x] = max(responses[k, y, x], value)
        if weber == 0:
            continue
        factor[:] = 0
        for k in range(count):
            for x in range(width):
                factor[x] += responses[k, y, x] ** 2
        for x in range(width):
            length = np.sqrt(factor[x])
            factor[x] = np.log1p(length / weber) / length if length > 0 else 0.0
        for k in range(count):
            for x in range(width):
                responses[k, y, x] *= factor[x]
