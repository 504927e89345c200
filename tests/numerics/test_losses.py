"""Losses against worked examples, central differences and torch."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from featbench.numerics.losses import HINGES, SOFTMAX, crammer_singer, one_vs_rest, softmax, weston_watkins

LOSSES = {
    "softmax": softmax,
    "weston_watkins": partial(weston_watkins, squared=False),
    "weston_watkins squared": partial(weston_watkins, squared=True),
    "one_vs_rest": partial(one_vs_rest, squared=False),
    "one_vs_rest squared": partial(one_vs_rest, squared=True),
}
SMOOTH = {"softmax": SOFTMAX, **HINGES}

# Central differences with h = 1e-4 in float64: truncation of h² and rounding of 1e-16 / h leave about 1e-9.
STEP, RELATIVE = 1e-4, 1e-7


def example():
    """The course's cat, car and frog; a column is an image, its true class on the diagonal."""
    return np.array([[3.2, 1.3, 2.2], [5.1, 4.9, 2.5], [-1.7, 2.0, -3.1]]), np.arange(3)


def test_the_courses_hinge_losses():
    scores, y = example()
    losses = [weston_watkins(scores[:, [i]], y[[i]], squared=False)[0] for i in range(3)]
    np.testing.assert_allclose(losses, [2.9, 0, 12.9], atol=1e-12)
    mean = weston_watkins(scores, y, squared=False)[0] / 3
    assert round(float(mean), 2) == 5.27


def test_the_courses_softmax_loss_is_in_nats():
    scores, y = example()
    loss = float(softmax(scores[:, :1], y[:1])[0])
    assert round(loss, 2) == 2.04
    assert round(np.exp(-loss), 2) == 0.13
    assert round(loss / np.log(10), 2) == 0.89  # what one transcript gives: the base is 10


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_all_scores_zero(n_classes):
    scores, y = np.zeros((n_classes, 7)), np.arange(7) % n_classes
    for squared in (False, True):
        assert weston_watkins(scores, y, squared=squared)[0] / 7 == n_classes - 1
        assert one_vs_rest(scores, y, squared=squared)[0] / 7 == n_classes
    assert softmax(scores, y)[0] / 7 == pytest.approx(np.log(n_classes), rel=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_against_central_differences(name, rng):
    scores, y = rng.normal(size=(4, 6)) * 2, rng.integers(0, 4, 6)
    gradient = LOSSES[name](scores, y)[1]
    numeric = np.empty_like(scores)
    for place in np.ndindex(*scores.shape):
        ends = []
        for sign in (1, -1):
            moved = scores.copy()
            moved[place] += sign * STEP
            ends.append(LOSSES[name](moved, y)[0])
        numeric[place] = (ends[0] - ends[1]) / (2 * STEP)
    assert np.linalg.norm(gradient - numeric) <= RELATIVE * np.linalg.norm(gradient + numeric)


@pytest.mark.parametrize("name", LOSSES)
def test_the_same_in_torch(name, rng):
    """torch computes the same losses by other code, and differentiates them itself."""
    values, y = rng.normal(size=(5, 8)), rng.integers(0, 5, 8)
    scores = torch.tensor(values, requires_grad=True)
    labels = torch.tensor(y)
    rows = scores.T
    if name == "softmax":
        expected = torch.nn.functional.cross_entropy(rows, labels, reduction="sum")
    elif name.startswith("weston"):  # torch divides by the number of classes
        power = 2 if "squared" in name else 1
        expected = 5 * torch.nn.functional.multi_margin_loss(rows, labels, p=power, reduction="sum")
    else:
        signs = 2 * torch.nn.functional.one_hot(labels, 5) - 1
        hinges = torch.clamp(1 - signs * rows, min=0)
        expected = (hinges**2 if "squared" in name else hinges).sum()
    expected.backward()
    for given in (values, scores.detach()):  # the same lines run on both kinds of array
        loss, gradient = LOSSES[name](given, y if given is values else labels)
        assert float(loss) == pytest.approx(expected.item(), rel=1e-14)
        np.testing.assert_allclose(np.asarray(gradient), scores.grad.numpy(), atol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_of_models_is_each_model(name, rng):
    scores, y = rng.normal(size=(3, 4, 9)).astype(np.float32), rng.integers(0, 4, 9)
    before = scores.copy()
    losses, gradients = LOSSES[name](scores, y)
    assert losses.dtype == np.float64
    assert gradients.dtype == np.float32
    np.testing.assert_array_equal(scores, before)
    for model in range(3):
        loss, gradient = LOSSES[name](scores[model], y)
        assert losses[model] == loss
        np.testing.assert_array_equal(gradients[model], gradient)


def test_softmax_of_huge_scores_and_of_confident_ones():
    loss, gradient = softmax(np.array([[1e4], [0.0]]), np.array([1]))
    assert loss == 1e4
    np.testing.assert_array_equal(gradient, [[1.0], [-1.0]])
    # exp(−30) is below float32's resolution at 1, but not what is left to lose.
    loss, gradient = softmax(np.array([[30.0], [0.0]], dtype=np.float32), np.array([0]))
    assert loss == pytest.approx(np.exp(-30), rel=1e-6)
    np.testing.assert_allclose(gradient[:, 0], [-np.exp(-30), np.exp(-30)], rtol=1e-6)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_curvature_is_the_mean_second_derivative_at_zero(name, n_classes):
    y = np.arange(n_classes)
    loss = SMOOTH[name]
    second = 0.0
    for place in np.ndindex(n_classes, n_classes):
        gradients = []
        for sign in (1, -1):
            scores = np.zeros((n_classes, n_classes))
            scores[place] = sign * STEP
            gradients.append(loss.value_and_gradient(scores, y)[1][place])
        second += (gradients[0] - gradients[1]) / (2 * STEP)
    assert second / n_classes**2 == pytest.approx(loss.curvature(n_classes), rel=RELATIVE)


def test_crammer_singer_counts_the_highest_rival_alone():
    scores, y = example()
    for squared in (False, True):
        loss, gradient = crammer_singer(scores, y, squared=squared)
        highest = np.array([2.9, 0, 6.6]) ** (2 if squared else 1)  # 5.1 − 3.2 + 1; none; 2.5 + 3.1 + 1
        assert loss == pytest.approx(highest.sum(), rel=1e-14)
        slopes = 2 * np.array([2.9, 0, 6.6]) if squared else np.array([1.0, 0, 1])
        np.testing.assert_allclose(
            gradient, [[-slopes[0], 0, 0], [slopes[0], 0, slopes[2]], [0, 0, -slopes[2]]]
        )


@pytest.mark.parametrize("name", [*LOSSES, "crammer_singer"])
def test_a_weight_is_so_many_samples(name, rng):
    function = LOSSES.get(name, partial(crammer_singer, squared=True))
    scores, y, counts = rng.normal(size=(4, 5)), rng.integers(0, 4, 5), np.array([1, 3, 2, 1, 4])
    loss, gradient = function(scores, y, counts.astype(float))
    repeated = np.repeat(np.arange(5), counts)
    assert loss == pytest.approx(function(scores[:, repeated], y[repeated])[0], rel=1e-14)
    np.testing.assert_allclose(gradient, function(scores, y)[1] * counts, rtol=1e-14)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_constant_completes_the_linear_part(name, rng):
    """A convex function is its tangent: minus the conjugate of the slope, plus slope times argument."""
    loss = SMOOTH[name]
    scores, y = rng.normal(size=(4, 9)) * 2, rng.integers(0, 4, 9)
    value, gradient = loss.value_and_gradient(scores, y)
    q = np.abs(gradient)
    if loss.paired:
        q[y, np.arange(9)] = 0
    np.testing.assert_allclose(loss.derivatives(q, y), gradient, atol=1e-14)
    assert loss.constant(q, y).sum() + np.vdot(gradient, scores) == pytest.approx(value, rel=1e-12)
