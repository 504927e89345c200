"""The objective of many models at once against its definition."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from featbench.numerics import objective
from featbench.numerics.frames import choose_frame
from featbench.numerics.losses import SOFTMAX
from featbench.numerics.objective import Objective, losses_of


@pytest.mark.parametrize("weighted", [False, True])
def test_values_and_gradients(weighted, rng):
    X, y = rng.normal(size=(2500, 6)) + 2, rng.integers(0, 3, 2500)  # three blocks of rows
    weights = rng.random(2500) if weighted else None
    points, regs = rng.normal(size=(2, 3, 7)), np.array([0.1, 2.0])
    frame = choose_frame(X, weights)
    values, gradients = Objective(frame, losses_of(SOFTMAX, y, weights))(points, regs, [0, 1])
    centred = X - frame.centre
    for point, reg, value, gradient in zip(points, regs, values, gradients, strict=True):
        scores = point[:, :-1] @ centred.T + point[:, -1:]
        expected, derivatives = SOFTMAX.value_and_gradient(scores, y, weights)
        assert value == pytest.approx(expected / 2500 + reg / 2 * (point[:, :-1] ** 2).sum(), rel=1e-12)
        by_weights = derivatives @ centred / 2500 + reg * point[:, :-1]
        np.testing.assert_allclose(gradient[:, :-1], by_weights, atol=1e-12)
        np.testing.assert_allclose(gradient[:, -1], derivatives.sum(axis=1) / 2500, atol=1e-12)


def test_losses_are_told_which_models_they_are_of(rng):
    seen = []

    def losses(scores, part, which):
        seen.append((part, list(which)))
        return np.zeros(len(scores)), np.zeros_like(scores)

    X = rng.normal(size=(1500, 2))
    Objective(choose_frame(X), losses)(np.zeros((2, 3, 3)), np.ones(2), [4, 7])
    assert seen == [(slice(0, 1024), [4, 7]), (slice(1024, 1500), [4, 7])]


def test_derivatives_of_few_blocks_are_in_memory_together(rng, monkeypatch):
    """100 blocks of 100 classes by 50 columns are 4 MB in float64, 2 MB in float32; four of them are 80 kB."""
    X, y = rng.normal(size=(102_400, 50)).astype(np.float32), rng.integers(0, 100, 102_400)
    points, regs = rng.normal(size=(1, 100, 51)) / 10, np.ones(1)
    asked = Objective(choose_frame(X), losses_of(SOFTMAX, y))
    expected = asked(points, regs, [0])
    whole = traced(lambda: asked(points, regs, [0]))
    monkeypatch.setattr(objective, "_SUMMED_BYTES", 0)
    monkeypatch.setattr(objective, "_LEAST_BLOCKS", 4)
    found = asked(points, regs, [0])
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)  # float64 in another order
    assert whole - traced(lambda: asked(points, regs, [0])) > 1.5e6


def traced(work):
    """Return the bytes that a call held at the most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
