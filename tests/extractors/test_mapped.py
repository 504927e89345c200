import tracemalloc

import numpy as np
import pytest
import sklearn.decomposition
from sklearn.base import clone

from featbench.base import Extractor
from featbench.descriptors import LocalDescriptors
from featbench.errors import InputError
from featbench.extractors import HOG, Concat, HueHistogram, Mapped, RawPixels
from featbench.images import ImageSource
from featbench.maps import L2, PCA, Chi2, Power, RandomReLU
from featbench.testing import check_extractor

FLOAT32 = 1e-5  # of the largest number: rows between maps are float32


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (20, 16, 16, 3)).astype(np.uint8)


class Supervised(RawPixels):
    """An extractor that reads labels."""

    uses_labels = True

    def _fit(self, images, y):
        self.seen_ = y


class Spots(RawPixels):
    """An extractor with a local descriptor, the image's first pixel."""

    describes = True

    def _describe(self, images):
        values, places = images[:, 0, 0].astype(np.float32), np.zeros((len(images), 2), np.float32)
        return LocalDescriptors(values, places, places[:, 0], np.arange(len(images) + 1))


def test_features_go_through_the_maps_in_order(images):
    features = Mapped(HOG(), [Power(), PCA(components=5), L2()]).fit_transform(images)
    rows = HOG().fit_transform(images).astype(float) ** 0.5
    rows = sklearn.decomposition.PCA(5, svd_solver="full").fit_transform(rows)
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(features, expected, atol=FLOAT32)


def test_maps_learn_from_training_images_alone(images):
    mapped = Mapped(RawPixels(size=4), [PCA(components=3)]).fit(images[:10])
    expected = PCA(components=3).fit(RawPixels(size=4).fit_transform(images[:10]))
    np.testing.assert_array_equal(mapped.maps_[0][1].components_, expected.components_)
    before = mapped.transform(images[10:])
    mapped.transform(images)
    np.testing.assert_array_equal(mapped.transform(images[10:]), before)


def test_maps_learn_from_a_sample_where_rows_are_too_many(rng, monkeypatch):
    monkeypatch.setattr("featbench.maps.in_turn._LEARNED_FROM", 8 * 1500)
    images = rng.integers(0, 256, (2500, 2, 2)).astype(np.uint8)
    # The widest rows that a map learns from have 8 numbers, after Chi2 12: 1,500 and 1,000 images.
    chosen = np.linspace(0, 2499, 1000).astype(int)
    mapped = Mapped(RawPixels(), [Power(), Chi2(), PCA(components=2)]).fit(images)
    by_hand = PCA(components=2).fit(
        Chi2().fit_transform(Power().fit_transform(images[chosen].reshape(-1, 4)))
    )
    np.testing.assert_allclose(mapped.maps_[2][1].mean_, by_hand.mean_, rtol=FLOAT32)
    listed = Mapped(HueHistogram(bins=3), [PCA(components=2)])
    colours = np.repeat(images[..., None], 3, axis=-1)
    colours[..., 0] //= 2
    sizes = [image[:1] if i % 2 else image for i, image in enumerate(colours)]
    monkeypatch.setattr("featbench.maps.in_turn._LEARNED_FROM", 3 * 1200)
    learned = listed.fit(sizes).maps_[0][1]
    chosen = np.linspace(0, 2499, 1200).astype(int)
    rows = HueHistogram(bins=3).fit(sizes).transform([sizes[i] for i in chosen])
    np.testing.assert_allclose(learned.mean_, rows.mean(axis=0), rtol=FLOAT32)


def test_images_that_maps_learn_from_are_not_copied_as_a_whole(rng, monkeypatch):
    """Of 20,000 images of 1 kB 10,000 are learned from; their rows are 640 kB, a copy of them would be 10 MB."""
    monkeypatch.setattr("featbench.maps.in_turn._LEARNED_FROM", 16 * 10_000)
    images = rng.integers(0, 256, (20_000, 32, 32), dtype=np.uint8)
    mapped = Mapped(RawPixels(size=4), [PCA(components=2)])
    tracemalloc.start()
    mapped.fit(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    chosen = np.linspace(0, 19_999, 10_000).astype(int)
    rows = RawPixels(size=4).fit(images).transform(images[chosen])
    np.testing.assert_allclose(mapped.maps_[0][1].mean_, rows.mean(axis=0), rtol=FLOAT32)
    assert peak < 8e6


def test_where_no_map_learns_no_image_is_looked_at():
    class Sealed(ImageSource):
        image_shape = (4, 4)

        def __len__(self):
            return 3

        def read(self, indices):
            raise AssertionError("an image was read")

    mapped = Mapped(RawPixels(), [Power(), Chi2()]).fit(Sealed())
    assert mapped.n_features_out_ == 16 * 3


def test_chunks_of_images_make_no_difference(images, monkeypatch):
    mapped = Mapped(HOG(), [Power(), L2()])
    expected = mapped.fit_transform(images)
    monkeypatch.setattr("featbench.extractors.mapped._CHUNK", 3)
    np.testing.assert_array_equal(mapped.fit_transform(images), expected)


def test_names_reach_the_extractor_and_the_maps(images):
    mapped = Mapped(HOG(), [Power(), ("small", PCA(components=4)), L2(), Power(exponent=0.3)])
    params = mapped.get_params()
    assert (params["hog__cell"], params["small__components"], params["power2__exponent"]) == (8, 4, 0.3)
    mapped.set_params(hog__cell=4, small__components=6, power__exponent=0.7)
    assert (mapped.extractor.cell, mapped.maps[0].exponent) == (4, 0.7)
    assert mapped.fit_transform(images).shape == (20, 6)
    mapped.set_params(hog=RawPixels(size=3), small=RandomReLU(components=7), l2=Power())
    assert repr(mapped.extractor) == "RawPixels(size=3)"
    assert mapped.fit_transform(images).shape == (20, 7)
    mapped.set_params(maps=[L2()], raw__size=2)
    assert mapped.fit_transform(images).shape == (20, 12)


def test_clones_share_nothing(images):
    mapped = Mapped(HOG(), [PCA(components=4)])
    copy = clone(mapped).set_params(pca__components=3, hog__cell=4)
    copy.fit(images)
    assert mapped.get_params()["pca__components"] == 4
    assert not hasattr(copy.maps[0], "mean_")
    assert not hasattr(copy.extractor, "image_shape_")


def test_feature_names_are_the_extractors_while_columns_keep_their_meaning(images):
    hue = HueHistogram(bins=2)
    kept = Mapped(hue, [Power(), L2()]).fit(images)
    assert list(kept.get_feature_names_out()) == ["hue[0°]", "hue[180°]"]
    waves = Mapped(hue, [Chi2()]).fit(images).get_feature_names_out()
    assert list(waves[:3]) == ["hue[0°] root", "hue[180°] root", "hue[0°] cos1"]
    mixed = Mapped(hue, [Power(), PCA(components=2)]).fit(images)
    assert list(mixed.get_feature_names_out()) == ["pca0", "pca1"]


def test_what_it_offers_is_the_extractors(images):
    labels = np.arange(20)
    supervised = Mapped(Supervised(), [L2()]).fit(images, labels)
    np.testing.assert_array_equal(supervised.extractor_.seen_, labels)
    assert supervised.uses_labels is True
    assert Mapped(HOG(), [L2()]).uses_labels is False
    assert (Mapped(HueHistogram(), [L2()]).any_size, Mapped(HOG(), [L2()]).any_size) == (True, False)
    pictures = Mapped(HOG(), [L2()]).fit(images).pictures(images[:2])
    np.testing.assert_array_equal(pictures["strokes"], HOG().fit(images).pictures(images[:2])["strokes"])
    assert Mapped(HOG(), [L2()]).describes is False
    np.testing.assert_array_equal(
        Mapped(Spots(), [L2()]).describe(images[:2]).values, Spots().describe(images[:2]).values
    )


def test_it_stands_in_a_concatenation_and_a_concatenation_in_it(images):
    outer = Concat([("few", Mapped(HOG(), [PCA(components=3)])), HueHistogram(bins=2)])
    outer.set_params(few__pca__components=2)
    assert list(outer.fit(images).get_feature_names_out()) == [
        "few__pca0",
        "few__pca1",
        "hue[0°]",
        "hue[180°]",
    ]
    inner = Mapped(Concat([HOG(), HueHistogram()]), [PCA(components=3)]).set_params(concat__hog__cell=4)
    assert inner.fit_transform(images).shape == (20, 3)


def test_what_a_map_cannot_do_is_a_reason():
    reason = Mapped(HueHistogram(bins=8), [PCA(components=9)]).supports((16, 16, 3))
    assert reason == "PCA: components must be at most 8, the length of a row; got 9."
    reason = Mapped(HueHistogram(), [L2()]).supports((16, 16))
    assert reason.startswith("HueHistogram: images must be in colour")
    assert Mapped(HueHistogram(), [L2()]).supports((16, 16, 3)) is None


def test_rows_that_a_map_is_not_defined_for_are_refused(images):
    with pytest.raises(InputError, match="Chi2: rows must be ≥ 0; got .* negative values"):
        Mapped(RawPixels(center=True), [Chi2()]).fit(images).transform(images)
    with pytest.raises(InputError, match="PCA: training rows must be one or more; got none"):
        Mapped(RawPixels(), [PCA()]).fit(images[:0])


@pytest.mark.parametrize(
    ("extractor", "maps", "message"),
    [
        ("hog", ["pca"], r"extractor must be an Extractor; got 'hog'. Write an instance, such as HOG\(\)."),
        (HOG, [L2()], "extractor must be an Extractor; got <class"),
        (HOG(), [], r"maps must be a list of one feature map or more; got \[\]"),
        (HOG(), "pca", "maps must be a list of one feature map or more; got 'pca'"),
        (HOG(), ["pca"], r"each map must be a FeatureMap; got 'pca'. Write an instance, such as PCA\(\)."),
        (
            HOG(),
            [("hog", L2())],
            "the name of a map must be text, unique, none of 'extractor', 'maps' and 'hog'",
        ),
        (HOG(), [("a", L2()), ("a", L2())], "the name of a map must be"),
        (HOG(), [("maps", L2())], "the name of a map must be"),
        (HOG(), [("a__b", L2())], "the name of a map must be"),
        (HOG(), [L2(), Power(exponent=2.0)], "Power: exponent must be a number > 0 and ≤ 1; got 2.0"),
        (HOG(cell=0), [L2()], "HOG: cell must be an integer ≥ 1; got 0"),
    ],
)
def test_bad_parameters_are_refused(images, extractor, maps, message):
    with pytest.raises(InputError, match=message):
        Mapped(extractor, maps).fit(images)


def test_a_saved_one_is_an_extractor_like_any_other(images, tmp_path):
    mapped = Mapped(Concat([HOG(), HueHistogram()]), [Power(), ("few", PCA(components=5, whiten=True))])
    features = mapped.fit_transform(images)
    mapped.save(tmp_path)
    np.testing.assert_array_equal(Extractor.load(tmp_path).transform(images), features)


@pytest.mark.parametrize(
    "extractor",
    [
        Mapped(HueHistogram(), [Chi2(), L2()]),
        Mapped(Concat([("small", RawPixels(size=4)), HueHistogram()]), [PCA(components=4, whiten=True)]),
        Mapped(Mapped(HOG(), [Power()]), [RandomReLU(components=30)]),
    ],
    ids=repr,
)
def test_laws(extractor):
    check_extractor(extractor, exact=False)
