"""Networks learned on the spot: features, own scores, bad input, saving, honesty."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import safetensors.torch
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from featbench import extractors
from featbench.archives import pack_tensors, read_arrays, write_arrays
from featbench.base import Extractor
from featbench.base.own_head import OwnHead
from featbench.config import Document, read_experiment
from featbench.datasets import DATASETS
from featbench.errors import ConfigError, FeatbenchError, InputError, MissingExtraError, StoreError
from featbench.extractors import CNN, Autoencoder, Concat, RawPixels
from featbench.imagesets import Dataset, DatasetLoader, ImageSet
from featbench.networks import ARCHITECTURES
from featbench.networks.building import build
from featbench.networks.extracting import InterruptedTrainingWarning
from featbench.networks.telling import listening
from featbench.plugins import Registered
from featbench.runner import run
from featbench.saved import fingerprint_plugin

ROUNDING = 1e-5  # of float32 sums in another order, relative to the largest value


@pytest.fixture
def coloured(rng):
    """96 images whose colour tells their class, of three."""
    y = np.arange(96) % 3
    images = rng.integers(0, 120, (96, 16, 16, 3), dtype=np.uint8)
    images[np.arange(96), :, :, y] += 100
    return images, y


def quick(**parameters):
    return CNN(**{"epochs": 2, "batch_size": 16, **parameters})


def test_features_and_own_scores_tell_classes_apart(coloured):
    images, y = coloured
    names = np.array(["blue", "green", "red"])
    cnn = quick(epochs=4).fit(images[:60], names[y[:60]])
    assert list(cnn.classes_) == list(names)
    assert (cnn.classes_[cnn.scores(images[60:]).argmax(1)] == names[y[60:]]).all()
    assert cnn.transform(images).shape == (96, 128)
    assert cnn.scores(images).dtype == np.float32
    assert cnn.scores(images[:0]).shape == (0, 3)
    assert len(cnn.loss_curve_) == 4
    assert isinstance(cnn, OwnHead)
    assert cnn.uses_labels


def test_scores_are_the_head_of_the_features(coloured):
    cnn = quick().fit(*coloured)
    W, b = cnn.weights_["head.weight"], cnn.weights_["head.bias"]
    scores = cnn.scores(coloured[0])
    np.testing.assert_allclose(
        cnn.transform(coloured[0]) @ W.T + b, scores, atol=ROUNDING * np.abs(scores).max()
    )


@pytest.mark.parametrize("architecture", list(ARCHITECTURES.rows()))
def test_every_architecture_can_be_trained(coloured, architecture):
    images, y = coloured
    cnn = quick(architecture=architecture, epochs=1).fit(images[:24], y[:24])
    features = cnn.transform(images[:3])
    assert features.shape == (3, cnn.n_features_out_)
    assert np.isfinite(features).all()
    assert cnn.scores(images[:3]).shape == (3, 3)


def test_several_layers_follow_one_another(coloured):
    cnn = quick(layers=["block1", "block3"]).fit(*coloured)
    parts = [
        clone(cnn).set_params(layers=layer).fit(*coloured).transform(coloured[0]) for layer in cnn.layers
    ]
    np.testing.assert_array_equal(cnn.transform(coloured[0]), np.concatenate(parts, axis=1))
    names = cnn.get_feature_names_out()
    assert (names[0], names[32]) == ("cnn[block1, channel 0]", "cnn[block3, channel 0]")


def test_maps_may_be_kept_whole_or_multiplied(coloured):
    images, y = coloured
    whole = quick(layers="block1", pooling="spatial").fit(images, y)
    maps = whole.transform(images).reshape(96, 32, 8, 8)
    assert whole.get_feature_names_out()[32 + 9] == "cnn[block1, channel 0, row 5, column 1]"
    mean = clone(whole).set_params(pooling="mean").fit(images, y).transform(images)
    np.testing.assert_allclose(mean, maps.mean((2, 3)), atol=ROUNDING)
    products = clone(whole).set_params(pooling="gram").fit(images, y)
    expected = np.einsum("nihw,njhw->nij", maps, maps)[:, *np.triu_indices(32)] / 64
    np.testing.assert_allclose(products.transform(images), expected, rtol=1e-4, atol=1e-4)
    assert products.get_feature_names_out()[32] == "cnn[block1, channels 1 and 1]"


def test_a_layer_of_scores_has_one_for_each_class(coloured):
    cnn = quick(layers="head").fit(*coloured)
    np.testing.assert_array_equal(cnn.transform(coloured[0]), cnn.scores(coloured[0]))
    cnn.fit(coloured[0], np.arange(96) % 7)
    assert cnn.n_features_out_ == 7


def test_averaged_flips_are_blind_for_left_and_right(coloured):
    images, y = coloured
    cnn = quick(average_flips=True).fit(images, y)
    mirrored = images[:, :, ::-1]
    for method in (cnn.transform, cnn.scores):
        np.testing.assert_allclose(method(images), method(mirrored), rtol=1e-4, atol=1e-5)
    assert not np.allclose(clone(cnn).set_params(average_flips=False).fit(images, y).transform(images),
                           cnn.transform(images))  # fmt: skip


def test_the_same_seed_gives_the_same_features(coloured):
    first, again, other = (
        quick(random_state=seed).fit(*coloured).transform(coloured[0]) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


class Own(torch.nn.Sequential):
    def __init__(self, channels, classes):
        super().__init__(
            torch.nn.Flatten(),
            torch.nn.Linear(256 * channels, 8),
            torch.nn.ReLU(),
            torch.nn.Linear(8, classes),
        )


def test_a_network_of_ones_own(coloured, tmp_path):
    images, y = coloured
    assert quick(architecture=Own).fit(images, y).transform(images).shape == (96, 8)
    network = Own(3, 3)
    begin = network[1].weight.detach().clone()
    cnn = quick(architecture=network).fit(images, y)
    assert torch.equal(network[1].weight, begin), "a copy is trained"
    assert not np.array_equal(cnn.weights_["1.weight"], begin)
    with pytest.raises(InputError, match="entry point"):
        cnn.save(tmp_path)
    with pytest.raises(
        InputError, match=r"network's output must be one score for each of 3 classes; got shape \(4,\)"
    ):
        quick(architecture=Own(3, 4)).fit(images, y)


def test_a_network_from_an_entry_point(coloured, tmp_path, monkeypatch):
    from featbench.networks import ARCHITECTURES

    monkeypatch.setitem(ARCHITECTURES._own, "own", f"{__name__}:Own")
    monkeypatch.setitem(ARCHITECTURES._classes, "own", Own)
    cnn = quick(architecture="own").fit(*coloured)
    cnn.save(tmp_path)
    np.testing.assert_array_equal(CNN.load(tmp_path).transform(coloured[0]), cnn.transform(coloured[0]))


@pytest.mark.parametrize("architecture", ["small", "airbench"])
def test_it_comes_back_from_a_folder_with_its_scores(coloured, tmp_path, architecture):
    cnn = quick(architecture=architecture, epochs=1).fit(*coloured)
    cnn.save(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["arrays.npz", "plugin.json", "weights.safetensors"]
    copy = Extractor.load(tmp_path)
    np.testing.assert_array_equal(copy.transform(coloured[0]), cnn.transform(coloured[0]))
    np.testing.assert_array_equal(copy.scores(coloured[0]), cnn.scores(coloured[0]))
    found = safetensors.torch.load_file(tmp_path / "weights.safetensors")
    build(architecture, 3, 3, 1, "test").load_state_dict(found)  # by torch's own names
    begun = quick(architecture=architecture, epochs=0, weights=str(tmp_path / "weights.safetensors"))
    np.testing.assert_array_equal(begun.fit(*coloured).transform(coloured[0]), cnn.transform(coloured[0]))


def test_a_folder_with_weights_among_its_arrays_is_read(coloured, tmp_path):
    """As folders were written before there was a file of weights."""
    cnn = quick(epochs=0).fit(*coloured)
    cnn.save(tmp_path)
    path = tmp_path / "plugin.json"
    described, arrays = json.loads(path.read_text()), read_arrays(tmp_path / "arrays.npz")
    for number, (name, values) in enumerate(cnn.weights_.items()):
        arrays[f"b{number}"] = values
        described["learned"]["weights_"]["dict"][name] = {"array": f"b{number}"}
    del described["weights"]
    path.write_text(json.dumps(described))
    write_arrays(tmp_path / "arrays.npz", arrays)
    (tmp_path / "weights.safetensors").unlink()
    np.testing.assert_array_equal(CNN.load(tmp_path).transform(coloured[0]), cnn.transform(coloured[0]))


def test_networks_within_others_keep_their_weights_apart(coloured, tmp_path):
    images, y = coloured
    parts = Concat([quick(epochs=0, random_state=1), Autoencoder(epochs=0), quick(epochs=0, random_state=2)])
    parts.fit(images, y).save(tmp_path)
    found = safetensors.torch.load_file(tmp_path / "weights.safetensors")
    assert {"head.weight", "encoder.code.weight", "2.head.weight"} <= set(found)
    copy = Extractor.load(tmp_path)
    np.testing.assert_array_equal(copy.transform(images), parts.transform(images))
    assert fingerprint_plugin(copy) == fingerprint_plugin(parts)
    RawPixels().fit(images).save(tmp_path)
    assert not (tmp_path / "weights.safetensors").exists(), "what was saved there before is replaced"


class Harmful:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda whole: pickle.dumps(Harmful()), "weights.safetensors is no whole safetensors file"),
        (lambda whole: whole[:-5], "weights.safetensors is no whole safetensors file"),
        (lambda whole: b"\xff" * 8 + whole[8:], "weights.safetensors is no whole safetensors file"),
        (lambda whole: pack_tensors({"head.bias": np.zeros(3)}, "test"), "is damaged .KeyError: 'weights/"),
        (None, r"holds nothing that was saved: .*weights.safetensors is missing"),
    ],
    ids=["pickle", "cut off", "absurd length", "others", "none"],
)
def test_a_saved_network_with_other_weights_is_refused(coloured, tmp_path, capsys, content, message):
    quick(epochs=0).fit(*coloured).save(tmp_path)
    path = tmp_path / "weights.safetensors"
    whole = path.read_bytes()
    path.unlink()
    if content:
        path.write_bytes(content(whole))
    with pytest.raises(StoreError, match=message):
        Extractor.load(tmp_path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "plugin", [["extractor", "hog"], ["class", "Popen"], ["os", "system"], ["extractor", "gram"]]
)
def test_a_saved_network_that_says_to_be_another_is_refused(coloured, tmp_path, plugin):
    quick(epochs=0).fit(*coloured).save(tmp_path)
    path = tmp_path / "plugin.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "plugin": plugin}))
    with pytest.raises(StoreError):
        CNN.load(tmp_path)


def test_weights_of_another_architecture_are_refused(coloured, tmp_path):
    cnn = quick(epochs=0, layers="block2").fit(*coloured)
    cnn.save(tmp_path)
    path = tmp_path / "plugin.json"
    text = json.loads(path.read_text())
    text["params"]["architecture"] = "resnet9"
    text["learned"]["n_features_out_"] = 256
    path.write_text(json.dumps(text))
    with pytest.raises(StoreError, match="weights must be those of this architecture"):
        CNN.load(tmp_path)
    cnn.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="weights must be those of this architecture"):
        quick(architecture="resnet9", weights=str(tmp_path / "w.safetensors")).fit(*coloured)


def test_training_goes_on_from_weights_in_a_file(coloured, tmp_path):
    images, y = coloured
    path = str(tmp_path / "w.safetensors")
    cnn = quick(epochs=4).fit(images[:48], y[:48])
    cnn.save_weights(path)
    frozen = quick(epochs=0, weights=path).fit(images[48:] // 2, y[48:])
    np.testing.assert_array_equal(frozen.transform(images), cnn.transform(images))
    np.testing.assert_array_equal(frozen.mean_, cnn.mean_)
    further = quick(epochs=1, weights=path).fit(images, y)
    assert further.loss_curve_[0] < quick(epochs=1).fit(images, y).loss_curve_[0]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, r"CNN: labels must be given, one an image; got None. Call fit\(images, y\)"),
        (np.zeros(96, int), "CNN: labels must be of two classes or more; got one class"),
        (np.arange(95) % 2, r"CNN: labels must be one an image, 96; got shape \(95,\)"),
        (np.arange(96) % 3 + 0.5, r"CNN: labels must be whole numbers or names, all of one kind; got others"),
        (np.where(np.arange(96) % 2, np.nan, 1.0), r"CNN: labels must be whole numbers or names"),
        (np.array([None, "a", 3] * 32, object), r"CNN: labels must be whole numbers or names"),
    ],
)
def test_labels_that_will_not_do_are_refused(coloured, y, message):
    with pytest.raises(InputError, match=message):
        quick().fit(coloured[0], y)


def test_small_images_and_missing_layers_are_refused(coloured):
    with pytest.raises(InputError, match=r"CNN: images must be at least 8 × 8 pixels .*; got 7 × 16"):
        quick().fit(coloured[0][:, :7], coloured[1])
    with pytest.raises(InputError, match=r"CNN: no layer 'block9'. Did you mean .*Layers: block1, "):
        quick(layers="block9").fit(*coloured)
    with pytest.raises(
        InputError, match=r"layers must be maps of features; got head, which has 10 numbers an image"
    ):
        quick(layers="head", pooling="gram").fit(*coloured)
    with pytest.raises(InputError, match=r"CNN: layers must be one or more; got \[\]. Leave it out"):
        quick(layers=[]).fit(*coloured)


@pytest.mark.parametrize("architecture", [["a"], {"small": 1}, np.zeros(3)])
def test_what_is_no_architecture_is_refused(coloured, architecture):
    with pytest.raises(
        InputError, match="CNN: architecture must be a name, a torch.nn.Module, or what makes one"
    ):
        quick(architecture=architecture).fit(*coloured)


def test_a_fit_that_failed_leaves_nothing_to_use(coloured):
    cnn = quick(learning_rate=1e9)
    with pytest.raises(FeatbenchError, match="no number any more"):
        cnn.fit(*coloured)
    with pytest.raises(NotFittedError, match="did not come to an end"):
        cnn.transform(coloured[0])


def test_ctrl_c_keeps_what_there_is_and_interrupts(coloured):
    def listen(epoch):
        if epoch.number == 2:
            raise KeyboardInterrupt

    cnn = quick(epochs=9)
    message = r"CNN: interrupted after epoch 2 of 9. The weights of epoch [12], whose training loss is the lowest so far, are kept"
    with (
        listening(listen),
        pytest.warns(InterruptedTrainingWarning, match=message),
        pytest.raises(KeyboardInterrupt),
    ):
        cnn.fit(*coloured)
    assert np.isfinite(cnn.transform(coloured[0])).all()
    assert len(cnn.loss_curve_) == 2


def test_without_torch_the_extra_is_named(coloured, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"CNN: .* needs torch, .*pip install 'featbench\[cnn\]'"):
        quick().fit(*coloured)


def experiment(extractor, dataset="nowhere"):
    data = {"dataset": dataset, "extractor": extractor, "classifier": {"name": "softmax", "reg": 0.01},
            "preprocess": "none", "timing": {"repeats": 1}}  # fmt: skip
    return read_experiment(Document("test.yaml", data), "test")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"device": "cuda"},
            r"extractor.*device must be one that torch can use, and torch .* finds no GPU here; got 'cuda'",
        ),
        ({"layers": ["block1", "blok"]}, r"extractor.*no layer 'blok'. Did you mean 'block"),
        ({"architecture": "smal"}, r"extractor.*unknown network 'smal'. Did you mean 'small'\?"),
        ({"architecture": 3}, r"extractor.*architecture must be a name; got 3"),
        ({"weights": "nowhere.safetensors"}, r"extractor.*weights must be a .safetensors file"),
        ({"epochs": -1}, r"extractor.*epochs: must be .*0"),
    ],
)
def test_what_cannot_work_is_said_before_any_data_is_loaded(parameters, message, monkeypatch):
    @dataclass(kw_only=True, eq=False, repr=False)
    class Nowhere(DatasetLoader):
        def load(self, seed=0):
            raise AssertionError("loaded")

    monkeypatch.setitem(DATASETS._own, "nowhere", f"{__name__}:Nowhere")
    monkeypatch.setitem(DATASETS._classes, "nowhere", Nowhere)
    with pytest.raises(ConfigError, match=message):
        experiment({"name": "cnn", **parameters})
    if "device" in parameters:
        assert experiment("cnn").extractors[0].label == "cnn"


def test_a_missing_torch_is_said_before_any_data_is_loaded(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match=r"needs torch, .*pip install 'featbench\[cnn\]'"):
        experiment("cnn", "digits")


N_CLASSES = 4


@dataclass(kw_only=True, eq=False, repr=False)
class RandomLabels(DatasetLoader):
    """Noise with labels that have nothing to do with it."""

    def load(self, seed=0):
        rng = np.random.default_rng(7)
        parts = [
            ImageSet(rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8), np.arange(n) % N_CLASSES)
            for n in (400, 200)
        ]
        return Dataset(
            "noise", tuple("abcd"), *parts, official_split=True, shareable=True, source="a generator"
        )


@pytest.mark.long
def test_random_labels_through_a_network_give_chance(tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS._own, "noise", f"{__name__}:RandomLabels")
    monkeypatch.setitem(DATASETS._classes, "noise", RandomLabels)
    extractor = {
        "name": "cnn",
        "layers": "head",
        "epochs": 20,
        "batch_size": 32,
        "flip": "none",
        "crop": 0,
        "weight_decay": 0.0,
    }
    record = run(experiment(extractor, "noise"), output=tmp_path).records[-1]
    assert record["status"] == "ok", record
    assert record["train_accuracy"] > 0.95, "it has learned its training labels by heart"
    # Three standard deviations of a share of 1/4 over 80 validated and 200 test images.
    assert record["val_accuracy"] == pytest.approx(1 / N_CLASSES, abs=3 * np.sqrt(0.25 * 0.75 / 80))
    assert record["test_accuracy"] == pytest.approx(1 / N_CLASSES, abs=3 * np.sqrt(0.25 * 0.75 / 200))
    assert record["selection"]["uses_labels"]
    assert not record["selection"]["shared_fit"]


def test_it_is_registered_with_its_table():
    assert extractors.EXTRACTORS.load("cnn") is CNN


def test_results_are_made_of_weights_device_and_a_network_of_ones_own(coloured, tmp_path, monkeypatch):
    from featbench.networks import ARCHITECTURES

    monkeypatch.setitem(ARCHITECTURES._classes, "own", Own)
    rows = ARCHITECTURES.rows()
    theirs = {**rows, "own": Registered("own", f"{__name__}:Own", "somebody")}
    monkeypatch.setattr(ARCHITECTURES, "rows", lambda: theirs)
    paths = [str(tmp_path / f"{i}.safetensors") for i in range(2)]
    for seed, path in enumerate(paths):
        quick(epochs=0, random_state=seed).fit(*coloured).save_weights(path)
    asked = [{}, {"architecture": "own"}, {"weights": paths[0]}, {"weights": paths[1]}]
    told = [CNN.written_files(parameters) for parameters in asked]
    assert len(set(told)) == 4
    assert CNN.written_files({"architecture": "small", "device": "cpu"}) == told[0]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert CNN.written_files({}) != told[0]
