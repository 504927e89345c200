"""Histograms of patches against scikit-image's patterns of the whole image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.data import astronaut
from skimage.feature import local_binary_pattern

from featbench.errors import InputError
from featbench.extractors import LBP
from featbench.extractors.raw import to_grey
from featbench.words import Dense, LBPPatch
from featbench.words.cutting import cut
from featbench.words.places import Places

CIRCLES = [(8, 1.0, "uniform"), (8, 1.5, "nri_uniform"), (16, 2.0, "uniform")]


@pytest.fixture(scope="module")
def photographs():
    whole = astronaut()
    return np.stack([whole[r : r + 41, c : c + 52] for r, c in ((60, 180), (300, 150))])


def histogram(labels, length):
    return np.bincount(labels.astype(int).ravel(), minlength=length) / max(labels.size, 1)


def without_grids(places):
    return Places(places.positions, places.sizes, places.angles, places.offsets)


def one(position, side, angle=0.0):
    return Places(np.float32([position]), np.float32([side]), np.float32([angle]), np.array([0, 1]))


@pytest.mark.parametrize(("points", "radius", "method"), CIRCLES)
@pytest.mark.parametrize(("stride", "sizes"), [(1, 9), (3, [4, 16]), (7, 10), (40, 41)])
@pytest.mark.parametrize("colour", [False, True])
def test_grids_equal_counts_of_scikit_images_patterns(
    photographs, points, radius, method, stride, sizes, colour
):
    grey = to_grey(photographs)
    images = photographs if colour else grey
    places = Dense(stride=stride, sizes=sizes).places(images, 0)
    before, patches = images.copy(), LBPPatch(points=points, radius=radius, method=method)
    found = patches.describe(images, places)
    expected = []
    for image in grey:
        labels = local_binary_pattern(image, points, radius, method)
        for grid in places.grids:
            expected += [
                histogram(labels[t : t + grid.size, b : b + grid.size], patches.length(3))
                for t in grid.tops
                for b in grid.lefts
            ]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))
    np.testing.assert_array_equal(patches.describe(images, without_grids(places)), found)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("method", ["uniform", "nri_uniform", "ror"])
def test_an_image_of_a_patch_equals_the_extractor(photographs, method):
    images = photographs[:, :41, :41]
    found = LBPPatch(method=method).describe(images, Dense(sizes=41).places(images, 0))
    np.testing.assert_array_equal(found, LBP(method=method).fit_transform(images))


@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0, 90.0, 200.5])
def test_pixels_count_whose_centres_lie_in_the_patch(photographs, angle):
    image = to_grey(photographs)[0]
    labels, (row, col), side = local_binary_pattern(image, 8, 1, "uniform"), (20.3, 30.6), 17.4
    places = one((row, col), side, angle)
    row, col = places.positions[0].astype(float)
    y, x = np.mgrid[:41, :52]
    a = np.deg2rad(angle)
    # The four edges of the square, by the side that a pixel lies on.
    inside = np.ones(y.shape, bool)
    for k in range(4):
        normal = np.cos(a + k * np.pi / 2), np.sin(a + k * np.pi / 2)
        inside &= (x - col) * normal[0] + (y - row) * normal[1] < side / 2
    assert abs(inside.sum() - side**2) < 20
    found = LBPPatch().describe(image[None], places)
    np.testing.assert_array_equal(found[0], histogram(labels[inside], 10).astype(np.float32))


def test_patches_over_the_border_count_what_there_is(photographs):
    image = to_grey(photographs)[0]
    labels = local_binary_pattern(image, 8, 1, "uniform")
    found = LBPPatch().describe(image[None], one((0.5, 51.0), 10))
    np.testing.assert_array_equal(found[0], histogram(labels[:6, 46:], 10).astype(np.float32))
    assert not LBPPatch().describe(image[None], one((-50, 20), 10)).any()


def test_resized_patches_have_the_patterns_of_their_cuts(photographs):
    places = Places(
        positions=np.float32([[20.4, 25.0], [5, 40.2], [18, 18]]),
        sizes=np.float32([24, 9.7, 30]),
        angles=np.float32([0, 133, 10]),
        offsets=np.array([0, 2, 3]),
    )
    grey, size, margin = to_grey(photographs), 12, 2
    found = LBPPatch(radius=1.5, size=size).describe(photographs, places)
    wider = Places(places.positions, places.sizes * np.float32(16 / 12), places.angles, places.offsets)
    for row, patch in zip(found, cut(grey, wider, 16), strict=True):
        labels = local_binary_pattern(patch, 8, 1.5, "uniform")[margin:-margin, margin:-margin]
        np.testing.assert_array_equal(row, histogram(labels, 10).astype(np.float32))


def test_resized_to_its_own_size_a_patch_stays(photographs):
    """Away from the border, patches of 12 pixels brought to 12 pixels have the image's own patterns."""
    places = Dense(stride=5, sizes=12).places(photographs, 0)
    inside = (
        (places.positions.min(axis=1) > 7) & (places.positions[:, 0] < 33) & (places.positions[:, 1] < 44)
    )
    own, resized = (LBPPatch(size=size).describe(photographs, places)[inside] for size in (None, 12))
    assert inside.sum() > 20
    np.testing.assert_array_equal(own, resized)


def test_a_turned_patch_resized_is_that_of_a_turned_image(photographs):
    image = to_grey(photographs)[0][:41, :41]
    patches = LBPPatch(method="nri_uniform", size=14)
    upright = patches.describe(image[None], one((20, 20), 14))
    turned = patches.describe(np.rot90(image, -1)[None], one((20, 20), 14, 90.0))
    np.testing.assert_array_equal(upright, turned)


@pytest.mark.parametrize("size", [None, 8])
def test_images_without_patches_and_images_beside(photographs, rng, size):
    images = np.concatenate([photographs, photographs])
    places = Places(
        positions=rng.uniform(5, 35, (9, 2)).astype(np.float32),
        sizes=rng.uniform(3, 20, 9).astype(np.float32),
        angles=rng.uniform(0, 360, 9).astype(np.float32),
        offsets=np.array([0, 0, 5, 5, 9]),
    )
    found = LBPPatch(size=size).describe(images, places)
    for i in range(4):
        alone = LBPPatch(size=size).describe(images[i : i + 1], places.of_images(i, i + 1))
        np.testing.assert_array_equal(found[places.offsets[i] : places.offsets[i + 1]], alone)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert LBPPatch(size=size).describe(images[:1], places.of_images(0, 1)).shape == (0, 10)


def test_too_many_rotated_points_are_refused():
    with pytest.raises(InputError, match='LBPPatch: points must be ≤ 16 for method="ror"; got 17'):
        LBPPatch(points=17, method="ror").length(3)
