"""Codes learned without labels."""

import numpy as np
import pytest

from featbench.errors import FeatbenchError, InputError
from featbench.extractors import Autoencoder


@pytest.fixture
def images(rng):
    """Smooth images: three colours that run from corner to corner."""
    y, x = np.mgrid[:16, :16] / 15
    weights = rng.random((96, 3, 3))
    return (85 * np.einsum("nck,kyx->nyxc", weights, np.stack([y, x, 1 - x * y]))).astype(np.uint8)


def test_images_can_be_drawn_again_from_the_code(images):
    coder = Autoencoder(epochs=20, batch_size=16, pooling="spatial").fit(images[:80])
    assert coder.loss_curve_[-1] < 0.1 < 0.5 < coder.loss_curve_[0]
    drawn = coder.pictures(images[80:])["drawn"].astype(float)
    new = images[80:].astype(float)
    error, spread = np.square(drawn - new).mean(), np.square(new - new.mean((0, 1, 2))).mean()
    assert error < 0.15 * spread, "images that it has not seen, beside their mean colour"
    assert coder.transform(images).shape == (96, 4 * 32)
    assert not coder.uses_labels


@pytest.mark.parametrize("shape", [(17, 9, 3), (8, 8), (33, 20)])
def test_images_of_any_size_and_grey_ones(rng, shape):
    images = rng.integers(0, 256, (5, *shape), dtype=np.uint8)
    coder = Autoencoder(epochs=1, channels=4).fit(images)
    places = -(-shape[0] // 8) * -(-shape[1] // 8)
    assert coder.transform(images).shape == (5, 4 * places)
    assert coder.pictures(images)["drawn"].shape == images.shape


def test_it_learns_without_labels_the_same_from_the_same_seed(images):
    first, again = (Autoencoder(epochs=1).fit(images, y).transform(images) for y in (None, np.arange(96)))
    np.testing.assert_array_equal(first, again)


def test_other_layers_and_poolings(images):
    coder = Autoencoder(epochs=0, layers=["encoder.block1", "encoder.code"], pooling="mean").fit(images)
    assert coder.transform(images).shape == (96, 64)
    assert coder.get_feature_names_out()[32] == "autoencoder[encoder.code, channel 0]"


def test_nothing_is_drawn_before_fit(images):
    assert Autoencoder().pictures(images[:2]) == {}


def test_a_pixel_is_learned_from_beside_others_and_not_alone(rng):
    images = rng.integers(0, 256, (5, 1, 1, 3), dtype=np.uint8)
    assert Autoencoder(epochs=1).fit_transform(images).shape == (5, 32)
    assert Autoencoder(epochs=0).fit_transform(images[:1]).shape == (1, 32)
    for alone in ({}, {"batch_size": 1}):
        with pytest.raises(
            InputError, match=r"Autoencoder: a batch .*; got \(1, 3, 1, 1\), on which it fails"
        ):
            Autoencoder(**alone).fit(images if alone else images[:1])


def test_no_images_and_codes_without_numbers_are_refused(images):
    with pytest.raises(InputError, match="Autoencoder: training images must be one or more; got none"):
        Autoencoder().fit(images[:0])
    with pytest.raises(FeatbenchError, match="the loss is no number any more in epoch 1 of 1"):
        Autoencoder(epochs=1, learning_rate=1e9).fit(images[:12])
