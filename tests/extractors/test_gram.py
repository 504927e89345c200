"""Gram matrices of layers as features of texture."""

import numpy as np
import pytest

from featbench.errors import InputError
from featbench.extractors import Gram, RandomCNN

ROUNDING = 1e-4  # of float32 sums of products, relative


def test_features_are_products_of_channels_averaged_over_places(rng):
    images = rng.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    maps = RandomCNN(layers="block2", pooling="spatial").fit_transform(images).reshape(6, 64, 16)
    expected = [[maps[n, i] @ maps[n, j] / 16 for i in range(64) for j in range(i, 64)] for n in range(6)]
    found = Gram().fit_transform(images)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)
    assert found.shape == (6, 2080)


def test_names_tell_both_channels(rng):
    gram = Gram(layers="block1").fit(rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8))
    names = gram.get_feature_names_out()
    assert list(names[30:34]) == [
        f"gram[block1, channels {i} and {j}]" for i, j in ((0, 30), (0, 31), (1, 1), (1, 2))
    ]


def test_where_things_are_is_not_told(rng):
    """A texture and the same shifted by the step of the pooling differ at the border alone."""
    tile = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    wide = np.tile(tile, (8, 8, 1))[None]
    shifted = np.roll(wide, (2, 4), axis=(1, 2))
    gram = Gram(layers="block1").fit(wide)
    a, b = gram.transform(wide), gram.transform(shifted)
    scrambled = gram.transform(rng.permutation(wide.reshape(1, -1, 3), axis=1).reshape(wide.shape))
    assert np.linalg.norm(a - b) < 0.25 * np.linalg.norm(a - scrambled)


def test_layers_without_maps_are_refused(rng):
    with pytest.raises(InputError, match="Gram: layers must be maps of features; got head"):
        Gram(layers="head").fit(rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8))
