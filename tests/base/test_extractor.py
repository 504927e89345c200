"""What the base class of extractors keeps for every one of them, beyond the laws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from featbench.base import Extractor
from featbench.errors import InputError
from featbench.extractors import HOG, LBP, SIFT, ColorHistogram, Concat, Mapped, RawPixels
from featbench.images import ImageSource
from featbench.maps import L2


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


CHANGED = [
    (HOG(), {"cell": 16}, "give 324 features; got others, which give 36"),
    (RawPixels(), {"grey": True}, "give 3072 features; got others, which give 1024"),
    (RawPixels(size=4), {"size": 2}, "give 48 features; got others, which give 12"),
    (Concat([HOG(), RawPixels()]), {"hog__cell": 16}, "give 3396 features; got others, which give 3108"),
    (Mapped(HOG(), [L2()]), {"hog__cell": 16}, "give 324 features; got others, which give 36"),
]


@pytest.mark.parametrize(("extractor", "change", "message"), CHANGED)
def test_parameters_that_changed_the_length_since_fit_are_refused(extractor, change, message, images):
    extractor.fit(images).set_params(**change)
    for batch in (images, list(images), images[:0]):
        with pytest.raises(
            InputError, match=f"parameters must be those of fit, which {message}.*; fit again"
        ):
            extractor.transform(batch)
    assert extractor.fit(images).transform(images).shape == (3, extractor.n_features_out_)


def test_so_are_they_where_sizes_differ(images):
    extractor = RawPixels(size=4).fit([images[0], images[1, 1:]])
    extractor.set_params(size=3)
    for batch in (images, [images[0], images[1, 1:]]):
        with pytest.raises(InputError, match="parameters must be those of fit"):
            extractor.transform(batch)


def test_and_those_out_of_range(images):
    extractor = HOG().fit(images).set_params(cell=0)
    with pytest.raises(InputError, match="cell must be an integer ≥ 1; got 0"):
        extractor.transform(images)
    with pytest.raises(InputError, match="HOG: images must be at least"):
        extractor.set_params(cell=64).transform(images)


@pytest.mark.parametrize("extractor", [HOG(), RawPixels(dtype="uint8"), RawPixels(size=4), SIFT()])
def test_an_empty_list_gives_no_rows(extractor, images):
    rows = extractor.fit(images).transform([])
    assert rows.shape == (0, extractor.n_features_out_)
    assert rows.dtype == extractor.feature_dtype
    with pytest.raises(InputError, match="an empty list"):
        extractor.fit([])


def test_an_empty_list_has_no_descriptors():
    found = SIFT().describe([])
    assert (len(found), found.values.shape, found.positions.shape) == (0, (0, 128), (0, 2))


class Drawn(ImageSource):
    def __init__(self, images):
        self.image_shape, self._images = images.shape[1:], images

    def __len__(self):
        return len(self._images)

    def read(self, indices):
        return self._images[indices]


def test_pictures_are_drawn_of_every_kind_of_batch(images):
    expected = LBP().pictures(images)["patterns"]
    for batch in (list(images), Drawn(images), np.asfortranarray(images)):
        np.testing.assert_array_equal(LBP().pictures(batch)["patterns"], expected)


@pytest.mark.parametrize(
    ("extractor", "spoil", "message"),
    [
        (HOG(), lambda x: x / 255, "HOG: images must be of dtype uint8"),
        (HOG(), lambda x: x[0], r"A single colour image goes in as image\[None\]"),
        (HOG(), lambda x: x[:, :9, :9], "HOG: images must be at least 16 × 16"),
        (HOG(cell=0), lambda x: x, "cell must be an integer ≥ 1"),
        (ColorHistogram(), lambda x: x[..., 0], "in colour"),
        (LBP(), lambda x: x[:0], "images to draw must be one or more; got none"),
        (LBP(), lambda x: [x[0], x[0, 1:]], "all of one shape"),
        (Concat([HOG(cell=32)]), lambda x: x, "HOG: images must be at least"),
    ],
)
def test_what_cannot_be_drawn_is_refused(extractor, spoil, message, images):
    with pytest.raises(InputError, match=message):
        extractor.pictures(spoil(images))


@pytest.mark.parametrize("extractor", [HOG(), SIFT(), Concat([HOG()]), Mapped(HOG(), [L2()])])
def test_there_are_no_names_before_fit(extractor):
    name = type(extractor).__name__
    with pytest.raises(NotFittedError, match=f"{name}: get_feature_names_out was called before fit"):
        extractor.get_feature_names_out()


@dataclass(kw_only=True, eq=False, repr=False)
class Constant(Extractor):
    """A one an image."""

    def _n_features(self, shape):
        return 1

    def _extract(self, images):
        return np.ones((len(images), 1), dtype=np.float32)


def test_one_that_offers_nothing_more_has_plain_names_and_no_pictures(images):
    assert Constant().fit(images).get_feature_names_out().tolist() == ["constant0"]
    assert Constant().pictures(images) == {}


def test_scikit_learn_is_told_that_images_are_no_rows():
    tags = get_tags(HOG()).input_tags
    assert (tags.two_d_array, tags.three_d_array) == (False, True)
