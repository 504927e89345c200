"""The filter banks of texture classification: Leung–Malik, maximum response (MR8) and Schmid.

Each as in the code that Varma and Zisserman published with their comparison of them,
https://www.robots.ox.ac.uk/~vgg/research/texclass/filters.html: sampled at pixels on 49 × 49, brought to
mean zero, then divided by the sum of absolute values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal, TypeAlias

import numpy as np

from featbench.types import Float64Array

__all__ = ["Bank", "BankName", "filter_bank", "radius_of"]

BankName: TypeAlias = Literal["mr8", "lm", "schmid"]

_RADIUS = 24  # 49 × 49 pixels at scale 1
_ORIENTATIONS = 6
_ELONGATION = 3  # of edge and bar filters, along over across
_MR8_WIDTHS, _MR8_SPOT = (1.0, 2.0, 4.0), 10.0
_LM_WIDTHS, _LM_SPOTS = (2**0.5, 2.0, 8**0.5), (2**0.5, 2.0, 8**0.5, 4.0)
# Deviation in pixels, and cycles over two deviations.
_SCHMID = tuple(
    (sigma, cycles)
    for sigma, most in ((2, 1), (4, 2), (6, 3), (8, 3), (10, 4))
    for cycles in range(1, most + 1)
)

_Profile: TypeAlias = Callable[[Float64Array, Float64Array, float], Float64Array]


@dataclass(frozen=True, eq=False)
class Bank:
    """Filters, and how their outputs become responses.

    Attributes
    ----------
    filters : ndarray of float64, (filters, size, size)
        For convolution, size odd; each sums to 0 and its absolute values to 1.
    names : tuple of str
        What each response is, such as ``"bar σ 2"``; σ in pixels.
    shown : tuple of int
        For each response a filter that stands for it.
    families : int
        Families of edges that come first, and of bars that come next, each of which gives one response: the
        strongest of its orientations. 0 where every filter gives a response of its own.
    orientations : int
        Filters of a family.
    """

    filters: Float64Array
    names: tuple[str, ...]
    shown: tuple[int, ...]
    families: int
    orientations: int


def radius_of(scale: float) -> int:
    """Return how many pixels the filters reach to either side of their centre, 24 at scale 1."""
    return round(_RADIUS * scale)


@lru_cache(maxsize=8)
def filter_bank(name: BankName, scale: float = 1.0) -> Bank:
    """Return a bank of filters.

    Parameters
    ----------
    name : {"mr8", "lm", "schmid"}
        ``mr8``: edges and bars, σ 1, 2 and 4, in six orientations, a Gaussian and a Laplacian of Gaussian,
        σ 10; 38 filters. ``lm``: edges and bars, σ √2, 2 and 2√2, in six orientations, Gaussians of σ √2, 2,
        2√2 and 4, Laplacians of these and of three times these; 48 filters. ``schmid``: 13 filters of rings.
    scale : float
        Factor of all deviations and of the support.

    Returns
    -------
    Bank
        Read-only.
    """
    if name == "schmid":
        filters = [_sample(_rings(cycles), 0.0, scale * sigma, scale) for sigma, cycles in _SCHMID]
        names = [f"rings σ {scale * sigma:.3g}, {cycles} cycles" for sigma, cycles in _SCHMID]
        return _bank(filters, names, range(len(filters)), families=0)
    widths = _MR8_WIDTHS if name == "mr8" else _LM_WIDTHS
    angles = [180 * k / _ORIENTATIONS for k in range(_ORIENTATIONS)]
    kinds: tuple[tuple[str, _Profile], ...] = (("edge", _edge), ("bar", _bar))
    filters = [
        _sample(profile, angle, scale * width, scale)
        for (_, profile), width, angle in product(kinds, widths, angles)
    ]
    if name == "mr8":
        names = [f"{kind} σ {scale * width:.3g}" for (kind, _), width in product(kinds, widths)]
        spots = [("gaussian", _MR8_SPOT), ("laplacian", _MR8_SPOT)]
    else:
        names = [
            f"{kind} σ {scale * width:.3g}, {angle:g}°"
            for (kind, _), width, angle in product(kinds, widths, angles)
        ]
        spots = [("gaussian", sigma) for sigma in _LM_SPOTS]
        spots += [("laplacian", factor * sigma) for factor in (1, 3) for sigma in _LM_SPOTS]
    step = _ORIENTATIONS if name == "mr8" else 1
    shown = [*range(0, len(filters), step), *range(len(filters), len(filters) + len(spots))]
    for kind, sigma in spots:
        filters.append(_sample(_gaussian if kind == "gaussian" else _laplacian, 0.0, scale * sigma, scale))
        names.append(f"{kind} σ {scale * sigma:.3g}")
    return _bank(filters, names, shown, families=len(widths) if name == "mr8" else 0)


def _bank(filters: list[Float64Array], names: list[str], shown: list[int] | range, *, families: int) -> Bank:
    stacked = np.stack(filters)
    stacked.flags.writeable = False  # the cache hands the same array to everyone
    return Bank(stacked, tuple(names), tuple(shown), families, _ORIENTATIONS)


def _sample(profile: _Profile, angle: float, sigma: float, scale: float) -> Float64Array:
    """Sample a profile, turned by `angle` degrees from larger columns to larger rows, and normalise it."""
    radius = radius_of(scale)
    row, col = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    values = profile(cosine * col + sine * row, cosine * row - sine * col, sigma)
    values = values - values.mean()
    normalised: Float64Array = values / np.abs(values).sum()
    return normalised


def _edge(across: Float64Array, along: Float64Array, sigma: float) -> Float64Array:
    """First derivative of a Gaussian: as a convolution, positive where brightness rises."""
    return -across * _elongated(across, along, sigma)


def _bar(across: Float64Array, along: Float64Array, sigma: float) -> Float64Array:
    """Second derivative of a Gaussian: positive on dark bars."""
    return (across**2 - sigma**2) * _elongated(across, along, sigma)


def _elongated(across: Float64Array, along: Float64Array, sigma: float) -> Float64Array:
    gaussian: Float64Array = np.exp(-(across**2 + (along / _ELONGATION) ** 2) / (2 * sigma**2))
    return gaussian


def _gaussian(x: Float64Array, y: Float64Array, sigma: float) -> Float64Array:
    gaussian: Float64Array = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return gaussian


def _laplacian(x: Float64Array, y: Float64Array, sigma: float) -> Float64Array:
    return (x**2 + y**2 - 2 * sigma**2) * _gaussian(x, y, sigma)


def _rings(cycles: int) -> _Profile:
    def profile(x: Float64Array, y: Float64Array, sigma: float) -> Float64Array:
        waves: Float64Array = np.cos(np.pi * cycles / sigma * np.hypot(x, y)) * _gaussian(x, y, sigma)
        return waves

    return profile
