"""Each descriptor counts for the words that point its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.numerics.namespace import beside, namespace
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, Indices
from featbench.words.fused import add_thresholded
from featbench.words.parts import Codebook, Encoding, Reduction
from featbench.words.products import product_blocks

__all__ = ["SoftThreshold"]


@dataclass(kw_only=True, eq=False, repr=False)
class SoftThreshold(Encoding):
    """Soft threshold: the dot product with each word, as far as it exceeds a constant.

    Parameters
    ----------
    alpha : float, default=0.25
        The constant, at least 0. It is compared with dot products as they are: words are best of length 1, as
        those of the codebook ``spherical``.
    split : bool, default=True
        Whether a word and its negative count apart: max(0, x · c − alpha) for all words c, then max(0, −x · c − alpha).

    References
    ----------
    A. Coates and A. Y. Ng, "The importance of encoding versus training with sparse coding and vector quantization",
    ICML 2011, https://icml.cc/2011/papers/485_icmlpaper.pdf
    """

    alpha: Annotated[float, Bounds(ge=0)] = 0.25
    split: bool = True

    def length(self, codebook: Codebook) -> int:
        """Return one number a word, two where signs are split."""
        return len(codebook.words_) * (2 if self.split else 1)

    def codes(self, X: AnyArray, codebook: Codebook) -> AnyArray:
        """Return what exceeds the constant."""
        xp = namespace(X)
        products = X @ beside(X, codebook.words_).T
        signed = xp.concat([products, -products], axis=1) if self.split else products
        codes: AnyArray = xp.clip(signed - self.alpha, 0, None)
        return codes

    def pooled(
        self, X: FeatureMatrix, cells: Indices, n_cells: int, codebook: Codebook, how: Reduction
    ) -> FeatureMatrix:
        """Return the sum or the maximum of the codes in each cell."""
        total = np.zeros((n_cells, self.length(codebook)), dtype=np.float32)
        alpha = np.float32(self.alpha)
        for rows, products in product_blocks(X, codebook.words_, 1.0):
            add_thresholded(products, alpha, self.split, cells[rows], total, how == "max")
        return total
