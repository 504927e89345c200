"""The best bias against its condition and a worked example."""

from __future__ import annotations

import numpy as np

from featbench.numerics.biases import best_bias
from featbench.numerics.losses import SOFTMAX


def means(scores, y):
    def at(bias):
        summed, derivatives = SOFTMAX.value_and_gradient(scores + bias[:, None], y)
        return float(summed) / len(y), derivatives.mean(axis=1)

    return at


def test_without_weights_the_bias_says_the_frequencies():
    y = np.repeat(np.arange(3), (2, 3, 5))
    bias = best_bias(3, means(np.zeros((3, 10)), y), SOFTMAX.curvature(3))
    likelihoods = np.exp(bias) / np.exp(bias).sum()
    np.testing.assert_allclose(likelihoods, [0.2, 0.3, 0.5], atol=1e-9)


def test_derivatives_add_up_to_nothing(rng):
    scores, y = rng.normal(size=(4, 60)), rng.integers(0, 4, 60)
    bias = best_bias(4, means(scores, y), SOFTMAX.curvature(4))
    sums = SOFTMAX.value_and_gradient(scores + bias[:, None], y)[1].sum(axis=1)
    np.testing.assert_allclose(sums / 60, 0, atol=1e-9)
