"""Fisher vectors: which way an image would move the words, and how it would stretch them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.numerics.gaussians import Gaussians
from featbench.numerics.namespace import beside, namespace
from featbench.types import AnyArray, FeatureMatrix, Float64Array, Indices
from featbench.words.by_cell import rows_by_cell
from featbench.words.mixture import Mixture
from featbench.words.parts import Codebook, Encoding, Reduction

__all__ = ["Fisher"]

# Descriptors whose powers and shares are at hand at once: within a core's cache, and enough for a matrix product.
_ROWS = 512


@dataclass(kw_only=True, eq=False, repr=False)
class Fisher(Encoding):
    """Fisher vectors: the gradient of the descriptors' likelihood by each word's mean and variance.

    Notes
    -----
    Needs the codebook `gmm`. A descriptor x that word k has made with probability q has the numbers
    q (x − μ) / (√w σ) and q (1 − (x − μ)² / σ²) / √(2 w), with the word's weight w, mean μ and variance σ²; a code
    has the first for all words, word by word, then the second: 2 · words · D numbers.

    The pooling's ``how="mean"`` makes them the Fisher vector of a cell's descriptors, the sum divided by their
    number as in the papers; ``"sum"`` differs from it by a factor a cell, which `l2` takes away where there is one
    cell. The "improved" Fisher vector is followed by the maps `power` and `l2`.

    Equal to scikit-image's ``fisher_vector`` without the gradients by the weights, the first numbers there, which add
    little (Sánchez et al., section 2.3). As there, the second half has the opposite sign of the papers', which
    changes no dot product of two images.

    References
    ----------
    F. Perronnin, J. Sánchez and T. Mensink, "Improving the Fisher kernel for large-scale image
    classification", ECCV 2010, doi:10.1007/978-3-642-15561-1_11

    J. Sánchez, F. Perronnin, T. Mensink and J. Verbeek, "Image classification with the Fisher vector: theory and
    practice", IJCV 105 (2013), doi:10.1007/s11263-013-0636-x
    """

    reductions: ClassVar[tuple[Reduction, ...]] = ("sum",)

    def length(self, codebook: Codebook) -> int:
        """Return two numbers for each of a word's."""
        return 2 * int(_mixture(codebook).words_.size)

    def codes(self, X: AnyArray, codebook: Codebook) -> AnyArray:
        """Return each descriptor's own Fisher vector."""
        xp, mixture = namespace(X), _mixture(codebook)
        weights, means, variances = (
            beside(X, values, "float64") for values in (mixture.weights_, mixture.words_, mixture.variances_)
        )
        deviations = (xp.astype(X, xp.float64)[:, None, :] - means) / xp.sqrt(variances)
        volumes = xp.sum(xp.log(2 * math.pi * variances), axis=1)
        logs = xp.log(weights) - (volumes + xp.sum(deviations**2, axis=2)) / 2
        shares = xp.exp(logs - xp.max(logs, axis=1, keepdims=True))
        shares = (shares / xp.sum(shares, axis=1, keepdims=True) / xp.sqrt(weights))[..., None]
        halves = xp.stack([shares * deviations, shares * (1 - deviations**2) / math.sqrt(2)], axis=1)
        codes: AnyArray = xp.astype(xp.reshape(halves, (X.shape[0], -1)), xp.float32)
        return codes

    def pooled(
        self, X: FeatureMatrix, cells: Indices, n_cells: int, codebook: Codebook, how: Reduction
    ) -> FeatureMatrix:
        """Return the sum of the codes in each cell, from its words' shares of descriptors and of their powers."""
        self.check_reduction(how)
        found = _mixture(codebook)
        mixture = Gaussians(found.weights_, found.words_, found.variances_)
        total = np.zeros((n_cells, self.length(codebook)), dtype=np.float32)
        for cell, rows in rows_by_cell(X, cells, n_cells):
            counts, sums = np.zeros(len(mixture.means)), np.zeros((len(mixture.means), 2 * X.shape[1]))
            for first in range(0, len(rows), _ROWS):
                powers = mixture.powers(rows[first : first + _ROWS])
                shares, _ = mixture.posteriors(powers)
                counts += shares.sum(axis=0)
                sums += shares.T @ powers
            total[cell] = _gradients(mixture, counts, sums)
        return total


def _gradients(mixture: Gaussians, counts: Float64Array, sums: Float64Array) -> Float64Array:
    """Return the Fisher vector of descriptors, times their number, from what words have of them."""
    d = mixture.means.shape[1]
    first, second, means = sums[:, :d], sums[:, d:], mixture.means
    counts, weights = counts[:, None], mixture.weights[:, None]
    moved = (first - counts * means) / np.sqrt(weights * mixture.variances)
    spread = second - 2 * first * means + counts * means**2
    stretched = (counts - spread / mixture.variances) / np.sqrt(2 * weights)
    return np.concatenate([moved.ravel(), stretched.ravel()])


def _mixture(codebook: Codebook) -> Mixture:
    if not isinstance(codebook, Mixture):
        got = Shown(f"words of a {type(codebook).__name__}, which have no variances")
        raise InputError(
            must_be("Fisher", "codebook", "a mixture of Gaussians", got, "Take the codebook gmm.")
        )
    return codebook
