import numpy as np
import pytest

from featbench.extractors.sift_gradients import gradients

# Sums of thirteen grey levels in float32, twice, and a difference of two of them.
GREY_LEVELS = 1e-3
# OpenCV's arctangent is good to 0.01°; rounding turns the shortest vectors looked at, of length 1, a little more.
ANGLE = 0.1 / 45


def by_definition(image):
    """Gradients in float64: a sampled Gaussian, mirrored borders, differences of neighbours."""
    offsets = np.arange(-6, 7)
    weights = np.exp(-(offsets**2) / (2 * (1.6**2 - 0.5**2)))
    weights /= weights.sum()
    padded = np.pad(image.astype(float), 6, mode="reflect")
    for axis in (0, 1):
        padded = np.apply_along_axis(np.convolve, axis, padded, weights, mode="valid")
    dx, dy = np.zeros(image.shape), np.zeros(image.shape)
    dx[1:-1, 1:-1] = padded[1:-1, 2:] - padded[1:-1, :-2]
    dy[1:-1, 1:-1] = padded[:-2, 1:-1] - padded[2:, 1:-1]
    return np.hypot(dx, dy), np.degrees(np.arctan2(dy, dx)) % 360 / 45


@pytest.mark.parametrize("shape", [(20, 31), (33, 16), (3, 3), (3, 40), (7, 5)])
def test_gradients_equal_their_definition(rng, shape):
    images = rng.integers(0, 256, (3, *shape)).astype(np.uint8)
    magnitudes, angles = gradients(images)
    assert magnitudes.shape == angles.shape == (3, shape[0], -(-shape[1] // 4) * 4)
    for image, magnitude, angle in zip(images, magnitudes, angles, strict=True):
        expected_magnitude, expected_angle = by_definition(image)
        width = shape[1]
        np.testing.assert_allclose(magnitude[:, :width], expected_magnitude, rtol=0, atol=GREY_LEVELS)
        assert not magnitude[:, width:].any()
        off = np.abs(angle[:, :width] - expected_angle)
        off = np.minimum(off, 8 - off)[expected_magnitude > 1]
        assert off.max(initial=0) < ANGLE
        assert angle.min() >= 0
        assert angle.max() <= 8


@pytest.mark.parametrize(
    ("down", "across", "angle"), [(0, 2, 0), (-2, 2, 1), (-2, 0, 2), (0, -2, 4), (2, 0, 6), (2, 2, 7)]
)
def test_a_slope_has_one_length_and_one_angle(down, across, angle):
    row, col = np.mgrid[:30, :30]
    image = (120 + down * (row - 15) + across * (col - 15)).astype(np.uint8)
    magnitudes, angles = gradients(image[None])
    inside = (0, slice(8, -8), slice(8, -10))  # the border is mirrored; two columns of padding
    # Smoothing leaves a slope as it is; a gradient is the change over two pixels.
    np.testing.assert_allclose(magnitudes[inside], 2 * np.hypot(down, across), atol=GREY_LEVELS)
    off = np.abs(angles[inside] - angle)
    assert np.minimum(off, 8 - off).max() < ANGLE


@pytest.mark.parametrize("level", [0, 77, 255])
def test_flat_images_have_no_gradient_at_all(level):
    # Not even rounding noise, which descriptors would blow up to full length.
    magnitudes, _ = gradients(np.full((1, 21, 30), level, dtype=np.uint8))
    assert not magnitudes.any()
