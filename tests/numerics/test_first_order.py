"""Update rules against steps worked out by hand and against torch.optim; learning rates against its schedules."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch

from featbench.numerics.first_order import RULES, decayed

# Both compute in float64; they group the same products differently.
ROUNDING = 1e-13

# The gradient of x² at 1, the rate 0.1: one step, then another from where it led. μ = 0.9, ρ = 0.99,
# β₁ = 0.9, β₂ = 0.999; ε = 1e-8 is below the digits given.
BY_HAND = {
    # 1 − 0.1 · 2;  0.8 − 0.1 · 1.6
    "sgd": (0.8, 0.64),
    # v = −0.2;  v = 0.9 · −0.2 − 0.16 = −0.34
    "momentum": (0.8, 0.46),
    # v = −0.2, x = 1 + 1.9 · −0.2 = 0.62;  v′ = −0.18 − 0.124 = −0.304, x = 0.62 + 0.18 + 1.9 · −0.304
    "nesterov": (0.62, 0.2224),
    # c = 4;  c = 4 + 1.8² = 7.24
    "adagrad": (0.9, 0.9 - 0.18 / math.sqrt(7.24)),
    # c = 0.04, the root 0.2, so x = 1 − 0.2 / 0.2 = 0;  its gradient is 0
    "rmsprop": (0.0, 0.0),
    # the first step is α whatever the gradient;  m̂ = (0.09 · 2 + 0.1 · 1.8) / 0.19,
    # ĉ = (0.000999 · 4 + 0.001 · 3.24) / 0.001999
    "adam": (0.9, 0.9 - 0.1 * (0.36 / 0.19) / math.sqrt(0.007236 / 0.001999)),
}


@pytest.mark.parametrize("name", RULES)
def test_two_steps_by_hand(name):
    point, memory = np.array([1.0]), {}
    for expected in BY_HAND[name]:
        RULES[name](point, 2 * point, 0.1, memory)
        assert point[0] == pytest.approx(expected, abs=1e-7)


def torch_optimizer(name, parameters, rate):
    return {
        "sgd": lambda: torch.optim.SGD(parameters, lr=rate),
        "momentum": lambda: torch.optim.SGD(parameters, lr=rate, momentum=0.9),
        "nesterov": lambda: torch.optim.SGD(parameters, lr=rate, momentum=0.9, nesterov=True),
        "adagrad": lambda: torch.optim.Adagrad(parameters, lr=rate, eps=1e-8),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, lr=rate, alpha=0.99, eps=1e-8),
        "adam": lambda: torch.optim.Adam(parameters, lr=rate, betas=(0.9, 0.999), eps=1e-8),
    }[name]()


@pytest.mark.parametrize("name", RULES)
def test_the_same_path_as_torch(name, rng):
    """Fifty steps on a crooked quadratic."""
    A = rng.normal(size=(6, 6))
    A = A @ A.T / 6 + 0.1 * np.eye(6)
    point, memory = rng.normal(size=(6, 3)), {}
    theirs = torch.tensor(point.copy(), requires_grad=True)
    optimizer = torch_optimizer(name, [theirs], 0.05)
    start = point.copy()
    for _ in range(50):
        RULES[name](point, A @ point, 0.05, memory)
        optimizer.zero_grad()
        theirs.grad = torch.tensor(A) @ theirs.detach()
        optimizer.step()
        np.testing.assert_allclose(point, theirs.detach().numpy(), rtol=ROUNDING, atol=ROUNDING)
    assert np.vdot(point, A @ point) < 0.5 * np.vdot(start, A @ start)


@pytest.mark.parametrize("name", RULES)
def test_the_gradient_is_only_read(name, rng):
    gradient = rng.normal(size=(2, 3))
    gradient.flags.writeable = False
    point, memory = np.zeros((2, 3)), {}
    for _ in range(2):
        RULES[name](point, gradient, 0.1, memory)
    assert np.sign(point).tolist() == (-np.sign(gradient)).tolist()


def test_rates_by_hand():
    settings = {"epochs": 10, "factor": 0.5, "every": 5}
    assert decayed(0.4, "none", 7.3, **settings) == 0.4
    assert [decayed(0.4, "step", t, **settings) for t in (0, 4.9, 5, 9.9, 10)] == [0.4, 0.4, 0.2, 0.2, 0.1]
    assert decayed(0.4, "exponential", 2.5, **settings) == pytest.approx(0.4 * math.exp(-math.log(2) / 2))
    assert decayed(0.4, "cosine", 0, **settings) == 0.4
    assert decayed(0.4, "cosine", 5, **settings) == pytest.approx(0.2)
    assert decayed(0.4, "cosine", 10, **settings) == decayed(0.4, "cosine", 11, **settings) == 0


@pytest.mark.parametrize("decay", ["step", "exponential", "cosine"])
def test_rates_are_torchs_schedules(decay):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    schedule = {
        "step": lambda: torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.3),
        "exponential": lambda: torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.3**0.25),
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12),
    }[decay]()
    for epoch in range(13):
        expected = optimizer.param_groups[0]["lr"]
        ours = decayed(0.3, decay, epoch, epochs=12, factor=0.3, every=4)
        assert ours == pytest.approx(expected, rel=1e-12, abs=1e-15)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it misses the optimizer's own step
            schedule.step()


@pytest.mark.parametrize("name", RULES)
def test_tensors_step_as_arrays_do(name, rng):
    start, gradients = rng.normal(size=5), rng.normal(size=(4, 5))
    point, moved, memory, other = start.copy(), torch.tensor(start), {}, {}
    for gradient in gradients:
        RULES[name](point, gradient, 0.1, memory)
        RULES[name](moved, torch.tensor(gradient), 0.1, other)
    np.testing.assert_allclose(moved.numpy(), point, rtol=ROUNDING)
    assert all(isinstance(value, (torch.Tensor, int)) for value in other.values())
