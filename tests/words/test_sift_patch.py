"""SIFT of patches against OpenCV, on grids and off them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from featbench.errors import InputError
from featbench.extractors import SIFT
from featbench.extractors.raw import to_grey
from featbench.words import Dense, SIFTPatch
from featbench.words.places import Places

# A sum that lies within rounding of a half may become the whole number on its other side.
ROUNDED_ALIKE = 0.999


@pytest.fixture(scope="module")
def photographs():
    whole = astronaut()
    return np.stack([whole[r : r + 60, c : c + 71] for r, c in ((60, 180), (0, 0), (300, 150))])


def opencv(image, points, diameters, angles):
    """OpenCV's descriptors at pixels, row and column first."""
    keypoints = [
        cv2.KeyPoint(float(c), float(r), float(d), float(a), 0, 0)
        for (r, c), d, a in zip(points, diameters, angles, strict=True)
    ]
    return cv2.SIFT.create().compute(image, keypoints)[1]


def scattered(rng, per_image, shape, turned=True):
    m = sum(per_image)
    return Places(
        positions=rng.uniform(0, np.array(shape) - 1, (m, 2)).astype(np.float32),
        sizes=rng.uniform(7, 60, m).astype(np.float32),
        angles=rng.uniform(0, 360, m).astype(np.float32) * np.float32(turned),
        offsets=np.concatenate([[0], np.cumsum(per_image)]).astype(np.int64),
    )


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("sizes", [16, [7, 12, 24, 33]])
def test_grids_equal_opencv(photographs, colour, sizes):
    grey = to_grey(photographs)
    images = photographs if colour else grey
    places = Dense(stride=5, sizes=sizes).places(images, 0)
    before, points = images.copy(), np.ceil(places.positions - 0.5)  # half-way: the pixel before
    found = SIFTPatch().describe(images, places)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    for i, image in enumerate(grey):
        own = slice(places.offsets[i], places.offsets[i + 1])
        expected = opencv(image, points[own], places.sizes[own] / 6, places.angles[own])
        assert np.abs(found[own] - expected).max() <= 1
        assert (found[own] == expected).mean() > ROUNDED_ALIKE
    np.testing.assert_array_equal(images, before)


def test_grids_are_only_quicker(photographs):
    """The same places without their grids; positions half-way between pixels go the same way."""
    places = Dense(stride=6, sizes=[8, 15]).places(photographs, 0)
    bare = Places(places.positions, places.sizes, places.angles, places.offsets)
    on_grids, off_grids = (SIFTPatch().describe(photographs, p) for p in (places, bare))
    assert np.abs(on_grids - off_grids).max() <= 1
    assert (on_grids == off_grids).mean() > ROUNDED_ALIKE


@pytest.mark.parametrize("size", [18, 24])
def test_dense_patches_are_the_extractors_points(photographs, size):
    """The extractor's points in the same pixels, of a sixth of the diameter."""
    (grid,) = (places := Dense(stride=4, sizes=size).places(photographs, 0)).grids
    local = SIFT(step=1, sizes=[size / 6]).describe(photographs[:1])
    width = photographs.shape[2]
    middles = ((grid.tops + (size - 1) // 2)[:, None] * width + grid.lefts + (size - 1) // 2).ravel()
    found = SIFTPatch().describe(photographs, places)[: places.offsets[1]]
    np.testing.assert_array_equal(found, local.values[middles])


def test_scattered_and_turned_patches_equal_opencv(photographs, rng):
    places = scattered(rng, [40, 0, 30], photographs.shape[1:3])
    found = SIFTPatch().describe(photographs, places)
    for i, image in enumerate(to_grey(photographs)):
        own = slice(places.offsets[i], places.offsets[i + 1])
        if own.start == own.stop:
            continue
        points = np.rint(places.positions[own])
        expected = opencv(image, points, places.sizes[own] / 6, places.angles[own])
        np.testing.assert_array_equal(found[own], expected)
    assert found.any(axis=1).all()


def test_a_turned_patch_sees_what_an_upright_one_sees_in_a_turned_image(photographs):
    image = to_grey(photographs)[0][:59, :59]
    one = {"sizes": np.full(1, 24, np.float32), "offsets": np.array([0, 1])}
    upright = Places(np.float32([[29, 29]]), angles=np.zeros(1, np.float32), **one)
    turned = Places(np.float32([[29, 29]]), angles=np.full(1, 90, np.float32), **one)
    expected = SIFTPatch().describe(image[None], upright)
    found = SIFTPatch().describe(np.rot90(image, -1)[None], turned)  # clockwise
    assert np.abs(found - expected).max() <= 1


def test_roots_have_length_one_and_the_shares_squares(photographs, rng):
    for places in (Dense(stride=9, sizes=20).places(photographs, 0), scattered(rng, [3, 4, 5], (60, 71))):
        plain, roots = (
            SIFTPatch().describe(photographs, places),
            SIFTPatch(root=True).describe(photographs, places),
        )
        np.testing.assert_allclose(roots**2, plain / plain.sum(axis=1, keepdims=True), atol=1e-6)


def test_flat_patches_have_zeros(rng):
    flat = np.full((2, 60, 71, 3), 90, np.uint8)
    for places in (Dense(stride=9, sizes=20).places(flat, 0), scattered(rng, [3, 4], (60, 71))):
        assert not SIFTPatch(root=True).describe(flat, places).any()


def test_no_patches(photographs, rng):
    assert SIFTPatch().describe(photographs, scattered(rng, [0, 0, 0], (60, 71))).shape == (0, 128)
    assert SIFTPatch().length(3) == SIFTPatch().length(1) == 128


def test_small_patches_and_images_are_refused(rng):
    images = np.zeros((1, 6, 9), np.uint8)
    with pytest.raises(
        InputError, match=r"SIFTPatch: patches must be at least 7 pixels a side; got 6\. Take larger"
    ):
        SIFTPatch().describe(images, Dense(sizes=6).places(images, 0))
    with pytest.raises(InputError, match="SIFTPatch: images must be at least 7 pixels a side; got 6 × 9"):
        SIFTPatch().describe(images, scattered(rng, [1], (6, 9)))
    assert SIFTPatch().describe(images, scattered(rng, [0], (6, 9))).shape == (0, 128)
