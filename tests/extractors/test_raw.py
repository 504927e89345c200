import numpy as np
import pytest
from PIL import Image

from featbench.errors import InputError
from featbench.extractors import RawPixels
from featbench.extractors.raw import to_grey
from featbench.numerics.area import area_resize
from featbench.testing import check_extractor


def test_pixels_come_row_by_row(rng):
    images = rng.integers(0, 256, (4, 5, 6, 3)).astype(np.uint8)
    features = RawPixels().fit_transform(images)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, images.reshape(4, -1))


def test_grey_equals_pillow():
    values = np.random.default_rng(0).integers(0, 256, (1, 200, 200, 3)).astype(np.uint8)
    values[0, 0, :2] = [[0, 0, 0], [255, 255, 255]]
    expected = np.asarray(Image.fromarray(values[0]).convert("L"))
    np.testing.assert_array_equal(to_grey(values)[0], expected)
    np.testing.assert_array_equal(RawPixels(grey=True).fit_transform(values)[0], expected.ravel())


def test_grey_images_stay_as_they_are(rng):
    images = rng.integers(0, 256, (2, 4, 4)).astype(np.uint8)
    np.testing.assert_array_equal(RawPixels(grey=True).fit_transform(images), images.reshape(2, -1))


def test_grey_and_size_go_together(rng):
    images = rng.integers(0, 256, (2, 9, 12, 3)).astype(np.uint8)
    features = RawPixels(grey=True, size=4).fit_transform(images)
    np.testing.assert_array_equal(features, area_resize(to_grey(images), 4, 4).reshape(2, 16))


def test_names_say_which_pixel(rng):
    images = rng.integers(0, 256, (1, 3, 5, 3)).astype(np.uint8)
    extractor = RawPixels().fit(images)
    names = dict(zip(extractor.get_feature_names_out(), extractor.transform(images)[0], strict=True))
    assert names["raw[row 2, column 4, green]"] == images[0, 2, 4, 1]
    assert RawPixels(grey=True).fit(images).get_feature_names_out()[7] == "raw[row 1, column 2]"


def test_pictures_are_the_pixels_used(rng):
    images = rng.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    np.testing.assert_array_equal(RawPixels(size=4).pictures(images)["pixels"], area_resize(images, 4, 4))


def test_a_size_of_nothing_is_refused():
    with pytest.raises(InputError, match="RawPixels: size must be an integer ≥ 1 or None; got 0"):
        RawPixels(size=0).fit(np.zeros((1, 4, 4), dtype=np.uint8))


@pytest.mark.parametrize("extractor", [RawPixels(), RawPixels(grey=True), RawPixels(size=9)], ids=repr)
def test_laws(extractor):
    check_extractor(extractor)


def test_centred_pixels_have_no_mean(rng):
    images = rng.integers(0, 256, (50, 6, 5, 3)).astype(np.uint8)
    fitted = RawPixels(center=True).fit(images)
    expected = images.reshape(50, -1).mean(axis=0)
    np.testing.assert_allclose(fitted.mean_, expected, rtol=1e-6)
    np.testing.assert_array_equal(fitted.transform(images), images.reshape(50, -1) - fitted.mean_)


def test_bytes_stay_bytes(rng):
    images = rng.integers(0, 256, (5, 6, 5, 3)).astype(np.uint8)
    features = RawPixels(dtype="uint8").fit_transform(images)
    assert features.dtype == np.uint8
    assert not np.shares_memory(features, images)
    np.testing.assert_array_equal(features, images.reshape(5, -1))
    with pytest.raises(InputError, match="dtype must be 'float32' for center=True; got 'uint8'"):
        RawPixels(dtype="uint8", center=True).fit(images)


def test_differing_sizes_become_one(rng):
    images = [rng.integers(0, 256, (h, 9, 3)).astype(np.uint8) for h in (8, 7, 8)]
    features = RawPixels(size=4).fit(images).transform(images)
    expected = np.concatenate([area_resize(image[None], 4, 4).reshape(1, -1) for image in images])
    np.testing.assert_array_equal(features, expected)
    with pytest.raises(InputError, match="all of one shape"):
        RawPixels().fit(images)
    with pytest.raises(InputError, match="images must be in colour, as fit saw them; got grey"):
        RawPixels(size=4).fit(images).transform(images[0][None, ..., 0])
    fixed = RawPixels(size=4).fit(images[0][None])
    with pytest.raises(InputError, match=r"of the shape seen by fit, \(8, 9, 3\); got differing sizes"):
        fixed.transform(images)


@pytest.mark.parametrize(
    "parameters", [{"center": True}, {"center": True, "size": 5}, {"dtype": "uint8", "grey": True}]
)
def test_options_keep_the_laws(parameters):
    check_extractor(RawPixels(**parameters))
