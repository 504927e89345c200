"""Rows from layers, against values computed by hand and by torch step by step."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from featbench.errors import FeatbenchError
from featbench.extractors import RandomCNN
from featbench.networks.building import OUTPUT
from featbench.networks.reading import REDUCTIONS, LayerReader, gram

ROUNDING = 1e-6  # of float32 sums of a few numbers
ONES = np.zeros(1, np.float32), np.ones(1, np.float32)


def reader(network, layers, reduction="mean", moments=ONES, average_flips=False):
    return LayerReader(
        network, layers, reduction, moments, "cpu", average_flips, "auto", threading.Lock(), "CNN"
    )


def test_gram_of_two_channels_by_hand():
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, -2.0]]]])
    # (1 + 4 + 9 + 16) / 4, (0 + 2 + 0 − 8) / 4, (0 + 1 + 0 + 4) / 4
    assert gram(maps).tolist() == [[7.5, -1.5, 1.25]]


def test_gram_is_the_upper_triangle_row_by_row():
    maps = torch.randn(2, 5, 3, 4)
    expected = np.einsum("nihw,njhw->nij", maps, maps) / 12
    np.testing.assert_allclose(gram(maps), expected[:, *np.triu_indices(5)], rtol=ROUNDING, atol=ROUNDING)


def test_what_becomes_of_maps():
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 1.0], [0.0, -2.0]]]])
    assert REDUCTIONS["mean"](maps).tolist() == [[3.0, -0.25]]
    assert REDUCTIONS["max"](maps).tolist() == [[6.0, 1.0]]
    assert REDUCTIONS["spatial"](maps).tolist() == [[1, 2, 3, 6, 0, 1, 0, -2]]
    assert REDUCTIONS["spatial"](maps.contiguous(memory_format=torch.channels_last)).tolist() == [
        [1, 2, 3, 6, 0, 1, 0, -2]
    ]
    for name in ("mean", "max", "spatial"):
        assert REDUCTIONS[name](maps[:, :, 0, 0]).tolist() == [[1, 0]]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    ).eval()


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (600, 12, 10, 3), dtype=np.uint8)


MOMENTS = np.array([90, 100, 110], np.float32), np.array([50, 60, 70], np.float32)


def test_rows_are_the_layers_one_after_another(network, images):
    x = torch.tensor((images - MOMENTS[0]) / MOMENTS[1]).permute(0, 3, 1, 2)
    with torch.inference_mode():
        convolved, pooled, scores = network[0](x), network[:4](x), network(x)
    expected = torch.cat([convolved.amax((2, 3)), pooled, scores], dim=1)
    found = reader(network, ["0", "input of 4", OUTPUT], "max", MOMENTS).rows(images, 10)
    np.testing.assert_allclose(
        found, expected, rtol=1e-5, atol=1e-5
    )  # oneDNN sums in another order by layout
    assert found.dtype == np.float32


def test_rows_may_be_means_over_an_image_and_its_mirror_image(network, images):
    plain, both = (reader(network, [OUTPUT], "mean", MOMENTS, flips) for flips in (False, True))
    expected = (plain.rows(images, 2) + plain.rows(images[:, :, ::-1].copy(), 2)) / 2
    np.testing.assert_allclose(both.rows(images, 2), expected, rtol=ROUNDING, atol=ROUNDING)


def test_too_little_memory_halves_what_is_read_at_once(network, images):
    expected = reader(network, [OUTPUT], "mean", MOMENTS).rows(images, 2)
    sizes = []

    def few(_module, inputs):
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > 200:
            raise torch.OutOfMemoryError("CUDA out of memory")

    network.register_forward_pre_hook(few)
    found = reader(network, [OUTPUT], "mean", MOMENTS).rows(images, 2)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)
    assert sizes == [600, 300, 150, 150, 150, 150]


def test_one_image_that_does_not_fit_is_refused(network, images):
    def never(_module, _inputs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    network.register_forward_pre_hook(never)
    with pytest.raises(FeatbenchError, match="CNN: one image does not fit into the memory of cpu"):
        reader(network, [OUTPUT], "mean", MOMENTS).rows(images[:3], 2)


def test_a_reader_is_made_while_nobody_reads(monkeypatch):
    """It moves the weights and listens to layers, which would show in what another caller reads."""
    made = []

    class Watched(LayerReader):
        def __init__(self, *given):
            (lock,) = [value for value in given if hasattr(value, "locked")]
            made.append(lock.locked())
            super().__init__(*given)

    monkeypatch.setattr("featbench.networks.reading.LayerReader", Watched)
    RandomCNN().fit(np.zeros((4, 16, 16, 3), np.uint8)).transform(np.zeros((2, 16, 16, 3), np.uint8))
    assert made == [True]
