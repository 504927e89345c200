"""Smoothed hinges against their definition as a maximum, found by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from featbench.numerics.hinges import Hinge
from featbench.numerics.losses import crammer_singer, one_vs_rest, weston_watkins

PLAIN = {"weston_watkins": weston_watkins, "crammer_singer": crammer_singer, "one_vs_rest": one_vs_rest}
HINGES = [Hinge(name) for name in PLAIN] + [Hinge("crammer_singer", squared=True)]

# SLSQP ends at changes of 1e-14 of a concave quadratic: about 1e-7 in its argument.
FOUND = 1e-6
STEP, RELATIVE = 1e-5, 1e-6  # central differences: the derivative has kinks of its own


def example(rng, n=6, n_classes=4):
    scores, y = rng.normal(size=(1, n_classes, n)) * 1.5, rng.integers(0, n_classes, n)
    return scores, y


def multipliers(hinge, rng, y, shape):
    """Some in Q."""
    found = hinge.step(rng.normal(size=shape), y, np.zeros(shape), np.ones(1))
    return found * 0.7


def largest(hinge, margins, before, width, true):
    """Maximize ``q · m − quadratic(q) − width / 2 · ‖q − before‖²`` over Q by a general solver."""
    n_classes = len(margins)
    bound = None if hinge.squared else 1.0
    bounds = [(0, 0 if hinge.loss.paired and j == true else bound) for j in range(n_classes)]

    def negative(q):
        quadratic = q.sum() ** 2 / 4 if hinge.squared else 0.0
        return -(q @ margins - quadratic - width / 2 * ((q - before) ** 2).sum())

    constraints = []
    if hinge.name == "crammer_singer" and not hinge.squared:
        constraints = [{"type": "ineq", "fun": lambda q: 1 - q.sum()}]
    found = minimize(
        negative,
        np.zeros(n_classes),
        method="SLSQP",
        bounds=bounds,
        constraints=constraints,
        options={"ftol": 1e-14},
    )
    return found.x, -found.fun


@pytest.mark.parametrize("hinge", HINGES, ids=str)
@pytest.mark.parametrize("width", [0.05, 1.0, 4.0])
def test_the_smoothed_loss_is_the_maximum(hinge, width, rng):
    scores, y = example(rng)
    before = multipliers(hinge, rng, y, scores.shape)
    margins, widths = hinge.margins(scores, y), np.array([width])
    q = hinge.step(margins, y, before, widths)[0]
    total = 0.0
    for i, true in enumerate(y):
        best, value = largest(hinge, margins[0, :, i], before[0, :, i], width, true)
        np.testing.assert_allclose(q[:, i], best, atol=FOUND * 100)
        total += value
    assert hinge.smoothed(scores, y, before, widths)[0][0] == pytest.approx(total, abs=FOUND)


@pytest.mark.parametrize("hinge", HINGES, ids=str)
def test_a_narrow_width_gives_the_plain_loss(hinge, rng):
    scores, y = example(rng, n=50)
    expected, gradient = PLAIN[hinge.name](scores[0], y, squared=hinge.squared)
    value, found = hinge.smoothed(scores, y, np.zeros_like(scores), np.array([1e-9]))
    assert value[0] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(found[0], gradient, atol=1e-6)
    assert hinge.value_and_gradient(scores[0], y)[0] == expected


@pytest.mark.parametrize("hinge", HINGES, ids=str)
def test_the_gradient_against_central_differences(hinge, rng):
    scores, y = example(rng)
    before, width = multipliers(hinge, rng, y, scores.shape), np.array([0.7])
    weights = rng.random(6) + 0.5
    gradient = hinge.smoothed(scores, y, before, width, weights)[1]
    numeric = np.empty_like(scores)
    for place in np.ndindex(*scores.shape):
        ends = []
        for sign in (1, -1):
            moved = scores.copy()
            moved[place] += sign * STEP
            ends.append(hinge.smoothed(moved, y, before, width, weights)[0][0])
        numeric[place] = (ends[0] - ends[1]) / (2 * STEP)
    assert np.linalg.norm(gradient - numeric) <= RELATIVE * np.linalg.norm(gradient + numeric)


def test_margins_by_hand():
    scores, y = np.array([[[2.0], [0.5], [-1.0]]]), np.array([1])
    np.testing.assert_array_equal(Hinge("crammer_singer").margins(scores, y)[0, :, 0], [2.5, 0, -0.5])
    np.testing.assert_array_equal(Hinge("one_vs_rest").margins(scores, y)[0, :, 0], [3, 0.5, 0])
