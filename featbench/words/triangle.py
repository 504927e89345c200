"""Each descriptor counts for the words that are nearer than the mean word, the nearer the more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featbench.numerics.namespace import namespace
from featbench.types import AnyArray, FeatureMatrix, Indices
from featbench.words.fused import add_triangles
from featbench.words.parts import Codebook, Encoding, Reduction
from featbench.words.products import NEAR, product_blocks, squared_distances, squared_lengths

__all__ = ["Triangle"]


@dataclass(kw_only=True, eq=False, repr=False)
class Triangle(Encoding):
    """Triangle activation: by how much a word is nearer than words are on average, 0 where it is not.

    Notes
    -----
    A code is max(0, μ − z) with the Euclidean distances z to the words and their mean μ; about half of it is 0.
    Distances come from float32 products, those to words very near from differences.

    References
    ----------
    A. Coates, H. Lee and A. Y. Ng, "An analysis of single-layer networks in unsupervised feature learning",
    AISTATS 2011, section 3.2.2, https://proceedings.mlr.press/v15/coates11a.html
    """

    def length(self, codebook: Codebook) -> int:
        """Return one number a word."""
        return len(codebook.words_)

    def codes(self, X: AnyArray, codebook: Codebook) -> AnyArray:
        """Return max(0, mean distance − distance)."""
        xp = namespace(X)
        distances = xp.sqrt(squared_distances(X, codebook.words_))
        codes: AnyArray = xp.clip(xp.mean(distances, axis=1, keepdims=True) - distances, 0, None)
        return codes

    def pooled(
        self, X: FeatureMatrix, cells: Indices, n_cells: int, codebook: Codebook, how: Reduction
    ) -> FeatureMatrix:
        """Return the sum or the maximum of the codes in each cell."""
        words = codebook.words_
        total = np.zeros((n_cells, len(words)), dtype=np.float32)
        lengths = squared_lengths(words)
        for rows, products in product_blocks(X, words, -2.0):
            add_triangles(X[rows], words, products, lengths, NEAR, cells[rows], total, how == "max")
        return total
