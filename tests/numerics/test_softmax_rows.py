"""The fused softmax of float32 scores against the statement of it in float64."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.numerics.losses import softmax
from featbench.numerics.softmax_rows import softmax_rows

# Likelihoods are float32's, their exponentials within two roundings and their sum of ten within a few more.
GRADIENT = 1e-6
LOSS = 1e-6


@pytest.mark.parametrize("n", [1, 255, 256, 700])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1e4])
def test_against_float64(n, scale, rng):
    scores, y = (scale * rng.normal(size=(3, 10, n))).astype(np.float32), rng.integers(0, 10, n)
    kept = scores.copy()
    losses, gradient = softmax_rows(scores, y)
    expected, derivatives = softmax(scores.astype(np.float64), y)
    np.testing.assert_allclose(losses, expected, rtol=LOSS)
    np.testing.assert_allclose(gradient, derivatives, atol=GRADIENT)
    np.testing.assert_array_equal(scores, kept)


def test_float32_scores_without_weights_are_its_work(rng):
    scores, y = rng.normal(size=(4, 30)).astype(np.float32), rng.integers(0, 4, 30)
    loss, gradient = softmax(scores, y)
    fused, its_gradient = softmax_rows(scores, y)
    assert loss == fused
    np.testing.assert_array_equal(gradient, its_gradient)
    weighted, by_weight = softmax(scores, y, np.ones(30))
    assert loss == pytest.approx(float(weighted), rel=LOSS)
    np.testing.assert_allclose(gradient, by_weight, atol=GRADIENT)


def test_what_a_confident_model_still_has_to_lose():
    scores = np.array([[25.0], [0.0]], dtype=np.float32)  # float32 would round 1 + exp(−25) to 1
    assert softmax_rows(scores, np.array([0]))[0] == pytest.approx(np.log1p(np.exp(-25.0)), rel=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("k", [0, 2])
def test_scores_that_are_no_numbers_give_a_loss_that_is_none(bad, k, rng):
    scores = rng.normal(size=(2, 3, 5)).astype(np.float32)
    scores[1, k, 4] = bad
    losses = softmax_rows(scores, np.zeros(5, dtype=np.int64))[0]
    assert np.isfinite(losses[0])
    assert not np.isfinite(losses[1])
