import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from featbench.extractors.raw import to_grey
from featbench.extractors.sift_keypoints import detected_descriptors, draw_keypoints


@pytest.fixture
def photograph():
    return astronaut()[:120, 170:300]


def test_keypoints_are_opencvs(photograph):
    grey = to_grey(photograph[None])[0]
    keypoints, values = cv2.SIFT.create().detectAndCompute(grey, None)
    ours = detected_descriptors(grey)
    assert len(keypoints) > 50
    np.testing.assert_array_equal(ours.values, values)
    np.testing.assert_array_equal(ours.positions, np.float32([k.pt[::-1] for k in keypoints]))
    np.testing.assert_array_equal(ours.scales, np.float32([k.size for k in keypoints]))
    assert ours.offsets.tolist() == [0, len(values)]


def test_a_spot_is_found_in_its_place():
    row, col = np.mgrid[:60, :80]
    image = (200 * np.exp(-((row - 20) ** 2 + (col - 50) ** 2) / 50)).astype(np.uint8)
    found = detected_descriptors(image)
    assert len(found.values) > 0
    np.testing.assert_allclose(found.positions, np.tile([20, 50], (len(found.values), 1)), atol=0.6)


@pytest.mark.parametrize("shape", [(3, 3), (3, 50), (4, 9), (30, 30)])
def test_images_with_nothing_to_find(shape):
    found = detected_descriptors(np.full(shape, 90, dtype=np.uint8))
    assert found.values.shape == (0, 128)
    assert found.positions.shape == (0, 2)
    assert found.scales.shape == (0,)
    assert found.offsets.tolist() == [0, 0]


def test_drawings_show_circles_on_the_image(photograph):
    before = photograph.copy()
    drawing = draw_keypoints(photograph)
    assert drawing.shape == photograph.shape
    assert drawing.dtype == np.uint8
    changed = (drawing != photograph).any(axis=2)
    assert 0.02 < changed.mean() < 0.9
    np.testing.assert_array_equal(photograph, before)
    flat = np.full((20, 30), 60, dtype=np.uint8)
    np.testing.assert_array_equal(draw_keypoints(flat), np.full((20, 30, 3), 60))
