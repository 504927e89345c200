"""Saved plug-ins: what comes back, what is refused, and that nothing in a folder is executed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from featbench.archives import read_arrays
from featbench.base import Extractor
from featbench.classifiers import KNN
from featbench.errors import InputError, StoreError
from featbench.extractors import HOG, Concat, HueHistogram, RawPixels
from featbench.saved import fingerprint_plugin, fitted_bytes


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)


def test_parts_within_parts_come_back_with_names_and_scales(images, tmp_path):
    fitted = Concat([("edges", HOG(cell=4)), HueHistogram(bins=8), Concat([RawPixels(center=True)])]).fit(
        images
    )
    fitted.save(tmp_path / "saved")
    loaded = Extractor.load(tmp_path / "saved")
    assert repr(loaded) == repr(fitted)
    assert loaded.image_shape_ == (16, 16, 3)
    np.testing.assert_array_equal(loaded.transform(images), fitted.transform(images))
    assert list(loaded.get_feature_names_out()) == list(fitted.get_feature_names_out())
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == ["arrays.npz", "plugin.json"]


def test_saving_again_replaces(images, tmp_path):
    HOG(cell=4).fit(images).save(tmp_path)
    HueHistogram().fit(images).save(tmp_path)
    assert isinstance(Extractor.load(tmp_path), HueHistogram)


def test_only_what_is_fitted_is_saved(tmp_path):
    with pytest.raises(NotFittedError, match="HOG: save was called before fit"):
        HOG().save(tmp_path)


def test_a_file_in_the_way_is_named(images, tmp_path):
    (tmp_path / "saved").write_text("mine")
    with pytest.raises(
        StoreError, match=r"saved: what is saved into must be a folder; got a file\. Save into"
    ):
        HOG(cell=4).fit(images).save(tmp_path / "saved")
    with pytest.raises(
        StoreError, match=r"saved/below: cannot be written \(Not a directory\)\. Save into another"
    ):
        HOG(cell=4).fit(images).save(tmp_path / "saved" / "below")
    assert (tmp_path / "saved").read_text() == "mine"


def test_another_class_is_refused(images, tmp_path):
    HOG(cell=4).fit(images).save(tmp_path)
    with pytest.raises(StoreError, match="the plug-in must be a HueHistogram; got HOG"):
        HueHistogram.load(tmp_path)


@dataclass(kw_only=True, eq=False, repr=False)
class Own(RawPixels):
    """A class that no table knows."""


def test_an_unregistered_class_is_loaded_by_itself_alone(images, tmp_path):
    Own(size=4).fit(images).save(tmp_path)
    assert isinstance(Own.load(tmp_path), Own)
    with pytest.raises(StoreError, match=r"Own is not registered; load it with Own\.load"):
        Extractor.load(tmp_path)


def test_what_is_no_plain_value_is_not_saved(images, tmp_path):
    fitted = HOG(cell=4).fit(images)
    fitted.half_ = Fraction(1, 2)
    with pytest.raises(InputError, match=r"HOG.half_: what is saved must be .* got Fraction"):
        fitted.save(tmp_path)
    assert not (tmp_path / "plugin.json").exists()


def spoil(folder, change):
    path = folder / "plugin.json"
    described = json.loads(path.read_text())
    change(described)
    path.write_text(json.dumps(described))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format=99), "format must be 1"),
        (lambda d: d.update(plugin=["extractor", "hgo"]), "Did you mean 'hog'"),
        (lambda d: d.update(plugin=["os", "system"]), "is damaged"),
        (lambda d: d.update(plugin=["class", "Popen"]), "Popen is not registered"),
        (lambda d: d["params"].update(cell=0), "cell must be an integer ≥ 1"),
        (lambda d: d["params"].update(cells=3), "is damaged"),
        (
            lambda d: d["params"].update(cell=8),
            "parameters must be those of fit, which give 324 features; got",
        ),
        (lambda d: d["learned"].update(image_shape_="wide"), "is damaged"),
        (
            lambda d: d["learned"].update(transform={"list": []}),
            "sets 'transform', which is no fitted attribute",
        ),
        (lambda d: d["learned"].update(__class__={"list": []}), "sets '__class__'"),
        (lambda d: d["learned"].update(x={"array": "a99"}), "is damaged"),
    ],
)
def test_a_folder_from_elsewhere_gets_no_further_than_it_may(images, tmp_path, change, message):
    HOG(cell=4).fit(images).save(tmp_path)
    spoil(tmp_path, change)
    with pytest.raises(StoreError, match=message):
        Extractor.load(tmp_path)


def test_pickled_arrays_are_never_read(images, tmp_path):
    RawPixels(center=True).fit(images).save(tmp_path)
    np.savez(tmp_path / "arrays.npz", a0=np.array([Fraction(1, 2)], dtype=object))
    with pytest.raises(StoreError, match="allow_pickle=False"):
        Extractor.load(tmp_path)


def test_an_archive_that_is_compressed_is_not_unpacked(images, tmp_path):
    RawPixels(center=True).fit(images).save(tmp_path)
    np.savez_compressed(tmp_path / "arrays.npz", a0=np.zeros(10**6))
    with pytest.raises(StoreError, match="a0.npy is compressed, which featbench does not write"):
        Extractor.load(tmp_path)


def test_parts_of_an_unregistered_class_are_refused_when_saved(images, tmp_path):
    with pytest.raises(InputError, match=r"what is saved must be .* got Own\. It could only be pickled"):
        Concat([Own(size=4), HOG(cell=4)]).fit(images).save(tmp_path)


def test_a_classifier_of_a_data_frame_keeps_the_names_of_its_columns(rng, tmp_path):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(rng.normal(size=(20, 3)), columns=["a", "b", "c"])
    fitted = KNN(n_neighbors=1).fit(X, np.arange(20) % 2)
    fitted.save(tmp_path)
    np.testing.assert_array_equal(KNN.load(tmp_path).predict(X), fitted.predict(X))


def test_nothing_there_and_half_written(images, tmp_path):
    with pytest.raises(StoreError, match=r"holds nothing that was saved: .*plugin.json is missing"):
        Extractor.load(tmp_path)
    HOG(cell=4).fit(images).save(tmp_path)
    (tmp_path / "arrays.npz").write_bytes(b"PK")
    with pytest.raises(StoreError, match="cannot be read as a saved plug-in"):
        Extractor.load(tmp_path)


def test_very_deep_nesting_is_refused(images, tmp_path):
    HOG(cell=4).fit(images).save(tmp_path)
    value = 1
    for _ in range(50):
        value = {"list": [value]}
    spoil(tmp_path, lambda d: d["learned"].update(x=value))
    with pytest.raises(StoreError, match="nested more than"):
        Extractor.load(tmp_path)


def test_a_fingerprint_follows_parameters_and_what_was_learned(images):
    assert (
        fingerprint_plugin(HOG(cell=4)) == fingerprint_plugin(HOG(cell=4)) != fingerprint_plugin(HOG(cell=8))
    )
    learned = RawPixels(center=True).fit(images)
    assert fingerprint_plugin(learned) == fingerprint_plugin(RawPixels(center=True).fit(images))
    assert fingerprint_plugin(learned) != fingerprint_plugin(RawPixels(center=True).fit(images[:3]))
    assert fingerprint_plugin(learned) != fingerprint_plugin(RawPixels(center=True))


def test_the_bytes_of_what_is_fitted_are_those_of_the_saved_arrays(images, tmp_path, rng):
    X, y = rng.normal(size=(30, 6)), rng.integers(0, 3, 30)
    for fitted in (Concat([HOG(cell=4), HueHistogram(bins=8)]).fit(images), KNN().fit(X, y)):
        fitted.save(tmp_path)
        arrays = read_arrays(tmp_path / "arrays.npz")
        assert arrays
        assert fitted_bytes(fitted) == sum(array.nbytes for array in arrays.values())


def test_an_array_with_two_names_is_counted_once_and_what_is_not_saved_has_no_size(images):
    fitted = HOG(cell=4).fit(images)
    assert fitted_bytes(fitted) == 0
    fitted.one_ = fitted.other_ = np.zeros(10)
    assert fitted_bytes(fitted) == 80
    fitted.other_ = Fraction(1, 3)
    assert fitted_bytes(fitted) is None
