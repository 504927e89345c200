"""A model's folder from elsewhere is refused before it does harm, and says why."""

from __future__ import annotations

import json
import shutil
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from model_runs import cell_of

from featbench.errors import StoreError
from featbench.model import export, load


def change_json(path, change):
    described = json.loads(path.read_text())
    change(described)
    path.write_text(json.dumps(described))


def change_array(folder, name, change):
    """Change one learned array of a plug-in."""
    described = json.loads((folder / "plugin.json").read_text())
    key = described["learned"][name]["array"]
    arrays = dict(np.load(folder / "arrays.npz"))
    arrays[key] = change(arrays[key])
    np.savez(folder / "arrays.npz", **arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format=2), "format must be 1"),
        (lambda m: m.pop("classes"), "classes: Field required"),
        (lambda m: m.update(classes=["one"]), "classes: List should have at least 2 items"),
        (lambda m: m.update(classes=["one", "two"]), "classes_ must be ascending, below 2"),
        (lambda m: m["image"].update(shape=[16, 16]), r"image_shape_ must be \(16, 16\), as model.json says"),
        (lambda m: m["image"].update(shape=[10**9, 10**9, 3]), r"image.shape must be \[h, w, 3\]"),
        (lambda m: m["image"].update(shape=[8, 8, 4]), r"image.shape must be \[h, w, 3\]"),
        (lambda m: m["image"].update(resize="melt"), "image.resize"),
        (lambda m: m["image"].update(max_pixels=10**12), "image.max_pixels"),
        (lambda m: m.update(preprocess="os.system"), "unknown preprocessing 'os.system'"),
        (lambda m: m.update(preprocess="none"), "its arrays must be"),
    ],
)
def test_a_manifest_that_lies_is_refused(digits_model, change, message):
    change_json(digits_model / "model.json", change)
    with pytest.raises(StoreError, match=message):
        load(digits_model)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("coef_", lambda a: a[:, :-1]),
        ("coef_", lambda a: a[:-1]),
        ("coef_", lambda a: np.full_like(a, np.nan)),
        ("coef_", lambda a: a.astype(str)),
        ("intercept_", lambda a: a[:3]),
        ("classes_", lambda a: a + 5),
        ("classes_", lambda a: a[::-1].copy()),
        ("classes_", lambda a: a.astype(float)),
        ("classes_", lambda a: a[:0]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(digits_model, name, change):
    change_array(digits_model / "classifier", name, change)
    with pytest.raises(StoreError):
        load(digits_model)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("X_", lambda a: a[:, :-1]),
        ("X_", lambda a: a[:-1]),
        ("X_", lambda a: np.full_like(a, np.nan)),
        ("X_", lambda a: a.astype(str)),
        ("y_", lambda a: a + 1),
        ("y_", lambda a: a - 1),
        ("y_", lambda a: a.astype(float)),
    ],
)
def test_training_rows_that_contradict_themselves_are_refused(digits_run, tmp_path, name, change):
    folder = export(cell_of(digits_run, "knn"), tmp_path / "model").folder
    change_array(folder / "classifier", name, change)
    with pytest.raises(StoreError, match=rf"classifier: (X_ and y_|{name}) must be"):
        load(folder)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"mean_": np.zeros(3), "scale_": np.ones(3)},
        {"mean_": np.zeros(36), "scale_": np.zeros(36)},
        {"mean_": np.full(36, np.inf), "scale_": np.ones(36)},
        {"mean_": np.zeros(36), "scale_": np.ones(36), "transform": np.ones(36)},
    ],
)
def test_preprocessing_that_does_not_fit_is_refused(digits_model, arrays):
    np.savez(digits_model / "preprocess.npz", **arrays)
    with pytest.raises(StoreError, match="preprocess: "):
        load(digits_model)


def test_an_extractor_is_no_classifier_and_no_class_is_imported(digits_model):
    change_json(digits_model / "classifier/plugin.json", lambda d: d.update(plugin=["os", "system"]))
    with pytest.raises(StoreError, match="is damaged"):
        load(digits_model)
    for name in ("plugin.json", "arrays.npz"):
        (digits_model / "classifier" / name).write_bytes((digits_model / "extractor" / name).read_bytes())
    with pytest.raises(StoreError, match="the plug-in must be a Classifier; got HOG"):
        load(digits_model)


def test_a_small_file_cannot_fill_the_memory(digits_model):
    """Zeros compress a thousandfold; what was written here is not compressed."""
    np.savez_compressed(digits_model / "classifier/arrays.npz", a0=np.zeros(10**7))
    with pytest.raises(StoreError, match="is compressed, which featbench does not write"):
        load(digits_model)
    header = (
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000000,), }"
    ).ljust(127, b" ") + b"\n"
    with zipfile.ZipFile(digits_model / "classifier/arrays.npz", "w") as archive:
        archive.writestr("a0.npy", header)
    with pytest.raises(StoreError, match="cannot be read as a saved plug-in"):
        load(digits_model)
    (digits_model / "model.json").write_bytes(b" " * (17 * 2**20))
    with pytest.raises(StoreError, match="must be at most"):
        load(digits_model)


def test_nothing_is_unpickled(digits_model):
    np.savez(digits_model / "preprocess.npz", mean_=np.array([Fraction(1, 2)], dtype=object))
    with pytest.raises(StoreError, match="allow_pickle=False"):
        load(digits_model)


def test_a_folder_without_a_model_says_so(tmp_path, digits_model):
    with pytest.raises(StoreError, match="holds no model"):
        load(tmp_path)
    (digits_model / "preprocess.npz").unlink()
    with pytest.raises(StoreError, match="is damaged, or no model"):
        load(digits_model)


@pytest.fixture
def own_head_model(tmp_path, rng):
    """A network's own scores of grey images, three of four classes learned; nothing is trained."""
    from featbench.base.own_head import ScoresOf
    from featbench.classifiers import HighestScore
    from featbench.extractors import CNN
    from featbench.model import Pipeline
    from featbench.model.exporting import _write
    from featbench.model.pixels import Pixels
    from featbench.preprocessing import make_preprocess

    images, y = rng.integers(0, 256, (6, 8, 8)).astype(np.uint8), np.array([0, 1, 3] * 2)
    extractor = ScoresOf.fitted(CNN(epochs=0).fit(images, y))
    scores = extractor.transform(images)
    none = make_preprocess("none").fit(scores)
    pixels = Pixels((8, 8))
    pipeline = Pipeline(extractor, none, HighestScore().fit(scores, y), tuple("abcd"), pixels)
    manifest = {
        "format": 1, "classes": list("abcd"), "image": pixels.to_json(), "preprocess": "none", "confidence": "margin"
    }  # fmt: skip
    _write(pipeline, manifest, tmp_path / "model")
    return tmp_path / "model", images, np.array(list("abcd"))[y[:3]][scores.argmax(axis=1)]


def test_own_scores_come_back_from_a_folder(own_head_model):
    folder, images, labels = own_head_model
    assert load(folder).predict(images).tolist() == labels.tolist()


def test_own_head_behind_others_and_other_classes_is_refused(own_head_model, digits_model):
    folder, *_ = own_head_model
    change_array(folder / "classifier", "classes_", lambda a: a[:2])
    with pytest.raises(
        StoreError, match=r"classes_ must be those of the extractor's own head, \[0, 1, 3\]; got"
    ):
        load(folder)
    change_array(folder / "classifier", "classes_", lambda a: np.array([0, 1, 2]))
    with pytest.raises(StoreError, match=r"classes_ must be those of the extractor's own head"):
        load(folder)
    shutil.rmtree(folder / "extractor")
    shutil.copytree(digits_model / "extractor", folder / "extractor")
    with pytest.raises(StoreError, match=r"one with a classifier of its own before own_head, .*; got HOG"):
        load(folder)
