"""Additive kernels of histograms, χ² and intersection, as maps: their dot products are nearly the kernels.

Both kernels are homogeneous, k(x, y) = √(xy) · K(log(y / x)), and differ in K alone. K is nearly a short sum of
cosines, Σ cⱼ cos(jLλ), each of which is the dot product of two numbers that depend on x and on y alone. One
function serves both kernels; for χ² it is equal to scikit-learn's `AdditiveChi2Sampler`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from featbench.base import FeatureMap
from featbench.errors import InputError, Shown, must_be
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, Float64Array

__all__ = ["Chi2", "Intersection"]

# Sampling intervals for 1, 2 and 3 steps: Vedaldi & Zisserman (2012), figure 2 c, as scikit-learn has them.
_CHI2_INTERVALS = {1: 0.8, 2: 0.5, 3: 0.4}

# The mean squared error over ratios y / x from 1/100 to 100, uniform in their logarithm, is least here.
_INTERSECTION_INTERVALS = {1: 0.68, 2: 0.83, 3: 0.74}
_INTERSECTION_INTERVAL = 0.72  # for more steps, within 0.03 of the best up to 8


@dataclass(kw_only=True, eq=False, repr=False)
class _Homogeneous(FeatureMap):
    """What the two maps share."""

    sample_steps: Annotated[int, Bounds(ge=1)] = 2
    sample_interval: Annotated[float, Bounds(gt=0)] | None = None

    @abstractmethod
    def _interval(self) -> float:
        """Return the step L between sampled frequencies."""

    @abstractmethod
    def _weights(self, interval: float) -> Float64Array:
        """Return c₀ … of the sum of cosines."""

    def get_feature_names_out(self, input_features: Any = None) -> AnyArray:
        """Return names such as ``hue[0°] cos1``: first all columns' roots, then cosines and sines."""
        inputs = [f"x{i}" for i in range(self.n_features_in_)] if input_features is None else input_features
        kinds = ["root", *(f"{wave}{j}" for j in range(1, self.sample_steps) for wave in ("cos", "sin"))]
        return np.asarray([f"{name} {kind}" for kind in kinds for name in inputs], dtype=object)

    def _n_out(self, d: int) -> int:
        self._interval()
        return d * (2 * int(self.sample_steps) - 1)

    def _admit(self, X: FeatureMatrix) -> None:
        if X.min(initial=0) >= 0:
            return
        negative = X < 0
        columns = ", ".join(map(str, np.flatnonzero(negative.any(axis=0))[:5]))
        got = Shown(f"{int(negative.sum())} negative values, in columns {columns}")
        remedy = "The kernel is one of histograms: leave out maps and settings that centre or sign features."
        raise InputError(must_be(type(self).__name__, "rows", "≥ 0", got, remedy))

    def _map(self, X: FeatureMatrix) -> AnyArray:
        n, d = X.shape
        interval = self._interval()
        mapped = np.empty((n, 2 * self.sample_steps - 1, d), dtype=np.float32)
        roots = np.sqrt(X)
        # The root is 0 where the logarithm has no value, and its stand-in does not matter.
        turn = np.log(np.where(X > 0, X, 1)) * np.float32(interval)
        for j, weight in enumerate(self._weights(interval).astype(np.float32)):
            if j == 0:
                np.multiply(roots, np.sqrt(weight), out=mapped[:, 0])
                continue
            size = roots * np.sqrt(2 * weight)
            np.multiply(size, np.cos(j * turn), out=mapped[:, 2 * j - 1])
            np.multiply(size, np.sin(j * turn), out=mapped[:, 2 * j])
        return mapped.reshape(n, -1)


@dataclass(kw_only=True, eq=False, repr=False)
class Chi2(_Homogeneous):
    """The additive χ² kernel of histograms as a map, for linear classifiers.

    Parameters
    ----------
    sample_steps : int, default=2
        Frequencies that the kernel's spectrum is sampled at, at least 1; a row gets 2 · `sample_steps` − 1
        times as long.
    sample_interval : float or None, default=None
        Between those frequencies, above 0. None takes 0.8, 0.5 and 0.4 for 1, 2 and 3 steps; for more it must
        be given.

    Notes
    -----
    Dot products are nearly Σ 2xy / (x + y), the sum over columns. For rows that are not negative, such as
    histograms; others are refused. Equal to scikit-learn's `AdditiveChi2Sampler`, column for column.

    References
    ----------
    A. Vedaldi and A. Zisserman, "Efficient additive kernels via explicit feature maps", IEEE Transactions on
    Pattern Analysis and Machine Intelligence 34 (2012), doi:10.1109/TPAMI.2011.153

    Examples
    --------
    >>> from featbench.maps import Chi2
    >>> a, b = Chi2(sample_steps=3).fit_transform([[0.2, 0.8], [0.5, 0.5]])
    >>> print(f"{a @ b:.2f} for {2 * 0.2 * 0.5 / 0.7 + 2 * 0.8 * 0.5 / 1.3:.2f}")
    0.87 for 0.90
    """

    def _interval(self) -> float:
        if self.sample_interval is None and self.sample_steps not in _CHI2_INTERVALS:
            remedy = "Write a number such as 0.3."
            constraint = f"given for {self.sample_steps} steps"
            raise InputError(must_be("Chi2", "sample_interval", constraint, None, remedy))
        return self.sample_interval or _CHI2_INTERVALS[self.sample_steps]

    def _weights(self, interval: float) -> Float64Array:
        # K(λ) = sech(λ / 2) has the spectrum sech(πω).
        return np.asarray(interval / np.cosh(np.pi * interval * np.arange(self.sample_steps)))


@dataclass(kw_only=True, eq=False, repr=False)
class Intersection(_Homogeneous):
    """The intersection kernel of histograms as a map, for linear classifiers.

    Parameters
    ----------
    sample_steps : int, default=2
        Cosines that the kernel is written as a sum of, at least 1; a row gets 2 · `sample_steps` − 1 times as
        long.
    sample_interval : float or None, default=None
        Between their frequencies, above 0; the sum repeats itself beyond ratios y / x of exp(π / interval). None
        takes the one of least mean squared error over ratios from 1/100 to 100.

    Notes
    -----
    Dot products are nearly Σ min(x, y), the sum over columns. For rows that are not negative, such as
    histograms; others are refused. K(λ) = exp(−abs(λ) / 2), cut at ± π / interval and repeated, is the sum of its
    Fourier series, whose coefficients are known in closed form; the map takes the first `sample_steps`. (The
    paper's rectangular window.)

    References
    ----------
    A. Vedaldi and A. Zisserman, "Efficient additive kernels via explicit feature maps", IEEE Transactions on
    Pattern Analysis and Machine Intelligence 34 (2012), doi:10.1109/TPAMI.2011.153

    Examples
    --------
    >>> from featbench.maps import Intersection
    >>> a, b = Intersection(sample_steps=3).fit_transform([[0.2, 0.8], [0.5, 0.5]])
    >>> print(f"{a @ b:.2f} for {0.2 + 0.5:.2f}")
    0.72 for 0.70
    """

    def _interval(self) -> float:
        return self.sample_interval or _INTERSECTION_INTERVALS.get(self.sample_steps, _INTERSECTION_INTERVAL)

    def _weights(self, interval: float) -> Float64Array:
        j = np.arange(self.sample_steps)
        ends = (-1.0) ** j * np.exp(-np.pi / (2 * interval))  # cos(jLλ) K(λ) at λ = ± π / L
        return np.asarray(2 * interval / np.pi * (1 - ends) / (1 + 4 * (j * interval) ** 2))
