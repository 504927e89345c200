"""Patches around keypoints against OpenCV's own lists."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from featbench.extractors.raw import to_grey
from featbench.words import HOG144, Keypoints, SIFTPatch


@pytest.fixture(scope="module")
def photographs():
    whole = astronaut()
    return np.stack([whole[r : r + 100, c : c + 110] for r, c in ((60, 180), (0, 0), (300, 150))])


def detected(name, image):
    """Every keypoint that OpenCV finds, the strongest first."""
    create = {
        "sift": cv2.SIFT.create,
        "orb": lambda: cv2.ORB.create(nfeatures=1_000_000),
        "fast": cv2.FastFeatureDetector.create,
    }[name]
    keypoints = create().detect(image, None)
    return sorted(keypoints, key=lambda k: (-k.response, k.pt[1], k.pt[0], k.size, k.angle))


@pytest.mark.parametrize("detector", ["sift", "orb", "fast"])
@pytest.mark.parametrize("colour", [False, True])
def test_patches_are_the_strongest_keypoints(photographs, detector, colour):
    grey = to_grey(photographs)
    images = photographs if colour else grey
    before, most = images.copy(), 20
    images = images.copy()
    images.flags.writeable = False
    places = Keypoints(detector=detector, most=most, magnify=2.5).places(images, 0)
    expected, counts = [], []
    for image in grey:
        strongest = detected(detector, image)[:most]
        counts.append(len(strongest))
        expected += [(k.pt[1], k.pt[0], 2.5 * k.size, max(k.angle, 0)) for k in strongest]
    assert np.diff(places.offsets).tolist() == counts
    assert max(counts) == most  # some are left out
    found = np.column_stack([places.positions, places.sizes, places.angles])
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-6)
    assert found.dtype == np.float32
    assert places.grids is None
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("detector", ["sift", "orb", "fast"])
def test_images_do_not_mix(photographs, detector):
    keypoints = Keypoints(detector=detector)
    images = np.concatenate([photographs, np.full((1, 100, 110, 3), 7, np.uint8)])[[3, 0, 1, 3, 2]]
    together = keypoints.places(images, 0)
    assert len(together) == 5
    for i in range(5):
        alone, own = keypoints.places(images[i : i + 1], 1), together.of_images(i, i + 1)
        for name in ("positions", "sizes", "angles"):
            np.testing.assert_array_equal(getattr(own, name), getattr(alone, name))
    assert (np.diff(together.offsets) == 0).tolist() == [True, False, False, True, False]  # flat images


def test_more_than_all_are_all(photographs):
    grey = to_grey(photographs[:1])
    for detector in ("sift", "orb", "fast"):
        all_ = Keypoints(detector=detector, most=10**6).places(grey, 0)
        assert len(all_.sizes) == len(detected(detector, grey[0]))


@pytest.mark.parametrize("detector", ["sift", "orb", "fast"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 90), (6, 6), (30, 62)])
def test_small_flat_images_have_none(detector, shape):
    places = Keypoints(detector=detector).places(np.zeros((2, *shape), np.uint8), 0)
    assert places.positions.shape == (0, 2)
    assert places.offsets.tolist() == [0, 0, 0]
    assert HOG144().describe(np.zeros((2, *shape), np.uint8), places).shape == (0, 144)


def test_orb_needs_63_pixels(rng):
    """What the notes say: OpenCV's own border, reached from both sides."""
    images = rng.integers(0, 256, (30, 63, 63)).astype(np.uint8)
    orb = Keypoints(detector="orb")
    assert len(orb.places(images, 0).sizes) > 0
    assert not len(orb.places(images[:, :62], 0).sizes)
    smaller = np.ascontiguousarray(images[:, :62])
    assert not any(detected("orb", image) for image in smaller)


def test_a_turned_image_has_its_patches_turned(photographs):
    """Angles go clockwise, as a patch's do; positions are a quarter of a pixel too far right and down, as noted."""
    image = to_grey(photographs)[0][:99, :99]
    turned = np.rot90(image, -1)  # clockwise
    a, b = (Keypoints(most=10**6).places(i[None], 0) for i in (image, turned))
    first, second = a.positions - 0.25, b.positions - 0.25
    expected = np.column_stack([first[:, 1], 98 - first[:, 0], (a.angles + 90) % 360])
    apart = np.abs(expected[:, None] - np.column_stack([second, b.angles])[None])
    apart[..., 2] = np.minimum(apart[..., 2], 360 - apart[..., 2])
    again = (apart < [0.1, 0.1, 1]).all(axis=2).any(axis=1)
    assert again.mean() > 0.7  # large ones, on a coarse grid, are not quite the same


def test_sift_of_turned_images_is_the_same(photographs):
    """Sampling and description together: what is found again is described alike."""
    image = to_grey(photographs)[0][:99, :99]
    rows = []
    for picture in (image, np.rot90(image, -1)):
        places = Keypoints(most=40).places(picture[None], 0)
        rows.append(SIFTPatch(root=True).describe(picture[None], places))
    nearest = np.linalg.norm(rows[0][:, None] - rows[1][None], axis=2).min(axis=1)
    assert np.median(nearest) < 0.25  # unrelated ones are about 1 apart
