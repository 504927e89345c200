"""The network against central differences, PyTorch and the definition in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.classifiers.two_layer import Layers, he_initial, objective, scores

# Central differences in float64 with a step of 1e-6 are right to about 1e-9 of the largest slope.
GRADIENT = 1e-7
# Sums of a few hundred float64 products in another order.
ROUNDING = 1e-12

SIZES = (7, 5, 3)


@pytest.fixture
def problem(rng):
    """More rows than one part holds, and a point without symmetry; biases too."""
    X = rng.normal(size=(300, 7))
    y = rng.integers(0, 3, 300)
    point = he_initial(*SIZES, np.dtype(np.float64), rng)
    point += 0.1 * rng.normal(size=point.shape)
    return point, X, y


@pytest.mark.parametrize("dropped", [False, True])
def test_gradient_equals_central_differences(problem, rng, dropped):
    point, X, y = problem
    kept = 2.0 * rng.integers(0, 2, (300, 5)) if dropped else None
    _, gradient = objective(point, SIZES, X, y, 0.3, kept)
    step = 1e-6
    for i in range(len(point)):
        ends = []
        for sign in (1, -1):
            moved = point.copy()
            moved[i] += sign * step
            ends.append(objective(moved, SIZES, X, y, 0.3, kept)[0])
        assert abs((ends[0] - ends[1]) / (2 * step) - gradient[i]) <= GRADIENT * np.abs(gradient).max()


def test_cost_is_the_definition(problem):
    point, X, y = problem
    layers = Layers.of(point, *SIZES)
    found = np.maximum(X @ layers.W1 + layers.b1, 0) @ layers.W2 + layers.b2
    np.testing.assert_allclose(scores(layers, X), found, rtol=0, atol=ROUNDING * np.abs(found).max())
    shares = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    expected = -np.log(shares[np.arange(300), y]).mean() + 0.15 * (
        (layers.W1**2).sum() + (layers.W2**2).sum()
    )
    cost, _ = objective(point, SIZES, X, y, 0.3)
    assert cost == pytest.approx(expected, rel=ROUNDING)


def test_one_step_of_torch_is_the_same(problem):
    torch = pytest.importorskip("torch")
    point, X, y = problem
    layers = Layers.of(point, *SIZES)
    weights = [torch.tensor(part.copy(), requires_grad=True) for part in layers]
    W1, b1, W2, b2 = weights
    hidden = torch.relu(torch.tensor(X) @ W1 + b1)
    cost = torch.nn.functional.cross_entropy(hidden @ W2 + b2, torch.tensor(y))
    cost = cost + 0.15 * (W1.square().sum() + W2.square().sum())
    cost.backward()
    optimizer = torch.optim.SGD(weights, lr=0.1)
    optimizer.step()
    found, gradient = objective(point, SIZES, X, y, 0.3)
    assert found == pytest.approx(cost.item(), rel=ROUNDING)
    for ours, theirs in zip(Layers.of(point - 0.1 * gradient, *SIZES), weights, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=ROUNDING)


def test_the_gradient_is_the_same_on_any_number_of_threads(problem, monkeypatch):
    point, X, y = problem
    found = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        found.append(objective(point, SIZES, X, y, 0.3)[1])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_first_weights_keep_the_signal():
    point = he_initial(400, 300, 10, np.dtype(np.float32), np.random.default_rng(0))
    layers = Layers.of(point, 400, 300, 10)
    assert layers.sizes == (400, 300, 10)
    assert point.dtype == np.float32
    assert layers.W1.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)  # of 120,000 draws
    assert layers.W2.std() == pytest.approx(np.sqrt(2 / 300), rel=0.1)  # of 3,000
    assert not layers.b1.any()
    assert not layers.b2.any()
