"""Each descriptor counts for all of its nearest words alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.errors import InputError, must_be
from featbench.numerics.namespace import beside, namespace
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, Indices
from featbench.words.fused import add_memberships
from featbench.words.parts import Codebook, Encoding, Reduction
from featbench.words.products import product_blocks, squared_lengths

__all__ = ["Nearest"]


@dataclass(kw_only=True, eq=False, repr=False)
class Nearest(Encoding):
    """Nearest neighbours: 1 for each of the nearest words, 0 for the others.

    Parameters
    ----------
    neighbors : int or float, default=0.4
        How many words, at least 1 and no more than there are; a number between 0 and 1 is a share of them, rounded
        down, at least one word.
    negatives : bool, default=True
        Whether the words' negatives count as well: which of all words are among the nearest, then which of all
        negatives are among the nearest negatives.

    Notes
    -----
    Words and negatives are ranked apart, as in the authors' program (kneighbors.py of github.com/louity/patches), by
    Euclidean distance in float32. Words as near as the last one all count.

    References
    ----------
    L. Thiry, M. Arbel, E. Belilovsky and E. Oyallon, "The unreasonable effectiveness of patches in deep convolutional
    kernels methods", ICLR 2021, arXiv:2101.07528
    """

    neighbors: Annotated[int, Bounds(ge=1)] | Annotated[float, Bounds(gt=0, lt=1)] = 0.4
    negatives: bool = True

    def length(self, codebook: Codebook) -> int:
        """Return one number a word, two with negatives."""
        self._count(codebook)
        return len(codebook.words_) * (2 if self.negatives else 1)

    def codes(self, X: AnyArray, codebook: Codebook) -> AnyArray:
        """Return which words are among the nearest."""
        xp, words = namespace(X), beside(X, codebook.words_)
        lengths, products = beside(X, squared_lengths(codebook.words_)), 2 * (X @ words.T)
        last = self._count(codebook) - 1
        halves = []
        for ranks in (lengths - products, lengths + products)[: 1 + self.negatives]:
            limit = xp.sort(ranks, axis=1)[:, last : last + 1]
            halves.append(xp.astype(ranks <= limit, xp.float32))
        codes: AnyArray = xp.concat(halves, axis=1)
        return codes

    def pooled(
        self, X: FeatureMatrix, cells: Indices, n_cells: int, codebook: Codebook, how: Reduction
    ) -> FeatureMatrix:
        """Return how many descriptors of each cell have a word among their nearest, or whether any has."""
        words, nearest = codebook.words_, self._count(codebook)
        total = np.zeros((n_cells, self.length(codebook)), dtype=np.float32)
        lengths = squared_lengths(words)
        for rows, products in product_blocks(X, words, -2.0):
            add_memberships(products, lengths, nearest, self.negatives, cells[rows], total, how == "max")
        return total

    def _count(self, codebook: Codebook) -> int:
        """Return how many are nearest."""
        n_words = len(codebook.words_)
        if self.neighbors < 1:
            return max(1, int(self.neighbors * n_words))
        if self.neighbors > n_words:
            raise InputError(
                must_be("Nearest", "neighbors", f"at most {n_words}, the number of words", self.neighbors)
            )
        return int(self.neighbors)
