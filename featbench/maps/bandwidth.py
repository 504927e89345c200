"""How wide a kernel is, where nobody has said it."""

from __future__ import annotations

import numpy as np

from featbench.types import FeatureMatrix

__all__ = ["variance_bandwidth"]

_ROWS = 4096


def variance_bandwidth(X: FeatureMatrix) -> float:
    """Return 1 / (d · the variance of all numbers in the rows); 1 where they do not vary.

    Parameters
    ----------
    X : ndarray of float32, (n, d)
        At least one row.

    Returns
    -------
    float
        What scikit-learn calls the gamma of ``"scale"``, summed in float64 without a copy of all rows.
    """
    blocks = [X[i : i + _ROWS] for i in range(0, len(X), _ROWS)]
    mean = sum(float(block.sum(dtype=np.float64)) for block in blocks) / X.size
    squares = 0.0
    for block in blocks:
        rest = block - np.float64(mean)
        squares += float(np.einsum("ij,ij->", rest, rest))
    return X.size / (X.shape[1] * squares) if squares > 0 else 1.0
