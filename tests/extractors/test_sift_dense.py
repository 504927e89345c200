import cv2
import numpy as np
import pytest
from skimage.data import astronaut, chelsea

from featbench.extractors.raw import to_grey
from featbench.extractors.sift_dense import GridDescriber

# A sum that lies within rounding of a half may become the whole number on its other side.
ROUNDED_ALIKE = 0.999


def descriptors(images, rows, cols, sizes):
    values = np.empty((len(images), len(sizes), len(rows), len(cols), 128), dtype=np.float32)
    GridDescriber(*images.shape[1:], rows, cols, sizes).describe(images, values)
    return values


def opencv(image, rows, cols, size):
    """OpenCV's descriptors. Version 4.10 writes beyond its buffer where they cover less than 128 pixels (its issue 26139)."""
    assert size > 1.1
    assert np.hypot(*image.shape) > 6
    points = [cv2.KeyPoint(float(c), float(r), size, 0, 0, 0) for r in rows for c in cols]
    return cv2.SIFT.create().compute(image, points)[1].reshape(len(rows), len(cols), 128)


def by_definition(image, row, col, size):
    """One descriptor in float64, pixel by pixel, after Lowe's paper and OpenCV's constants."""
    offsets = np.arange(-6, 7)
    weights = np.exp(-(offsets**2) / (2 * (1.6**2 - 0.5**2)))
    smooth = np.pad(image.astype(float), 6, mode="reflect")
    for axis in (0, 1):
        smooth = np.apply_along_axis(np.convolve, axis, smooth, weights / weights.sum(), mode="valid")
    histogram = np.zeros((4, 4, 8))
    for y in range(1, image.shape[0] - 1):
        for x in range(1, image.shape[1] - 1):
            dx, dy = smooth[y, x + 1] - smooth[y, x - 1], smooth[y - 1, x] - smooth[y + 1, x]
            down, across = (y - row) / (1.5 * size), (x - col) / (1.5 * size)
            vote = np.hypot(dx, dy) * np.exp(-(down**2 + across**2) / 8)
            off = np.abs(np.arctan2(dy, dx) % (2 * np.pi) * 4 / np.pi - np.arange(8))
            offs = (down + 1.5 - np.arange(4), across + 1.5 - np.arange(4), np.minimum(off, 8 - off))
            shares = (np.maximum(1 - np.abs(off), 0) for off in offs)
            histogram += vote * np.einsum("i,j,k", *shares)
    limited = np.minimum(histogram, 0.2 * np.linalg.norm(histogram)).ravel()
    return np.minimum(np.rint(limited * 512 / max(np.linalg.norm(limited), 1e-7)), 255)


def photograph(kind, shape):
    image = to_grey((astronaut() if kind == "astronaut" else chelsea())[None])[0]
    return image[60 : 60 + shape[0], 150 : 150 + shape[1]].copy()


@pytest.mark.parametrize("kind", ["astronaut", "chelsea", "noise", "drawing"])
@pytest.mark.parametrize(
    ("shape", "size"), [((128, 128), 4.0), ((61, 90), 8 / 3), ((50, 33), 1.2), ((47, 70), 9.7)]
)
def test_descriptors_equal_opencv(rng, kind, shape, size):
    if kind == "noise":
        image = rng.integers(0, 256, shape).astype(np.uint8)
    elif kind == "drawing":  # flat parts, sharp edges
        image = np.full(shape, 30, dtype=np.uint8)
        image[10:30, 5:20], image[20:40, 15:] = 220, 90
    else:
        image = photograph(kind, shape)
    rows, cols = np.arange(0, shape[0], 3), np.arange(1, shape[1], 5)
    ours, expected = descriptors(image[None], rows, cols, (size,))[0, 0], opencv(image, rows, cols, size)
    assert np.abs(ours - expected).max() <= 1
    assert (ours == expected).mean() > ROUNDED_ALIKE
    assert ours.any()


@pytest.mark.parametrize("shape", [(3, 3), (3, 20), (9, 4), (5, 6)])
@pytest.mark.parametrize("size", [1.0, 4.0, 40.0])
def test_border_pixels_and_images_smaller_than_a_descriptor(rng, shape, size):
    image = rng.integers(0, 256, shape).astype(np.uint8)
    rows, cols = np.arange(0, shape[0], 2), np.arange(0, shape[1], 3)
    ours = descriptors(image[None], rows, cols, (size,))[0, 0]
    expected = np.array([[by_definition(image, r, c, size) for c in cols] for r in rows])
    assert np.abs(ours - expected).max() <= 1


def test_descriptors_equal_their_definition(rng):
    image = rng.integers(0, 256, (13, 14)).astype(np.uint8)
    rows, cols = np.array([0, 6, 12]), np.array([3, 9])
    for size in (1.3, 3.0):
        ours = descriptors(image[None], rows, cols, (size,))[0, 0]
        expected = np.array([[by_definition(image, r, c, size) for c in cols] for r in rows])
        assert np.abs(ours - expected).max() <= 1
        assert (ours == expected).mean() > 0.99  # the definition has all digits of the arctangent


def test_a_slope_has_one_direction():
    image = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (60, 1))
    turns = [
        descriptors(np.rot90(image, k).copy()[None], np.array([30]), np.array([30]), (2.0,)) for k in range(4)
    ]
    for k, values in enumerate(turns):
        votes = values.reshape(16, 8)
        direction = 2 * k  # a quarter turn of the picture, counted the way np.rot90 turns it
        assert votes[:, direction].all()
        assert not np.delete(votes, direction, axis=1).any()
    # Parts 3 pixels wide, whose triangles sum to 3 under a Gaussian of 6 pixels.
    offsets = np.arange(-7, 8) / 3
    parts = [
        (np.maximum(0, 1 - abs(offsets - c)) * np.exp(-(offsets**2) / 8)).sum()
        for c in (-1.5, -0.5, 0.5, 1.5)
    ]
    expected = np.outer(parts, parts).ravel()
    expected = np.minimum(expected, 0.2 * np.linalg.norm(expected))
    expected = np.rint(512 * expected / np.linalg.norm(expected))
    np.testing.assert_array_equal(turns[0].reshape(16, 8)[:, 0], expected)


def test_sizes_and_images_do_not_mix(rng):
    images = rng.integers(0, 256, (3, 30, 41)).astype(np.uint8)
    rows, cols, sizes = np.arange(2, 30, 6), np.arange(0, 41, 7), (5.0, 1.5, 3.0)
    together = descriptors(images, rows, cols, sizes)
    for i, s in np.ndindex(3, 3):
        alone = descriptors(images[i : i + 1], rows, cols, sizes[s : s + 1])
        np.testing.assert_array_equal(together[i, s], alone[0, 0])


@pytest.mark.parametrize("level", [0, 200])
def test_flat_images_have_zeros(level):
    assert not descriptors(np.full((1, 20, 20), level, np.uint8), np.arange(20), np.arange(20), (4.0,)).any()


def test_tall_images_are_described_in_bands(rng):
    # More rows of points than are summed at a time, at uneven distances; three images, one after another.
    images = rng.integers(0, 256, (3, 300, 260)).astype(np.uint8)
    rows, cols = np.unique(rng.integers(0, 300, 120)), np.arange(0, 260, 40)
    values = descriptors(images, rows, cols, (2.0, 9.0))
    for image, value in zip(images, values, strict=True):
        for s, size in enumerate((2.0, 9.0)):
            assert np.abs(value[s] - opencv(image, rows, cols, size)).max() <= 1


@pytest.mark.parametrize(("rows", "cols"), [([0, 12], [0]), ([0], [-1]), ([5, 3, 8], [0])])
def test_points_outside_or_out_of_order_are_not_taken(rows, cols):
    with pytest.raises(AssertionError):
        GridDescriber(12, 12, np.array(rows), np.array(cols), (4.0,))


@pytest.mark.parametrize("wrong", [np.empty((1, 1, 1, 1, 128)), np.empty((1, 1, 1, 2, 128), np.float32)])
def test_wrong_memory_is_not_written(wrong):
    describer = GridDescriber(12, 12, np.array([3]), np.array([3]), (4.0,))
    with pytest.raises(AssertionError):
        describer.describe(np.zeros((1, 12, 12), dtype=np.uint8), wrong)
