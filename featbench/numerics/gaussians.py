"""A mixture of Gaussians of diagonal covariance: how likely each made a row, and what its rows sum up to."""

from __future__ import annotations

import numpy as np

from featbench.types import AnyArray, Float64Array

__all__ = ["Gaussians"]


class Gaussians:
    """A mixture of k Gaussians in d dimensions, as the coefficients of its matrix products; in float64.

    Logarithms of densities are linear in a row's *powers*, its d numbers and their d squares, so that densities
    are one matrix product, and the sums that a fit or a Fisher vector is made of another.

    Parameters
    ----------
    weights : ndarray, (k,)
        Above 0; their sum is 1.
    means, variances : ndarray, (k, d)
        Variances are above 0.

    Attributes
    ----------
    centre : ndarray of float64, (d,)
        The mixture's own mean, which powers are taken about: squares far from 0 would cancel.
    means : ndarray of float64, (k, d)
        About the centre.
    """

    def __init__(self, weights: AnyArray, means: AnyArray, variances: AnyArray) -> None:
        self.weights, self.variances = np.asarray(weights, np.float64), np.asarray(variances, np.float64)
        self.centre: Float64Array = self.weights @ np.asarray(means, np.float64) / self.weights.sum()
        self.means: Float64Array = np.asarray(means, np.float64) - self.centre
        precisions = 1 / self.variances
        linear = self.means * precisions
        self._coefficients = np.concatenate([linear, -0.5 * precisions], axis=1).T.copy()
        squares = np.einsum("kd,kd->k", linear, self.means)
        volumes = np.log(2 * np.pi * self.variances).sum(axis=1)
        self._constants = np.log(self.weights) - 0.5 * (volumes + squares)

    def powers(self, X: AnyArray) -> Float64Array:
        """Return rows about the centre, and their squares beside them: (m, 2 d)."""
        d = X.shape[1]
        powers = np.empty((len(X), 2 * d))
        np.subtract(X, self.centre, out=powers[:, :d])
        np.square(powers[:, :d], out=powers[:, d:])
        return powers

    def posteriors(self, powers: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Return how likely each Gaussian made a row, (m, k), and the logarithm of each row's density, (m,)."""
        shares = powers @ self._coefficients
        shares += self._constants
        largest = shares.max(axis=1)
        shares -= largest[:, None]
        np.exp(shares, out=shares)
        totals = shares.sum(axis=1)
        shares /= totals[:, None]
        return shares, largest + np.log(totals)
