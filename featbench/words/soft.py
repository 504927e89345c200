"""Each descriptor counts for all words, the nearer the more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.numerics.namespace import namespace
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, Indices
from featbench.words.fused import add_shares, weigh
from featbench.words.parts import Codebook, Encoding, Reduction
from featbench.words.products import product_blocks, squared_distances, squared_lengths

__all__ = ["Soft"]


@dataclass(kw_only=True, eq=False, repr=False)
class Soft(Encoding):
    """Soft assignment: shares of 1, falling with the squared distance to each word as a Gaussian does.

    Parameters
    ----------
    beta : float, default=1.0
        Above 0: a share is proportional to exp(−beta · squared distance). What suits depends on how long descriptors
        are; the larger, the nearer to hard assignment.

    Notes
    -----
    Squared distances come from float32 products and are off by less than 1e-6 of the squared lengths of descriptor and
    word; shares are off by beta times that, relatively. SIFT descriptors, 512 long, want a beta well below 1.

    References
    ----------
    J. C. van Gemert, C. J. Veenman, A. W. M. Smeulders and J.-M. Geusebroek, "Visual word ambiguity", IEEE Transactions
    on Pattern Analysis and Machine Intelligence 32 (2010), doi:10.1109/TPAMI.2009.132: codeword uncertainty

    L. Liu, L. Wang and X. Liu, "In defense of soft-assignment coding", ICCV 2011, doi:10.1109/ICCV.2011.6126534
    """

    beta: Annotated[float, Bounds(gt=0)] = 1.0

    def length(self, codebook: Codebook) -> int:
        """Return one number a word."""
        return len(codebook.words_)

    def codes(self, X: AnyArray, codebook: Codebook) -> AnyArray:
        """Return shares that sum to 1."""
        xp, distances = namespace(X), squared_distances(X, codebook.words_)
        weights = xp.exp(self.beta * (xp.min(distances, axis=1, keepdims=True) - distances))
        codes: AnyArray = weights / xp.sum(weights, axis=1, keepdims=True)
        return codes

    def pooled(
        self, X: FeatureMatrix, cells: Indices, n_cells: int, codebook: Codebook, how: Reduction
    ) -> FeatureMatrix:
        """Return the sum or the maximum of the shares in each cell."""
        words = codebook.words_
        total = np.zeros((n_cells, len(words)), dtype=np.float32)
        lengths = squared_lengths(words)
        for rows, products in product_blocks(X, words, -2.0):
            weigh(X[rows], products, lengths, np.float32(self.beta))
            np.exp(products, out=products)
            add_shares(products, cells[rows], total, how == "max")
        return total
