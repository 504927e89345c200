"""Places of some images, and the pixels that patches' centres lie in."""

from __future__ import annotations

import numpy as np

from featbench.words import Dense
from featbench.words.places import Places


def test_places_of_some_images():
    m = np.arange(7, dtype=np.float32)
    places = Places(np.stack([m, m + 10], axis=1), m + 1, m + 20, np.array([0, 2, 2, 6, 7]))
    some = places.of_images(1, 3)
    assert len(some) == 2
    assert some.offsets.tolist() == [0, 0, 4]
    assert some.positions[:, 1].tolist() == [12, 13, 14, 15]
    assert some.sizes.tolist() == [3, 4, 5, 6]
    assert some.angles.tolist() == [22, 23, 24, 25]
    assert len(places.of_images(4, 4).sizes) == 0


def test_some_images_keep_their_grids():
    places = Dense(stride=3, sizes=[4, 5]).places(np.zeros((4, 10, 12), np.uint8), 0)
    alone = Dense(stride=3, sizes=[4, 5]).places(np.zeros((2, 10, 12), np.uint8), 0)
    some = places.of_images(2, 4)
    assert some.grids is places.grids
    for name in ("positions", "sizes", "angles", "offsets"):
        np.testing.assert_array_equal(getattr(some, name), getattr(alone, name))


def test_a_centre_between_two_pixels_belongs_to_the_one_before():
    positions = np.float32([[2.5, 2.0], [2.6, 3.5], [0.0, -0.5], [0.4, 7.49]])
    places = Places(positions, np.ones(4, np.float32), np.zeros(4, np.float32), np.array([0, 4]))
    assert places.pixels().tolist() == [[2, 2], [3, 3], [0, -1], [0, 7]]
