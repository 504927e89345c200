"""Means and deviations of pixels against numpy's."""

import numpy as np

from featbench.networks import moments
from featbench.networks.moments import moments_of

ROUNDING = 1e-6  # of float32, relative


def test_moments_are_those_of_all_pixels(rng):
    images = rng.integers(0, 256, (9, 5, 7, 3), dtype=np.uint8)
    images[..., 1] //= 9
    mean, deviation = moments_of(images)
    np.testing.assert_allclose(mean, images.mean((0, 1, 2)), rtol=ROUNDING)
    np.testing.assert_allclose(deviation, images.std((0, 1, 2)), rtol=ROUNDING)
    assert mean.dtype == deviation.dtype == np.float32


def test_a_channel_that_does_not_vary_is_only_shifted():
    mean, deviation = moments_of(np.full((2, 3, 3, 1), 9, np.uint8))
    assert (mean[0], deviation[0]) == (9, 1)


def test_images_are_counted_in_blocks(rng, monkeypatch):
    images = rng.integers(0, 256, (9, 5, 7, 3), dtype=np.uint8)
    whole = moments_of(images)
    monkeypatch.setattr(moments, "_AT_ONCE", 4)
    np.testing.assert_array_equal(moments_of(images), whole)
