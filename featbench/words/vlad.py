"""VLAD: how far an image's descriptors lie from their words, summed up word by word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from featbench.numerics.namespace import beside, namespace
from featbench.numerics.nearest_words import nearest_words
from featbench.numerics.threads import kernel
from featbench.types import AnyArray, FeatureMatrix, Indices
from featbench.words.parts import Codebook, Encoding, Reduction

__all__ = ["VLAD"]


@dataclass(kw_only=True, eq=False, repr=False)
class VLAD(Encoding):
    """Vectors of locally aggregated descriptors: each descriptor less its nearest word, in that word's place.

    Notes
    -----
    A code has words · D numbers, word by word, of which all but the nearest word's D are 0. The pooling's ``how`` is
    ``"sum"`` as in the paper, or ``"mean"``. Customary after it are the maps `power` and `l2`, or `intra` and `l2`.

    References
    ----------
    H. Jégou, M. Douze, C. Schmid and P. Pérez, "Aggregating local descriptors into a compact image
    representation", CVPR 2010, doi:10.1109/CVPR.2010.5540039
    """

    reductions: ClassVar[tuple[Reduction, ...]] = ("sum",)

    def length(self, codebook: Codebook) -> int:
        """Return one number for each of a word's."""
        return int(codebook.words_.size)

    def codes(self, X: AnyArray, codebook: Codebook) -> AnyArray:
        """Return each descriptor's residual, zeros around it."""
        xp, words = namespace(X), beside(X, codebook.words_)
        residuals = X[:, None, :] - words
        distances = xp.sum(xp.astype(residuals, xp.float64) ** 2, axis=2)
        nearest = xp.argmin(distances, axis=1)[:, None] == xp.arange(len(words), device=X.device)
        alone = xp.where(nearest[..., None], residuals, xp.zeros_like(residuals))
        codes: AnyArray = xp.reshape(alone, (X.shape[0], -1))
        return codes

    def pooled(
        self, X: FeatureMatrix, cells: Indices, n_cells: int, codebook: Codebook, how: Reduction
    ) -> FeatureMatrix:
        """Return the sum of the residuals in each cell."""
        self.check_reduction(how)
        total = np.zeros((n_cells, *codebook.words_.shape), dtype=np.float32)
        _add_residuals(X, nearest_words(X, codebook.words_)[:, 0], codebook.words_, cells, total)
        return total.reshape(n_cells, -1)


@kernel
def _add_residuals(X: Any, nearest: Any, words: Any, cells: Any, total: Any) -> None:
    for i in range(X.shape[0]):
        word = nearest[i]
        place = total[cells[i], word]
        for j in range(X.shape[1]):
            place[j] += X[i, j] - words[word, j]
