import numpy as np
import pytest
from sklearn.base import clone

from featbench.base import Extractor
from featbench.errors import InputError
from featbench.extractors import HOG, Concat, HueHistogram, RawPixels
from featbench.testing import check_extractor

# The scale is rounded to float32 once and each feature once more.
FLOAT32 = 1e-5


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (12, 16, 16, 3)).astype(np.uint8)


class Supervised(RawPixels):
    """A part that reads labels."""

    uses_labels = True

    def _fit(self, images, y):
        self.seen_ = y


def test_none_puts_features_side_by_side(images):
    features = Concat([HOG(), HueHistogram()], scale="none").fit_transform(images)
    expected = np.hstack([HOG().fit_transform(images), HueHistogram().fit_transform(images)])
    np.testing.assert_array_equal(features, expected)


def test_every_part_varies_alike_on_training_images(images):
    features = Concat([HOG(cell=4), HueHistogram(), RawPixels()]).fit_transform(images)
    lengths = [e.fit(images).n_features_out_ for e in (HOG(cell=4), HueHistogram(), RawPixels())]
    parts = np.split(features.astype(float), np.cumsum(lengths)[:-1], axis=1)
    np.testing.assert_allclose([part.var(axis=0).sum() for part in parts], 1, rtol=FLOAT32)
    # That is, the mean squared distance between two different images is the same in each part.
    n = len(images)
    for part in parts:
        squared = ((part[:, None] - part[None]) ** 2).sum(axis=2)
        np.testing.assert_allclose(squared.sum() / (n * n), 2, rtol=FLOAT32)


def test_scales_come_from_training_images_alone(images):
    concat = Concat([RawPixels(), HueHistogram()]).fit(images[:6])
    scales = concat.scales_.copy()
    first = concat.transform(images[:1])
    np.testing.assert_array_equal(concat.transform(images)[:1], first)
    np.testing.assert_array_equal(concat.scales_, scales)


def test_scales_come_from_at_most_a_thousand_images_evenly_spaced(rng):
    images = rng.integers(0, 256, (2500, 2, 2)).astype(np.uint8)
    chosen = np.linspace(0, 2499, 1000).astype(int)
    pixels = images[chosen].reshape(1000, -1).astype(float)
    scale = Concat([RawPixels()]).fit(images).scales_[0]
    assert scale == pytest.approx(1 / np.sqrt(pixels.var(axis=0).sum()), rel=FLOAT32)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_part_that_does_not_vary_stays_as_it_is(n):
    same = np.full((n, 4, 4), 9, dtype=np.uint8)
    concat = Concat([RawPixels()]).fit(same)
    np.testing.assert_array_equal(concat.transform(same), np.full((n, 16), 9))


def test_names_of_parts_reach_their_parameters(images):
    concat = Concat([HOG(), ("fine", HOG(cell=4)), HOG(cell=5), HueHistogram()])
    params = concat.get_params()
    assert (params["hog__cell"], params["fine__cell"], params["hog2__cell"]) == (8, 4, 5)
    concat.set_params(hog__cell=16, hog__block=1, hue__bins=3, scale="none")
    assert concat.parts[0].cell == 16
    # 1 cell, no block; 4 × 4 cells, 9 blocks; 3 × 3 cells, 4 blocks; 3 bins.
    assert concat.fit(images).n_features_out_ == 9 + 9 * 36 + 4 * 36 + 3
    concat.set_params(hue=RawPixels())
    assert [type(part).__name__ for _, part in concat.parts] == ["HOG", "HOG", "HOG", "RawPixels"]


def test_clones_share_nothing(images):
    concat = Concat([HOG(), ("colour", HueHistogram())])
    copy = clone(concat).set_params(colour__bins=4)
    assert concat.get_params()["colour__bins"] == 16
    copy.fit(images)
    assert not hasattr(copy.parts[0], "image_shape_")


def test_labels_reach_the_parts_that_read_them(images):
    labels = np.arange(len(images))
    concat = Concat([HOG(), ("learned", Supervised())]).fit(images, labels)
    assert concat.uses_labels is True
    np.testing.assert_array_equal(concat.parts_[1][1].seen_, labels)
    assert Concat([HOG(), RawPixels()]).uses_labels is False


def test_feature_names_begin_with_the_part(images):
    names = Concat([HueHistogram(bins=2), ("warm", HueHistogram(bins=2))]).fit(images).get_feature_names_out()
    assert list(names) == ["hue[0°]", "hue[180°]", "warm__hue[0°]", "warm__hue[180°]"]


def test_concatenations_nest(images):
    inner = Concat([HueHistogram(bins=2), HOG(block=1)])
    outer = Concat([("both", inner), RawPixels(size=1)]).set_params(both__hog__cell=16)
    assert outer.fit_transform(images).shape == (12, 2 + 9 + 3)
    assert outer.get_feature_names_out()[2] == "both__hog[cell 0,0; block 0,0; 0°]"


def test_pictures_are_the_parts_pictures(images):
    pictures = Concat([HOG(), ("small", RawPixels(size=2))]).pictures(images[:3])
    assert {name: picture.shape for name, picture in pictures.items()} == {
        "hog strokes": (3, 32, 32),
        "small pixels": (3, 2, 2, 3),
    }


def test_a_part_that_cannot_use_the_images_says_so():
    reason = Concat([RawPixels(), HueHistogram()]).supports((16, 16))
    assert reason.startswith("HueHistogram: images must be in colour")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "parts must be a list of one extractor or more; got []"),
        ("hog", "parts must be a list of one extractor or more; got 'hog'"),
        ([HOG], "each part must be an Extractor; got <class"),
        (["hog"], r"each part must be an Extractor; got 'hog'. Write an instance, such as HOG\(\)."),
        ([("a", HOG()), ("a", RawPixels())], "name of a part must be text, unique"),
        ([("scale", HOG())], "name of a part must be"),
        ([("a__b", HOG())], "name of a part must be"),
    ],
)
def test_bad_parts_are_refused(images, parts, message):
    with pytest.raises(InputError, match=message.replace("[]", r"\[\]")):
        Concat(parts).fit(images)


def test_bad_parameters_of_a_part_are_refused(images):
    with pytest.raises(InputError, match="HOG: cell must be an integer ≥ 1; got 0"):
        Concat([HueHistogram(), HOG(cell=0)]).fit(images)


def test_parts_are_extractors():
    assert issubclass(Concat, Extractor)


@pytest.mark.parametrize(
    "extractor",
    [Concat([("small", RawPixels(size=4)), HOG()], scale="none"), Concat([Concat([HOG()]), RawPixels()])],
    ids=repr,
)
def test_laws(extractor):
    check_extractor(extractor)
