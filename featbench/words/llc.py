"""LLC: a descriptor as a weighted mean of the few words next to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from featbench.errors import InputError, must_be
from featbench.numerics.namespace import beside, namespace
from featbench.numerics.nearest_words import nearest_words
from featbench.numerics.threads import kernel
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, Indices
from featbench.words.by_cell import order_by_cell
from featbench.words.parts import Codebook, Encoding, Reduction

__all__ = ["LLC"]


@dataclass(kw_only=True, eq=False, repr=False)
class LLC(Encoding):
    """Locality-constrained linear coding: the weights with which a descriptor's nearest words come closest to it.

    Parameters
    ----------
    neighbors : int, default=5
        How many words, 1 to 64, no more than there are.
    reg : float, default=1e-4
        How much large weights cost, as a share of the summed squared distances to those words; 1e-12 at the
        least, below which equations of words that lie in a plane have no solution in float64.

    Notes
    -----
    The weights c of the nearest words b minimise ‖x − Σ c b‖² + reg · Σ ‖x − b‖² · ‖c‖², and their sum is 1;
    weights may be negative. All others are 0. Where all nearest words are the descriptor itself, they count alike.
    This is the fast approximation of the paper (its section 3), as its authors' code computes it. The pooling's
    ``how`` is customarily ``"max"``, and the map `l2` follows.

    References
    ----------
    J. Wang, J. Yang, K. Yu, F. Lv, T. Huang and Y. Gong, "Locality-constrained linear coding for image
    classification", CVPR 2010, doi:10.1109/CVPR.2010.5540018
    """

    neighbors: Annotated[int, Bounds(ge=1, le=64)] = 5
    reg: Annotated[float, Bounds(ge=1e-12)] = 1e-4

    def length(self, codebook: Codebook) -> int:
        """Return one number for each word."""
        n = len(codebook.words_)
        if self.neighbors > n:
            remedy = "Take fewer neighbors, or more words."
            raise InputError(must_be("LLC", "neighbors", f"at most the {n} words", self.neighbors, remedy))
        return n

    def codes(self, X: AnyArray, codebook: Codebook) -> AnyArray:
        """Return the weights of all words."""
        xp = namespace(X)
        words, rows = beside(X, codebook.words_, "float64"), xp.astype(X, xp.float64)
        distances = xp.sum((rows[:, None, :] - words) ** 2, axis=2)
        nearest = xp.argsort(distances, axis=1, stable=True)[:, : self.neighbors]
        # Which word is which neighbour, as a matrix for each row: (m, neighbors, words).
        chosen = xp.astype(nearest[..., None] == xp.arange(words.shape[0], device=X.device), xp.float64)
        offsets = xp.matmul(chosen, words) - rows[:, None, :]
        gram = xp.matmul(offsets, xp.matrix_transpose(offsets))
        trace = xp.linalg.trace(gram)[:, None, None]
        added = xp.where(trace > 0, self.reg * trace, 1 + trace)
        ones = xp.ones((*nearest.shape, 1), dtype=xp.float64, device=X.device)
        weights = xp.linalg.solve(
            gram + added * xp.eye(self.neighbors, dtype=xp.float64, device=X.device), ones
        )
        weights = weights / xp.sum(weights, axis=1, keepdims=True)
        codes: AnyArray = xp.astype(xp.sum(weights * chosen, axis=1), xp.float32)
        return codes

    def pooled(
        self, X: FeatureMatrix, cells: Indices, n_cells: int, codebook: Codebook, how: Reduction
    ) -> FeatureMatrix:
        """Return the sum or the maximum of the weights of each word in each cell."""
        total = np.zeros((n_cells, self.length(codebook)), dtype=np.float32)
        order, starts = order_by_cell(cells, n_cells)
        nearest = nearest_words(X, codebook.words_, self.neighbors)
        _pool(X, codebook.words_, nearest, self.reg, order, starts, how == "max", total)
        return total


@kernel
def _weigh(x: Any, words: Any, nearest: Any, reg: float, offsets: Any, gram: Any, weights: Any) -> None:
    """Write the weights of the nearest words, by Cholesky's factors of their Gram matrix about a row."""
    k, d = len(nearest), len(x)
    for i in range(k):
        for t in range(d):
            offsets[i, t] = np.float64(words[nearest[i], t]) - np.float64(x[t])
    trace = 0.0
    for i in range(k):
        for j in range(i + 1):
            total = 0.0
            for t in range(d):
                total += offsets[i, t] * offsets[j, t]
            gram[i, j] = total
        trace += gram[i, i]
    added = reg * trace if trace > 0 else 1.0
    for i in range(k):
        gram[i, i] += added
        weights[i] = 1.0
    for i in range(k):
        for j in range(i + 1):
            for t in range(j):
                gram[i, j] -= gram[i, t] * gram[j, t]
            gram[i, j] = gram[i, j] / gram[j, j] if j < i else np.sqrt(gram[i, i])
    for i in range(k):
        for j in range(i):
            weights[i] -= gram[i, j] * weights[j]
        weights[i] /= gram[i, i]
    total = 0.0
    for i in range(k - 1, -1, -1):
        for j in range(i + 1, k):
            weights[i] -= gram[j, i] * weights[j]
        weights[i] /= gram[i, i]
        total += weights[i]
    for i in range(k):
        weights[i] /= total


@kernel
def _pool(
    X: Any, words: Any, nearest: Any, reg: float, order: Any, starts: Any, largest: bool, total: Any
) -> None:
    k, d = nearest.shape[1], X.shape[1]
    offsets, gram, weights = np.empty((k, d)), np.empty((k, k)), np.empty(k)
    touched = np.zeros(len(words), dtype=np.int64)
    for cell in range(len(starts) - 1):
        touched[:] = 0
        place = total[cell]
        for at in range(starts[cell], starts[cell + 1]):
            i = order[at]
            _weigh(X[i], words, nearest[i], reg, offsets, gram, weights)
            for j in range(k):
                word = nearest[i, j]
                weight = np.float32(weights[j])
                if not largest:
                    place[word] += weight
                elif touched[word] == 0 or weight > place[word]:
                    place[word] = weight
                touched[word] += 1
        if largest:  # a word that is not next to all descriptors of a cell weighs nothing for the others
            members = starts[cell + 1] - starts[cell]
            for word in range(len(words)):
                if touched[word] < members and place[word] < 0:
                    place[word] = 0
