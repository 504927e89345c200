"""Each descriptor counts for its nearest word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featbench.numerics.namespace import beside, namespace
from featbench.numerics.nearest_words import nearest_words
from featbench.types import AnyArray, FeatureMatrix, Indices
from featbench.words.parts import Codebook, Encoding, Reduction

__all__ = ["Hard"]


@dataclass(kw_only=True, eq=False, repr=False)
class Hard(Encoding):
    """Hard assignment: 1 for the nearest word, 0 for all others; summed up, a histogram of words.

    Notes
    -----
    Nearest by Euclidean distance in float64; of words as near as one another, the first.

    References
    ----------
    J. Sivic and A. Zisserman, "Video Google: a text retrieval approach to object matching in videos", ICCV 2003,
    doi:10.1109/ICCV.2003.1238663

    G. Csurka, C. R. Dance, L. Fan, J. Willamowski and C. Bray, "Visual categorization with bags of keypoints", ECCV
    workshop on statistical learning in computer vision, 2004
    """

    def length(self, codebook: Codebook) -> int:
        """Return one number a word."""
        return len(codebook.words_)

    def codes(self, X: AnyArray, codebook: Codebook) -> AnyArray:
        """Return 1 at the nearest word."""
        xp, words = namespace(X), beside(X, codebook.words_, "float64")
        halves = xp.sum(words * words, axis=1) / 2 - xp.astype(X, xp.float64) @ words.T
        nearest = xp.argmin(halves, axis=1)[:, None] == xp.arange(words.shape[0], device=X.device)
        codes: AnyArray = xp.astype(nearest, xp.float32)
        return codes

    def pooled(
        self, X: FeatureMatrix, cells: Indices, n_cells: int, codebook: Codebook, how: Reduction
    ) -> FeatureMatrix:
        """Return how many descriptors of each cell a word is nearest to, or whether any is."""
        n_words = len(codebook.words_)
        places = cells * n_words + nearest_words(X, codebook.words_)[:, 0]
        total = np.bincount(places, minlength=n_cells * n_words).reshape(n_cells, n_words).astype(np.float32)
        return np.minimum(total, 1) if how == "max" else total
