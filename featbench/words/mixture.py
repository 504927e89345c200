"""A codebook of Gaussians: words that know how far their descriptors spread, for Fisher vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple, Self

import numpy as np

from featbench.base import check_rows
from featbench.numerics.blas import serial_blas
from featbench.numerics.gaussians import Gaussians
from featbench.numerics.kmeans import lloyd
from featbench.numerics.kmeans_start import spread_out_rows
from featbench.numerics.nearest_words import nearest_words
from featbench.numerics.threads import spread
from featbench.parameters import Bounds, check_parameters
from featbench.types import FeatureMatrix, Float64Array
from featbench.words.parts import Codebook

__all__ = ["Mixture"]

# Descriptors whose powers and shares are at hand at once: within a core's cache.
_ROWS = 512
# Sums of so many runs of descriptors are added in their order, whatever the number of threads.
_RUNS = 32
_START = 10  # iterations of k-means


@dataclass(kw_only=True, eq=False, repr=False)
class Mixture(Codebook):
    """A mixture of Gaussians of diagonal covariance, fitted by expectation and maximisation from k-means.

    Parameters
    ----------
    words : int, default=64
        How many Gaussians, at least 1.
    iterations : int, default=100
        At most so many, at least 1.
    tolerance : float, default=1e-3
        Iterations end where the mean logarithm of the descriptors' density gains less, at least 0.
    added : float, default=1e-4
        To every variance, as a share of the descriptors' mean variance, above 0: a Gaussian does not collapse where
        its descriptors do not differ. Where none do, it is added as it is.

    Attributes
    ----------
    words_ : ndarray of float32, (words, D)
        Means.
    weights_ : ndarray of float64, (words,)
        Share of the descriptors that each Gaussian makes; their sum is 1.
    variances_ : ndarray of float32, (words, D)
    log_likelihoods_ : ndarray of float64, (iterations done,)
        Mean logarithm of the descriptors' density before each iteration; it never falls, but for what `added` does.

    Notes
    -----
    The same steps as scikit-learn's ``GaussianMixture(covariance_type="diag")``, whose ``reg_covar`` is what `added`
    comes to, and which keeps as many numbers a descriptor as there are words; here sums are taken run by run, in
    float64 and in one order, so that the same seed gives the same words with any number of threads.

    Descriptors should be about uncorrelated, as after the map `pca`: a Gaussian of diagonal covariance knows no
    correlations.

    References
    ----------
    A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm",
    Journal of the Royal Statistical Society B 39 (1977), doi:10.1111/j.2517-6161.1977.tb01600.x
    """

    words: Annotated[int, Bounds(ge=1)] = 64
    iterations: Annotated[int, Bounds(ge=1)] = 100
    tolerance: Annotated[float, Bounds(ge=0)] = 1e-3
    added: Annotated[float, Bounds(gt=0)] = 1e-4

    def fit(self, X: FeatureMatrix, random_state: int = 0) -> Self:
        """Start from the cells of k-means and improve the likelihood until it stands."""
        check_parameters(self)
        X = check_rows(X, "Mixture")
        start = X[spread_out_rows(X, self.words, np.random.default_rng(random_state), "Mixture")]
        words = lloyd(X, start, _START).words
        sphere = Gaussians(np.full(self.words, 1 / self.words), words, np.ones(words.shape))
        sums = _sums(X, sphere, words)
        added = self.added * (sums.variance() or 1)
        mixture = _maximise(sphere, sums, added)
        likelihoods: list[float] = []
        while len(likelihoods) < self.iterations:
            sums = _sums(X, mixture)
            likelihoods.append(sums.likelihood / len(X))
            mixture = _maximise(mixture, sums, added)
            if len(likelihoods) > 1 and likelihoods[-1] - likelihoods[-2] < self.tolerance:
                break
        self.words_ = (mixture.means + mixture.centre).astype(np.float32)
        self.weights_: Float64Array = mixture.weights
        self.variances_: FeatureMatrix = mixture.variances.astype(np.float32)
        self.log_likelihoods_: Float64Array = np.array(likelihoods)
        return self


class _Sums(NamedTuple):
    """What words have of all descriptors: how many, their powers, and the logarithm of their density."""

    counts: Float64Array
    powers: Float64Array
    likelihood: float

    def variance(self) -> float:
        """Return the mean variance of all descriptors' numbers."""
        first, second = np.split(self.powers.sum(axis=0) / self.counts.sum(), 2)
        return float(np.maximum(second - first**2, 0).mean())


def _maximise(mixture: Gaussians, sums: _Sums, added: float) -> Gaussians:
    """Return the mixture that fits its shares of descriptors best; sums are of powers about its centre."""
    # As scikit-learn: a Gaussian without descriptors keeps a weight above 0.
    counts = sums.counts + 10 * np.finfo(np.float64).eps
    means, squares = np.split(sums.powers / counts[:, None], 2, axis=1)
    variances = np.maximum(squares - means**2, 0) + added
    return Gaussians(counts / counts.sum(), means + mixture.centre, variances)


def _sums(X: FeatureMatrix, mixture: Gaussians, words: FeatureMatrix | None = None) -> _Sums:
    """Sum up descriptors: by how likely each Gaussian made them, or where words are given, by the nearest."""
    k, d = mixture.means.shape
    counts, powers, likelihoods = np.zeros((_RUNS, k)), np.zeros((_RUNS, k, 2 * d)), np.zeros(_RUNS)
    edges = [len(X) * run // _RUNS for run in range(_RUNS + 1)]

    def work(start: int, stop: int) -> None:
        for run in range(start, stop):
            for first in range(edges[run], edges[run + 1], _ROWS):
                rows = X[first : min(first + _ROWS, edges[run + 1])]
                own = mixture.powers(rows)
                if words is None:
                    shares, logs = mixture.posteriors(own)
                    likelihoods[run] += logs.sum()
                else:
                    shares = np.equal(nearest_words(rows, words), np.arange(k)).astype(np.float64)
                counts[run] += shares.sum(axis=0)
                powers[run] += shares.T @ own

    with serial_blas():
        spread(work, _RUNS)
    return _Sums(counts.sum(axis=0), powers.sum(axis=0), float(likelihoods.sum()))
