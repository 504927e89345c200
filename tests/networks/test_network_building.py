"""Networks by name, their layers, and images that are too small for them."""

import numpy as np
import pytest
import torch
from torch import nn

from featbench.errors import InputError, UnknownNameError
from featbench.networks import ARCHITECTURES
from featbench.networks.building import (
    OUTPUT,
    Captured,
    build,
    check_layers,
    default_layer,
    layer_shapes,
    recipe_of,
)
from featbench.networks.recipe import Recipe

OWN = ["small", "resnet9", "resnet18", "airbench", "airbench96"]

# Learned and batch-norm weights for three channels and ten classes, counted by hand from the tables of the papers:
# k · k · c_in · c_out of each convolution, 2 of each normalised channel (1 where its scale is not learned).
WEIGHTS = {
    "small": 27 * 32 + 288 * 64 + 576 * 128 + 1152 * 128 + 2 * (32 + 64 + 128 + 128) + 129 * 10,
    "resnet9": 27 * 64 + 576 * 128 + 2 * 1152 * 128 + 1152 * 256 + 2304 * 512 + 2 * 4608 * 512
    + 2 * (64 + 3 * 128 + 256 + 3 * 512) + 5120,
    "resnet18": 11_173_962,  # the figure that programs of this network print
    "airbench": 24 * 12 + 24 + 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256)
    + 2 * (2 * 64 + 4 * 256) + 2560,
    "airbench96": 24 * 12 + 24 + 9 * (24 * 128 + 2 * 128**2 + 128 * 384 + 2 * 384**2 + 384 * 512 + 2 * 512**2)
    + 2 * 3 * (128 + 384 + 512) + 5120,
}  # fmt: skip


def test_every_architecture_is_tried():
    assert list(ARCHITECTURES.rows()) == OWN


@pytest.mark.parametrize("name", OWN)
def test_an_architecture_has_the_weights_of_its_paper(name):
    with torch.device("meta"):
        network = build(name, 3, 10, 0, "test")
    assert sum(p.numel() for p in network.parameters()) == WEIGHTS[name]


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("shape", [(32, 32, 3), (40, 33, 3), (33, 36)])
def test_an_architecture_scores_images_of_any_size(name, shape):
    assert layer_shapes(name, shape, 7, (OUTPUT,), "test") == {OUTPUT: (7,)}
    (layer,) = layer_shapes(name, shape, 7, None, "test").items()
    assert layer[0] == "input of head"
    assert recipe_of(name, "test") != Recipe()


def test_no_bias_stands_before_a_batch_norm():
    for name in OWN:
        with torch.device("meta"):
            network = build(name, 3, 10, 0, "test")
        biased = [n for n, m in network.named_modules() if isinstance(m, nn.Conv2d) and m.bias is not None]
        assert biased == (["whiten"] if name.startswith("airbench") else [])


def test_filters_of_speed_runs_begin_as_the_identity():
    network = build("airbench", 3, 10, 0, "test")
    x = torch.randn(1, 64, 7, 7)
    torch.testing.assert_close(network.block1.conv2(x), x)


def test_the_seed_draws_the_weights_and_nobody_elses():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (build("small", 3, 10, seed, "test") for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


class Own(nn.Module):
    recipe = Recipe(epochs=3)

    def __init__(self, channels, classes):
        super().__init__()
        self.body = nn.Conv2d(channels, 5, 3)
        self.last = nn.Linear(5, classes)

    def forward(self, x):
        return self.last(self.body(x).mean((2, 3)))


def test_a_class_a_function_or_a_network_of_ones_own():
    assert isinstance(build(Own, 3, 4, 0, "test"), Own)
    assert isinstance(build(lambda channels, classes: Own(channels, classes), 1, 2, 0, "test"), Own)
    network = Own(3, 4)
    copy = build(network, 3, 4, 0, "test")
    assert copy is not network
    assert torch.equal(copy.last.weight, network.last.weight)
    assert recipe_of(Own, "test") == recipe_of(network, "test") == Recipe(epochs=3)
    assert recipe_of(lambda channels, classes: Own(channels, classes), "test") == Recipe()


def test_what_is_no_architecture_is_refused():
    with pytest.raises(
        UnknownNameError, match=r"CNN: architecture: unknown network 'resnet8'. Did you mean 'resnet"
    ):
        build("resnet8", 3, 10, 0, "CNN")
    with pytest.raises(InputError, match=r"architecture must be a name, .*; got 7"):
        build(7, 3, 10, 0, "CNN")
    with pytest.raises(InputError, match=r"architecture must be what makes a torch.nn.Module .*; got int"):
        build(lambda channels, classes: classes, 3, 10, 0, "CNN")


def test_a_layer_that_is_not_there_lists_those_that_are():
    network = build("small", 3, 10, 0, "CNN")
    message = (
        r"CNN: no layer 'blok2'. Did you mean 'block2'\? Layers: block1, block1.0, .*pool, flatten, head\."
    )
    with pytest.raises(InputError, match=message):
        check_layers(network, ["block1", "blok2"], "CNN")
    with pytest.raises(InputError, match="no layer 'blok2'"):
        layer_shapes("small", (32, 32, 3), 10, ("input of blok2",), "CNN")


def test_a_network_without_a_linear_layer_needs_a_layers_name():
    with pytest.raises(
        InputError, match=r"layers must be named where .* no linear layer; got None. Layers: 0\."
    ):
        default_layer(nn.Sequential(nn.Conv2d(1, 1, 1)), "CNN")


@pytest.mark.parametrize(("name", "least"), [("small", 8), ("airbench", 9), ("resnet9", 8), ("resnet18", 1)])
def test_images_smaller_than_the_field_are_refused_with_the_least(name, least):
    layer_shapes(name, (least, least, 3), 10, None, "CNN")
    if least == 1:
        return
    message = (
        rf"CNN: images must be at least {least} × {least} pixels .*; got {least - 1} × 40. Enlarge them."
    )
    with pytest.raises(InputError, match=message):
        layer_shapes(name, (least - 1, 40, 3), 10, None, "CNN")


def test_what_no_size_would_mend_is_told_as_the_network_says_it():
    with pytest.raises(
        InputError, match=r"CNN: the network cannot take images of shape \(8, 8, 3\) \(RuntimeError: "
    ):
        layer_shapes(lambda channels, classes: nn.Linear(2, classes), (8, 8, 3), 10, None, "CNN")


def test_outputs_are_captured_as_they_are_before_the_next_layer_changes_them():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True))
    images = torch.randn(3, 1, 2, 2)
    with torch.inference_mode():
        before = network[0](images)
        found, output = Captured(network, ["0", OUTPUT], torch.clone)(images)
    assert (before < 0).any()
    np.testing.assert_array_equal(found, before)
    np.testing.assert_array_equal(output, before.clamp(min=0))


class Unhashable:
    """Equal to others like it, and therefore without a hash."""

    __hash__ = None

    def __init__(self, width):
        self.width = width

    def __call__(self, channels, classes):
        return nn.Sequential(
            nn.Flatten(), nn.Linear(16 * channels, self.width), nn.Linear(self.width, classes)
        )


def test_what_makes_a_network_needs_no_hash_and_may_change():
    make = Unhashable(5)
    assert layer_shapes(make, (4, 4, 3), 2, None, "test") == {"input of 2": (5,)}
    make.width = 7
    assert layer_shapes(make, (4, 4, 3), 2, None, "test") == {"input of 2": (7,)}


def test_a_network_in_hand_may_change():
    network = Unhashable(5)(3, 2)
    assert layer_shapes(network, (4, 4, 3), 2, (OUTPUT,), "test") == {OUTPUT: (2,)}
    network[2] = nn.Linear(5, 9)
    assert layer_shapes(network, (4, 4, 3), 2, (OUTPUT,), "test") == {OUTPUT: (9,)}


@pytest.mark.parametrize("architecture", [["a"], {}, set(), np.zeros(3), None, 3, object()])
def test_what_makes_no_network_is_refused(architecture):
    with pytest.raises(
        InputError, match=r"test: architecture must be a name, a torch.nn.Module, or what makes"
    ):
        layer_shapes(architecture, (8, 8, 3), 2, None, "test")


def test_what_fails_to_make_a_network_is_told():
    message = r"architecture must be what makes a torch.nn.Module .*; got one that fails on \(3, 2\) \(TypeError: int"
    with pytest.raises(InputError, match=message):
        build(int, 3, 2, 0, "test")


def test_a_network_without_sizes_is_refused():
    for architecture in (
        lambda channels, classes: nn.LazyLinear(classes),
        nn.Sequential(nn.LazyBatchNorm2d()),
    ):
        with pytest.raises(
            InputError, match=r"test: architecture must be made of layers whose sizes are given; got lazy"
        ):
            build(architecture, 3, 2, 0, "test")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_become_float32(dtype):
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).to(dtype)
    for architecture in (network, lambda channels, classes: network):
        assert build(architecture, 1, 2, 0, "test")[1].weight.dtype == torch.float32


def test_messages_about_a_network_of_one_layer_and_of_none_that_is_a_tensor():
    with pytest.raises(InputError, match=r"got None. It is a single layer; '' names what it gives."):
        layer_shapes(nn.Conv2d(3, 2, 3), (8, 8, 3), 2, None, "test")
    assert layer_shapes(nn.Conv2d(3, 2, 3), (8, 8, 3), 2, (OUTPUT,), "test") == {OUTPUT: (2, 6, 6)}
    with pytest.raises(InputError, match=r"the output of the network must be .* got Tensor \(1, 3, 64\)"):
        layer_shapes(nn.Flatten(2), (8, 8, 3), 2, (OUTPUT,), "test")
