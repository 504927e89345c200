"""The shared map against central differences, PyTorch and the definition in plain NumPy; on tensors too."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.classifiers.shared_map import SharedMap, first_point, objective

# Central differences in float64 with a step of 1e-6 are right to about 1e-9 of the largest slope.
GRADIENT = 1e-7
# Sums of a few hundred float64 products in another order.
ROUNDING = 1e-12

CELLS, LENGTH, CHANNELS, CLASSES = SIZES = (4, 6, 3, 5)


@pytest.fixture
def problem(rng):
    """More rows than one part holds, and a point without zeros."""
    X = rng.normal(size=(300, CELLS * LENGTH))
    y = rng.integers(0, CLASSES, 300)
    point = first_point(SIZES, np.dtype(np.float64), rng)
    point += 0.3 * rng.normal(size=point.shape)
    return point, X, y


def test_gradient_equals_central_differences(problem):
    point, X, y = problem
    _, gradient = objective(point, SIZES, X, y, 0.3)
    step = 1e-6
    for i in range(len(point)):
        ends = []
        for sign in (1, -1):
            moved = point.copy()
            moved[i] += sign * step
            ends.append(objective(moved, SIZES, X, y, 0.3)[0])
        assert abs((ends[0] - ends[1]) / (2 * step) - gradient[i]) <= GRADIENT * np.abs(gradient).max()


def test_cost_is_the_definition_cell_by_cell(problem):
    point, X, y = problem
    V, W, b = SharedMap.of(point, *SIZES)
    found = np.tile(b, (300, 1))
    for cell in range(CELLS):
        of_cell = X[:, cell * LENGTH : (cell + 1) * LENGTH] @ V
        found += of_cell @ W[cell * CHANNELS : (cell + 1) * CHANNELS]
    shares = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    expected = -np.log(shares[np.arange(300), y]).mean() + 0.15 * ((V**2).sum() + (W**2).sum())
    cost, _ = objective(point, SIZES, X, y, 0.3)
    assert cost == pytest.approx(expected, rel=ROUNDING)
    coef, intercept = SharedMap.of(point, *SIZES).linear()
    np.testing.assert_allclose(X @ coef.T + intercept, found, rtol=0, atol=ROUNDING * np.abs(found).max())


def test_it_is_torchs_convolution_of_one_by_one(problem):
    torch = pytest.importorskip("torch")
    point, X, y = problem
    V, W, b = (torch.tensor(part.copy(), requires_grad=True) for part in SharedMap.of(point, *SIZES))
    image = torch.tensor(X.reshape(300, 2, 2, LENGTH)).permute(0, 3, 1, 2)
    hidden = torch.nn.functional.conv2d(image, V.T[:, :, None, None])
    scores = hidden.permute(0, 2, 3, 1).reshape(300, -1) @ W + b
    cost = torch.nn.functional.cross_entropy(scores, torch.tensor(y))
    (cost + 0.15 * (V.square().sum() + W.square().sum())).backward()
    _, gradient = objective(point, SIZES, X, y, 0.3)
    for ours, theirs in zip(SharedMap.of(gradient, *SIZES), (V, W, b), strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=0, atol=ROUNDING)


def test_tensors_have_the_same_cost_and_gradient(problem):
    torch = pytest.importorskip("torch")
    point, X, y = problem
    cost, gradient = objective(point, SIZES, X, y, 0.3)
    on_device, slopes = objective(*(torch.tensor(point), SIZES, torch.tensor(X), torch.tensor(y)), 0.3)
    assert on_device == pytest.approx(cost, rel=ROUNDING)
    np.testing.assert_allclose(slopes.numpy(), gradient, rtol=0, atol=ROUNDING)


def test_the_gradient_is_the_same_on_any_number_of_threads(problem, monkeypatch):
    found = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        found.append(objective(problem[0], SIZES, *problem[1:], 0.3)[1])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_first_weights_keep_the_signal_and_favour_no_class(rng):
    sizes = (4, 400, 300, 10)
    point = first_point(sizes, np.dtype(np.float32), rng)
    assert point.dtype == np.float32
    V, W, b = SharedMap.of(point, *sizes)
    assert V.std() == pytest.approx(np.sqrt(1 / 400), rel=0.02)  # of 120,000 draws
    assert not W.any()
    assert not b.any()
    X = rng.normal(size=(20, 1600)).astype(np.float32)
    cost, _ = objective(point, sizes, X, np.arange(20) % 10, 0.0)
    assert cost == pytest.approx(np.log(10), rel=1e-6)  # float32
