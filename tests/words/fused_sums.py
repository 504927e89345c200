"""What tests of encodings share: given words, and each cell's codes added up one by one."""

from __future__ import annotations

import numpy as np

from featbench.words.parts import Codebook

CELLS = 7


class Given(Codebook):
    """Words as they are."""

    def __init__(self, words):
        self.words_ = np.ascontiguousarray(words, dtype=np.float32)

    def fit(self, X, random_state=0):
        return self


def scattered(rng, n, d, n_words):
    """Descriptors, their cells, two of which have none, and words."""
    cells = rng.integers(0, CELLS - 2, n)
    cells[cells == 3] = CELLS - 1
    return rng.normal(size=(n, d)).astype(np.float32), cells, Given(rng.normal(size=(n_words, d)))


def cell_by_cell(encoding, X, cells, codebook, how):
    """Sum or maximum of the codes of each cell, in float64."""
    codes = encoding.codes(X, codebook).astype(float)
    total = np.zeros((CELLS, codes.shape[1]))
    for cell in np.unique(cells):
        total[cell] = getattr(codes[cells == cell], how)(axis=0)
    return total
