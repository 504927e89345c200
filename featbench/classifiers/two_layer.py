"""A two-layer network as a point in space: its scores, and the gradient of its objective.

::

    x (d) ── W₁, b₁ ──► ReLU (h) ── dropout ──► W₂, b₂ ──► scores (k)

All weights are views of one flat array, which is what first-order updates step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from featbench.numerics.losses import softmax
from featbench.numerics.row_parts import mean_over_rows
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Layers", "he_initial", "objective", "scores"]

_ROWS = 1024


class Layers(NamedTuple):
    """The weights of a network.

    Attributes
    ----------
    W1, b1, W2, b2 : ndarray, (d, h), (h,), (h, k), (k,)
    """

    W1: AnyArray
    b1: AnyArray
    W2: AnyArray
    b2: AnyArray

    @classmethod
    def of(cls, point: AnyArray, d: int, h: int, k: int) -> Layers:
        """Return views of a flat array of (d + 1) h + (h + 1) k numbers."""
        edges = np.cumsum([d * h, h, h * k])
        W1, b1, W2, b2 = np.split(point, edges)
        return cls(W1.reshape(d, h), b1, W2.reshape(h, k), b2)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Inputs d, hidden units h, classes k."""
        return *self.W1.shape, len(self.b2)


def he_initial(d: int, h: int, k: int, dtype: np.dtype[Any], rng: np.random.Generator) -> AnyArray:
    """Return a flat array: weights normal with variance 2 / inputs of their layer, biases 0.

    The variance keeps that of the signal through a ReLU (He et al. 2015).
    """
    point = np.zeros((d + 1) * h + (h + 1) * k, dtype=dtype)
    layers = Layers.of(point, d, h, k)
    for weights in (layers.W1, layers.W2):
        weights[:] = rng.normal(0, np.sqrt(2 / max(1, len(weights))), weights.shape)
    return point


def objective(
    point: AnyArray,
    sizes: tuple[int, int, int],
    X: AnyArray,
    y: Labels,
    reg: float,
    kept: AnyArray | None = None,
) -> tuple[float, AnyArray]:
    """Return the mean cross-entropy of rows plus ``reg / 2 · (‖W₁‖² + ‖W₂‖²)``, and its gradient.

    Parameters
    ----------
    point : ndarray, flat
        As `Layers.of` reads it.
    sizes : tuple of int
        d, h, k.
    X : ndarray, (n, d)
        Of the dtype of `point`.
    y : ndarray of int64, (n,)
        Class numbers.
    reg : float
    kept : ndarray, (n, h), optional
        What each hidden value is multiplied by: with dropout 0 or 1 / (share kept).

    Returns
    -------
    cost : float
    gradient : ndarray, like `point`
    """
    layers = Layers.of(point, *sizes)

    def backward(rows: slice, into: AnyArray) -> float:
        kept_here = None if kept is None else kept[rows]
        return _backward(layers, X[rows], y[rows], kept_here, Layers.of(into, *sizes))

    loss, gradient = mean_over_rows(backward, len(X), point)
    penalty = 0.0
    into = Layers.of(gradient, *sizes)
    for weights, slope in ((layers.W1, into.W1), (layers.W2, into.W2)):
        penalty += float(np.vdot(weights, weights))
        slope += reg * weights
    return loss + reg / 2 * penalty, gradient


def _backward(layers: Layers, X: AnyArray, y: Labels, kept: AnyArray | None, into: Layers) -> float:
    """Return the summed loss of some rows and write its gradient, layer by layer from the last."""
    hidden = X @ layers.W1
    hidden += layers.b1
    np.maximum(hidden, 0, out=hidden)
    if kept is not None:
        hidden *= kept
    loss, slopes = softmax((hidden @ layers.W2 + layers.b2).T, y)
    np.matmul(hidden.T, slopes.T, out=into.W2)
    into.b2[:] = slopes.sum(axis=1)
    back = slopes.T @ layers.W2.T
    # A unit that is off or dropped passes nothing back; one that is kept passes as much more as it gave.
    back *= hidden > 0
    if kept is not None:
        back *= kept
    np.matmul(X.T, back, out=into.W1)
    into.b1[:] = back.sum(axis=0)
    return float(loss)


def scores(layers: Layers, X: AnyArray) -> Float64Array:
    """Return scores ``(n, k)`` in float64, block by block."""
    W1, b1, W2, b2 = (weights.astype(np.float64, copy=False) for weights in layers)
    result = np.empty((len(X), len(b2)))
    for start in range(0, len(X), _ROWS):
        part = slice(start, start + _ROWS)
        hidden = X[part].astype(np.float64, copy=False) @ W1
        hidden += b1
        np.maximum(hidden, 0, out=hidden)
        result[part] = hidden @ W2 + b2
    return result
