"""Random projections with a nonlinearity: kernels without a kernel matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from featbench.base import FeatureMap
from featbench.maps.bandwidth import variance_bandwidth
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix

__all__ = ["RandomFourier", "RandomReLU"]


@dataclass(kw_only=True, eq=False, repr=False)
class RandomFourier(FeatureMap):
    """The Gaussian kernel as a map: cosines of random projections.

    Parameters
    ----------
    components : int, default=1000
        How many cosines, at least 1. The kernel is met with a standard deviation of at most
        √(1 / `components`).
    gamma : float or "scale", default="scale"
        Of the kernel exp(−gamma · ‖x − y‖²), above 0; ``scale`` is 1 / (d · the variance of all numbers in
        training rows), as in scikit-learn.
    random_state : int, default=0
        Seed of the projections.

    Attributes
    ----------
    gamma_ : float
    weights_ : ndarray of float32, (d, components)
    offsets_ : ndarray of float32, (components,)
        In radians, [0, 2π).

    Notes
    -----
    Projections are drawn by scikit-learn's `RBFSampler`, to which the map is equal.

    References
    ----------
    A. Rahimi and B. Recht, "Random features for large-scale kernel machines", NIPS 2007,
    https://papers.nips.cc/paper/3182-random-features-for-large-scale-kernel-machines

    Examples
    --------
    >>> from featbench.maps import RandomFourier
    >>> a, b = RandomFourier(components=20_000, gamma=0.5).fit_transform([[0, 0], [1, 1]])
    >>> print(f"{a @ b:.2f} for {2.718281828**-1:.2f}")
    0.36 for 0.37
    """

    components: Annotated[int, Bounds(ge=1)] = 1000
    gamma: Annotated[float, Bounds(gt=0)] | Literal["scale"] = "scale"
    random_state: int = 0

    def _n_out(self, d: int) -> int:  # noqa: ARG002 - any length will do
        return int(self.components)

    def _fit(self, X: FeatureMatrix) -> None:
        from sklearn.kernel_approximation import RBFSampler

        self.gamma_ = variance_bandwidth(X) if self.gamma == "scale" else float(self.gamma)
        sampler = RBFSampler(
            gamma=self.gamma_, n_components=self.components, random_state=self.random_state
        ).fit(X[:1])
        self.weights_ = np.asarray(sampler.random_weights_, dtype=np.float32)
        self.offsets_ = np.asarray(sampler.random_offset_, dtype=np.float32)

    def _map(self, X: FeatureMatrix) -> AnyArray:
        mapped: FeatureMatrix = X @ self.weights_
        mapped += self.offsets_
        np.cos(mapped, out=mapped)
        mapped *= np.float32((2 / self.components) ** 0.5)
        return mapped


@dataclass(kw_only=True, eq=False, repr=False)
class RandomReLU(FeatureMap):
    """The first layer of a network that nobody trained: random projections, and what is negative cut off.

    Parameters
    ----------
    components : int, default=1000
        How many projections, at least 1.
    center : bool, default=True
        Whether the mean training row is subtracted first. Without it, features that are all positive, such as
        histograms, lie on one side of most cuts.
    random_state : int, default=0
        Seed of the projections.

    Attributes
    ----------
    mean_ : ndarray of float32, (d,)
        Zeros where rows are not centred.
    weights_ : ndarray of float32, (d, components)
        Of a standard normal distribution, times √(2 / components).

    Notes
    -----
    On average over seeds, dot products are the arc-cosine kernel of degree 1:
    ‖x‖ ‖y‖ (sin θ + (π − θ) cos θ) / π, with θ the angle between the (centred) rows. There is no bias: twice the
    row, twice the features.

    References
    ----------
    Y. Cho and L. K. Saul, "Kernel methods for deep learning", NIPS 2009,
    https://papers.nips.cc/paper/3628-kernel-methods-for-deep-learning

    Examples
    --------
    >>> from featbench.maps import RandomReLU
    >>> a, b = RandomReLU(components=20_000, center=False).fit_transform([[2, 0], [0, 2]])
    >>> print(f"{a @ a:.1f} for 4, {a @ b:.1f} for {4 / 3.14159:.1f}")
    4.1 for 4, 1.3 for 1.3
    """

    components: Annotated[int, Bounds(ge=1)] = 1000
    center: bool = True
    random_state: int = 0

    def _n_out(self, d: int) -> int:  # noqa: ARG002 - any length will do
        return int(self.components)

    def _fit(self, X: FeatureMatrix) -> None:
        d = X.shape[1]
        mean = X.mean(axis=0, dtype=np.float64) if self.center else np.zeros(d)
        self.mean_ = mean.astype(np.float32)
        weights = np.random.default_rng(self.random_state).standard_normal((d, self.components), np.float32)
        self.weights_ = weights * np.float32((2 / self.components) ** 0.5)

    def _map(self, X: FeatureMatrix) -> AnyArray:
        mapped: FeatureMatrix = (X - self.mean_) @ self.weights_
        np.maximum(mapped, 0, out=mapped)
        return mapped
