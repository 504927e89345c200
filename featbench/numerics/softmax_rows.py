"""The softmax loss of float32 scores in one pass: exponentials of 16 samples at a time.

The kernel does what `featbench.numerics.losses.softmax` states, for samples that all count 1. Its exponential is
a polynomial without branches, which the compiler turns into wide instructions. It does so for loops over few
arrays only, hence the many short loops.
"""

from __future__ import annotations

import math

import numpy as np

from featbench.numerics.threads import kernel
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["softmax_rows"]

_SAMPLES = 256  # whose sums stay in the nearest cache
_TOGETHER = 8  # totals that are multiplied before a logarithm is taken

_LEAST = np.float32(
    -87.0
)  # of an exponential that is a normal float32; below it the result is that of −87, 1.6e-38
_LOG2E = np.float32(1.4426950408889634)
_ROUND = np.float32(12582912.0)  # 1.5 · 2²³: adding it leaves the nearest integer in the low bits
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
# Cephes' minimax polynomial of (exp(r) − 1 − r) / r² for |r| ≤ ln 2 / 2: within two roundings of float32.
_C2, _C3, _C4 = np.float32(5.0000001201e-1), np.float32(1.6666665459e-1), np.float32(4.1665795894e-2)
_C5, _C6, _C7 = np.float32(8.3334519073e-3), np.float32(1.3981999507e-3), np.float32(1.9875691500e-4)
_ONE, _ZERO = np.float32(1), np.float32(0)


def softmax_rows(scores: AnyArray, y: Labels) -> tuple[Float64Array, AnyArray]:
    """Return the summed cross-entropy of each model, and the gradient by its scores.

    Parameters
    ----------
    scores : ndarray of float32, (..., n_classes, n)
    y : ndarray of int64, (n,)

    Returns
    -------
    losses : ndarray of float64, (...)
        In nats. Sums are float64, exponentials float32.
    gradient : ndarray of float32, like `scores`
    """
    n_classes, n = scores.shape[-2:]
    flat = np.ascontiguousarray(scores).reshape(-1, n_classes, n)
    gradient = np.empty_like(flat)
    losses = np.zeros(len(flat))
    _softmax(flat, y, gradient, losses)
    return losses.reshape(scores.shape[:-2]), gradient.reshape(scores.shape)


@kernel
def _exp(x):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    x = max(x, _LEAST)
    shifted = x * _LOG2E + _ROUND
    whole = shifted - _ROUND
    r = x - whole * _LN2_HIGH - whole * _LN2_LOW
    p = ((((_C7 * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2
    mantissa = p * r * r + r + _ONE
    # The low bits of `shifted` hold the exponent; moved up by 23 they are added to that of the mantissa.
    exponent = np.int32(np.float32(shifted).view(np.int32) << np.int32(23))
    return np.int32(np.float32(mantissa).view(np.int32) + exponent).view(np.float32)


@kernel
def _softmax(scores, y, gradient, losses):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    n_models, n_classes, n = scores.shape
    highest = np.empty(_SAMPLES, np.float32)
    true = np.empty(_SAMPLES, np.float32)
    rest = np.empty(_SAMPLES, np.float32)
    finite = np.empty(_SAMPLES, np.float32)
    behind = np.empty(_SAMPLES, np.float32)
    total = np.empty(_SAMPLES, np.float64)
    for start in range(0, n, _SAMPLES):
        size = min(_SAMPLES, n - start)
        labels = y[start : start + size].astype(np.int32)
        for m in range(n_models):
            highest[:] = -np.inf
            rest[:] = _ZERO
            finite[:] = _ZERO
            behind[:] = _ZERO
            total[:] = 1.0
            for k in range(n_classes):
                row, number = scores[m, k, start : start + size], np.int32(k)
                for i in range(size):
                    s = row[i]
                    highest[i] = s if s > highest[i] else highest[i]
                    true[i] = s if labels[i] == number else true[i]
                for i in range(size):
                    finite[i] += row[i]
            for k in range(n_classes):
                number = np.int32(k)
                row = scores[m, k, start : start + size]
                out = gradient[m, k, start : start + size]
                for i in range(size):
                    e = _exp(row[i] - highest[i])
                    out[i] = e
                    rest[i] += _ZERO if labels[i] == number else e
            for i in range(size):
                # The exponential takes no notice of NaN, the loss does.
                behind[i] = true[i] - highest[i] + _ZERO * finite[i]
            for i in range(size):
                true[i] = _exp(behind[i])
            for i in range(size):
                # In float64, 1 + rest keeps what a confident model still has to lose.
                total[i] = np.float64(rest[i]) + np.float64(true[i])
            for i in range(size):
                true[i] = _ONE / (rest[i] + true[i])
            for k in range(n_classes):
                number = np.int32(k)
                out = gradient[m, k, start : start + size]
                for i in range(size):
                    out[i] = (-rest[i] if labels[i] == number else out[i]) * true[i]
            # Totals lie between 1 and the number of classes: a product of eight is far from overflow.
            for i in range(0, _SAMPLES, _TOGETHER):
                product, late = 1.0, _ZERO
                for j in range(i, i + _TOGETHER):
                    product *= total[j]
                    late += behind[j]
                losses[m] += math.log(product) - late
