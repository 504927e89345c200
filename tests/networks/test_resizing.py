"""Resizing for networks is by areas, and between pixels where images grow."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from featbench.networks.resizing import resized


@pytest.mark.parametrize("channels", [3, 1])
def test_smaller_ones_are_means_over_areas(rng, channels):
    images = rng.integers(0, 256, (3, 12, 8, channels)).astype(np.uint8)
    means = images.reshape(3, 4, 3, 4, 2, channels).mean(axis=(2, 4))
    np.testing.assert_array_equal(resized(images, 4, 4), np.floor(means + 0.5).astype(np.uint8))
    assert resized(images, 12, 8) is images


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("size", [(20, 20), (20, 4)])
def test_larger_ones_are_pillows(rng, channels, size):
    images = rng.integers(0, 256, (2, 12, 8, channels)).astype(np.uint8)
    larger = resized(images, *size)
    assert larger.shape == (2, *size, channels)
    for image, found in zip(images, larger, strict=True):
        whole = Image.fromarray(image if channels == 3 else image[..., 0])
        expected = np.asarray(whole.resize(size[::-1], Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(found, expected.reshape(*size, channels))
