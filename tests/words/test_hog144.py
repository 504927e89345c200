"""The course's histograms of patches against the extractor on crops."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.extractors import HOG
from featbench.numerics.area import area_resize
from featbench.words import HOG144, Dense
from featbench.words.cutting import cut
from featbench.words.places import Places


def on_crops(patches):
    return HOG(variant="cs231n").fit_transform(patches)


@pytest.mark.parametrize("shape", [(3, 70, 80), (3, 70, 80, 3)])
def test_rows_equal_the_extractor_on_each_patch(rng, shape):
    images = rng.integers(0, 256, shape).astype(np.uint8)
    before = images.copy()
    places = Dense(stride=10, sizes=[32, 64]).places(images, 0)
    found = HOG144().describe(images, places)
    crops = [
        area_resize(image[None, t : t + grid.size, b : b + grid.size], 32, 32)[0]
        for image in images
        for grid in places.grids
        for t in grid.tops
        for b in grid.lefts
    ]
    np.testing.assert_array_equal(found, on_crops(np.stack(crops)))
    np.testing.assert_array_equal(images, before)
    assert found.dtype == np.float32
    assert HOG144().length(shape[-1]) == found.shape[1] == 144


def test_turned_and_enlarged_patches_come_from_cuts(rng):
    """More patches than are cut at a time, images without any, and others beyond the border."""
    images = rng.integers(0, 256, (5, 40, 44, 3)).astype(np.uint8)
    per_image = [0, 300, 1, 0, 520]
    m = sum(per_image)
    places = Places(
        positions=rng.uniform(0, 39, (m, 2)).astype(np.float32),
        sizes=rng.uniform(5, 70, m).astype(np.float32),
        angles=np.where(rng.random(m) < 0.5, 0, rng.uniform(0, 360, m)).astype(np.float32),
        offsets=np.concatenate([[0], np.cumsum(per_image)]).astype(np.int64),
    )
    found = HOG144().describe(images, places)
    np.testing.assert_array_equal(found, on_crops(cut(images, places, 32)))
    for i in range(5):
        alone = HOG144().describe(images[i : i + 1], places.of_images(i, i + 1))
        np.testing.assert_array_equal(found[places.offsets[i] : places.offsets[i + 1]], alone)


def test_no_patches():
    nothing = Places(
        np.empty((0, 2), np.float32), np.empty(0, np.float32), np.empty(0, np.float32), np.zeros(3, np.int64)
    )
    assert HOG144().describe(np.zeros((2, 9, 9, 3), np.uint8), nothing).shape == (0, 144)
