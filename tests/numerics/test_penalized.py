"""The objective against torch, which differentiates it itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featbench.numerics.losses import softmax
from featbench.numerics.penalized import penalized_loss


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_cost_and_gradient_are_torchs(dtype, tolerance, rng):
    X, y = rng.normal(size=(9, 4)).astype(dtype), rng.integers(0, 3, 9)
    point = rng.normal(size=(3, 5))
    before = point.copy()
    cost, gradient = penalized_loss(point, X, y, softmax, 0.3)
    theirs = torch.tensor(point, requires_grad=True)
    scores = torch.tensor(X.astype(np.float64)) @ theirs[:, :-1].T + theirs[:, -1]
    expected = torch.nn.functional.cross_entropy(scores, torch.tensor(y)) + 0.15 * (theirs[:, :-1] ** 2).sum()
    expected.backward()
    assert cost == pytest.approx(expected.item(), rel=tolerance)
    np.testing.assert_allclose(gradient, theirs.grad.numpy(), atol=tolerance)
    assert gradient.dtype == np.float64
    np.testing.assert_array_equal(point, before)
