"""Untrained networks: the floor of what a shape is worth."""

import numpy as np
import pytest

from featbench.extractors import CNN, RandomCNN
from featbench.networks.whitening import whitening_filters


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("architecture", ["small", "airbench"])
def test_it_is_the_network_before_its_training(images, architecture):
    """No epoch of training is no training."""
    random = RandomCNN(architecture=architecture, random_state=3).fit(images)
    unlearned = CNN(architecture=architecture, random_state=3, epochs=0).fit(images, np.arange(12) % 10)
    for layers in (None, "block2"):
        for extractor in (random, unlearned):
            extractor.set_params(layers=layers)
        fitted = random.fit(images), unlearned.fit(images, np.arange(12) % 10)
        np.testing.assert_array_equal(*(extractor.transform(images) for extractor in fitted))


def test_it_reads_no_labels_and_seeds_matter(images):
    random = RandomCNN()
    assert not random.uses_labels
    assert not hasattr(random, "scores")
    first, other = (RandomCNN(random_state=seed).fit_transform(images) for seed in (0, 1))
    assert not np.allclose(first, other)


def test_speed_runs_whiten_the_patches_of_training_images(images):
    random = RandomCNN(architecture="airbench").fit(images)
    expected = whitening_filters(images, random.mean_, random.std_, 2, 5e-4)
    np.testing.assert_array_equal(random.weights_["whiten.weight"], expected)


def test_responses_of_the_first_layer_are_convolutions(images):
    """Against sums in float64, place by place; max pooling of 2 × 2, batch norm at its start, ReLU."""
    random = RandomCNN(layers="block1", pooling="spatial").fit(images)
    pixels = np.pad((images - random.mean_.astype(float)) / random.std_, ((0, 0), (1, 1), (1, 1), (0, 0)))
    W = random.weights_["block1.0.weight"].astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), axis=(1, 2))  # n, y, x, c, 3, 3
    convolved = np.einsum("nyxcij,kcij->nkyx", windows, W)
    pooled = convolved.reshape(12, 32, 8, 2, 8, 2).max((3, 5))
    expected = np.maximum(pooled / np.sqrt(1 + 1e-5), 0).reshape(12, -1)
    np.testing.assert_allclose(random.transform(images), expected, atol=1e-5)
