"""Steps of training against torch's own and hand-made values."""

import pytest
import torch
from torch import nn

from featbench.networks.optimizing import Lookahead, Muon, Stepper, orthogonalized
from featbench.networks.recipe import Recipe

ROUNDING = 1e-6  # of float32


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))


def rates(stepper):
    return [[group["lr"] for group in optimizer.param_groups] for optimizer in stepper.optimizers]


def test_rates_grow_with_the_batch_and_biases_of_batch_norms_have_their_own():
    recipe = Recipe(learning_rate=0.1, bias_scale=64, weight_decay=0.01)
    stepper = Stepper(network(), recipe, 512, 10)
    (biases, others) = stepper.optimizers[0].param_groups
    assert [len(biases["params"]), len(others["params"])] == [1, 5]
    assert biases["peak"] == pytest.approx(64 * 0.2)
    assert others["peak"] == pytest.approx(0.2)
    assert biases["weight_decay"] * biases["peak"] == pytest.approx(others["weight_decay"] * others["peak"])


def test_a_step_is_nesterovs_at_the_rate_of_the_triangle():
    ours, theirs = network(), network()
    recipe = Recipe(learning_rate=0.1, momentum=0.9, weight_decay=0.01, peak_at=0.5)
    stepper = Stepper(ours, recipe, 256, 4)
    oracle = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)
    images = torch.randn(6, 1, 4, 4)
    for share in (0.2, 0.6, 1.0):
        stepper.step(ours(images).square().mean())
        oracle.param_groups[0]["lr"] = 0.1 * share
        oracle.zero_grad()
        theirs(images).square().mean().backward()
        oracle.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=ROUNDING, atol=ROUNDING)


def test_what_is_not_learned_is_not_stepped():
    net = network()
    net[0].weight.requires_grad = False
    before = net[0].weight.clone()
    Stepper(net, Recipe(), 4, 2).step(net(torch.randn(4, 1, 4, 4)).square().mean())
    assert torch.equal(net[0].weight, before)


def test_lookahead_keeps_a_share_of_the_mean_and_the_weights_follow():
    net = nn.Linear(1, 1)
    with torch.no_grad():
        net.weight.fill_(1.0)
        lookahead = Lookahead(net)
        net.weight.fill_(3.0)
    lookahead.update(0.75)
    assert net.weight.item() == pytest.approx(1.5)
    with torch.no_grad():
        net.weight.fill_(9.0)
    lookahead.update(1.0)
    assert net.weight.item() == pytest.approx(1.5)


def test_steps_of_muon_are_nearly_orthogonal():
    """Three iterations bring singular values of a gradient near 1, which is all that they are for."""
    torch.manual_seed(1)
    for shape in ((6, 20), (20, 6)):
        matrix = torch.randn(shape)
        found = orthogonalized(matrix, steps=5)
        values = torch.linalg.svdvals(found)
        assert (values > 0.5).all()
        assert (values < 1.5).all()
        U, _, V = torch.linalg.svd(matrix, full_matrices=False)
        directions = U.T @ found @ V.T
        assert (directions.diagonal() > 0.5).all(), "the singular vectors stay"
        assert (directions - torch.diag(directions.diagonal())).abs().max() < 1e-4


def test_muon_steps_filters_and_keeps_their_norm():
    net = network()
    stepper = Stepper(net, Recipe(optimizer="muon"), 8, 2)
    assert [type(o) for o in stepper.optimizers] == [torch.optim.SGD, Muon]
    (filters,) = stepper.optimizers[1].param_groups[0]["params"]
    assert filters is net[0].weight
    before = filters.detach().clone()
    stepper.step(net(torch.randn(8, 1, 4, 4)).square().sum())
    change = filters - before * 2 / before.norm()
    rate = 0.24 * 0.2
    assert change.norm().item() == pytest.approx(rate * 2, rel=0.5), "four singular values near 1"
