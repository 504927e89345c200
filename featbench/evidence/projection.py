"""Feature rows in the plane: principal components, and t-SNE of them."""

from __future__ import annotations

import warnings

import numpy as np

from featbench.numerics.blas import serial_blas
from featbench.types import AnyArray, Float64Array

__all__ = ["COMPONENTS", "principal_scores", "tsne_map"]

COMPONENTS = 50
"""Principal components that t-SNE is given, as its authors do."""

_ITERATIONS = 500  # the first 250 pull groups together, the rest settle
_PERPLEXITY = 30.0  # scikit-learn's; a third of the points where these are few
_LEAST = 10  # points below which there are no neighbourhoods to show


def principal_scores(X: AnyArray, n: int = COMPONENTS) -> Float64Array:
    """Project rows onto their principal components.

    Parameters
    ----------
    X : ndarray, (m, d)
        Rows; d may be much larger than m, of which the time depends.
    n : int, optional
        Components.

    Returns
    -------
    ndarray of float64, (m, n)
        Fewer columns where m or d is smaller. The largest number of each column is positive, so that no sign is
        left to chance.
    """
    rows = np.asarray(X, dtype=np.float64)
    rows = rows - rows.mean(axis=0)
    with serial_blas():
        values, vectors = np.linalg.eigh(rows @ rows.T)
    kept = min(n, *rows.shape)
    scores = vectors[:, ::-1][:, :kept] * np.sqrt(np.maximum(values[::-1][:kept], 0))
    signs = np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(kept)])
    found: Float64Array = scores * np.where(signs == 0, 1, signs)
    return found


def tsne_map(scores: Float64Array) -> Float64Array | None:
    """Lay rows out so that near ones stay near, by scikit-learn's exact t-SNE.

    Parameters
    ----------
    scores : ndarray of float64, (m, n)
        Of `principal_scores`.

    Returns
    -------
    ndarray of float64, (m, 2), or None
        None of fewer than 10 rows, or rows that are all alike. The same numbers give the same map.

    References
    ----------
    L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", JMLR 9, 2008,
    https://www.jmlr.org/papers/v9/vandermaaten08a.html
    """
    if len(scores) < _LEAST or scores.shape[1] < 2 or not scores.any():
        return None
    from sklearn.manifold import TSNE

    perplexity = min(_PERPLEXITY, (len(scores) - 1) / 3)
    made = TSNE(method="exact", init="pca", perplexity=perplexity, max_iter=_ITERATIONS, random_state=0)
    with serial_blas(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: Float64Array = np.asarray(made.fit_transform(scores), dtype=np.float64)
    return found if np.isfinite(found).all() else None
