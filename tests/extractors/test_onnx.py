"""The extractor `onnx`: settings from wherever they stand, and SqueezeNet before a softmax by the runner."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx_models
import pytest

from featbench.config import parse, read_experiment
from featbench.errors import ConfigError, InputError, MissingExtraError
from featbench.extractors import ONNX
from featbench.extractors.raw import to_grey
from featbench.runner import run

ROUNDING = 1e-5  # float32 sums against float64


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (5, 12, 9, 3)).astype(np.uint8)


def prepared(images, mean, scale):
    return ((images * scale - np.asarray(mean)) / 2).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("ending", [".yaml", ".json"])
def test_settings_stand_here_or_beside_the_model(tmp_path, images, ending):
    path = onnx_models.write(tmp_path)
    beside = '{"output": "features", "channels": "bgr", "mean": [4, 5, 6], "std": [2], "scale": 0.5}'
    (tmp_path / f"small.onnx{ending}").write_text(beside)
    extractor = ONNX(model=str(path)).fit(images)
    expected = onnx_models.expected(prepared(images[..., ::-1], [4, 5, 6], 0.5))
    np.testing.assert_allclose(extractor.transform(images), expected, rtol=ROUNDING)
    assert list(extractor.get_feature_names_out()) == [f"features[{i}]" for i in range(4)]
    rows = ONNX(model=str(path), channels="rgb", mean=[1.0]).fit_transform(images)
    np.testing.assert_allclose(rows, onnx_models.expected(prepared(images, [1], 0.5)), rtol=ROUNDING)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("size: many", r"small.onnx.yaml: ONNX: size must be an integer or None; got 'many'"),
        ("std: [0]", r"small.onnx.yaml: ONNX: std must be a list of numbers > 0"),
        ("mean: 4", r"small.onnx.yaml: ONNX: mean must be a list of numbers"),
        ("mean: [.nan]", r"small.onnx.yaml: ONNX: mean must be a list of numbers"),
        ("device: cuda", r"a key of .*small.onnx.yaml must be a setting; got device"),
    ],
)
def test_settings_beside_the_model_are_checked(tmp_path, images, text, complaint):
    path = onnx_models.write(tmp_path)
    (tmp_path / "small.onnx.yaml").write_text(text)
    with pytest.raises(InputError, match=complaint):
        ONNX(model=str(path), output="features").fit(images)


def test_sizes_may_differ_where_all_are_resized(tmp_path, images, rng):
    path = str(onnx_models.write(tmp_path))
    other = rng.integers(0, 256, (20, 9, 3)).astype(np.uint8)
    mixed = [images[0], other]
    assert not ONNX(model=path, output="features").any_size
    extractor = ONNX(model=path, output="features", size=8)
    rows = extractor.fit_transform(mixed)
    np.testing.assert_array_equal(rows[:1], extractor.fit_transform(images[:1]))
    (tmp_path / "small.onnx.json").write_text('{"size": 8, "output": "features"}')
    np.testing.assert_array_equal(ONNX(model=path).fit_transform(mixed), rows)


def test_grey_and_colour_become_what_the_network_takes(tmp_path, images):
    colour = ONNX(model=str(onnx_models.write(tmp_path)), output="features")
    grey = images[..., 0]
    np.testing.assert_array_equal(
        colour.fit_transform(grey), colour.fit_transform(np.stack([grey] * 3, axis=-1))
    )
    single = onnx_models.write(tmp_path, onnx_models.model(("n", 1, "h", "w")), "single.onnx")
    rows = ONNX(model=str(single), output="features").fit_transform(images)
    np.testing.assert_allclose(
        rows, onnx_models.expected(to_grey(images)[:, None].astype(float)), rtol=ROUNDING
    )


def test_images_that_do_not_fit_are_a_reason(tmp_path):
    reason = ONNX(model=str(onnx_models.write(tmp_path)), output="features").supports((3, 3, 3))
    assert "images must be of a shape that the network takes; got (3, 3, 3)" in reason
    assert "model must be an existing .onnx file" in ONNX(model="nowhere.onnx").supports((3, 3, 3))


EXPERIMENT = """
dataset: digits
extractor: {{name: onnx, model: {model}, output: features, mean: [104, 117, 123]{more}}}
classifier: {{name: softmax, reg: 0.01}}
selection: none
"""


def test_a_model_may_lie_beside_the_experiment_file(tmp_path, monkeypatch):
    onnx_models.write(tmp_path)
    text = EXPERIMENT.format(model="small.onnx", more="")
    read = read_experiment(parse(text, str(tmp_path / "own.yaml")), "own")
    assert read.extractors[0].params["model"] == str(tmp_path / "small.onnx")
    assert read.extractors[0].label == "onnx(small.onnx, output=features, mean=[104, 117, 123])"
    monkeypatch.chdir(tmp_path)
    read = read_experiment(parse(text, "elsewhere/own.yaml"), "own")
    assert read.extractors[0].params["model"] == "small.onnx"


def test_a_file_asks_for_what_is_not_there(monkeypatch):
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ConfigError, match=r"own.yaml:3: extractor.* has no CUDA provider; got 'cuda'"):
        read_experiment(
            parse(EXPERIMENT.format(model="small.onnx", more=", device: cuda"), "own.yaml"), "own"
        )
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"needs onnxruntime, .* pip install 'featbench\[onnx\]'"):
        read_experiment(parse(EXPERIMENT.format(model="small.onnx", more=""), "own.yaml"), "own")


def test_without_the_package_the_extra_is_named(tmp_path, images, monkeypatch):
    path = onnx_models.write(tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"ONNX: needs onnx, .* pip install 'featbench\[onnx\]'"):
        ONNX(model=str(path), output="features").fit(images)


def test_results_are_made_of_all_files(tmp_path):
    path = onnx_models.write(tmp_path)
    told = [ONNX.written_files({"model": str(path)})]
    (tmp_path / "small.onnx.yaml").write_text("size: 8")
    told.append(ONNX.written_files({"model": str(path)}))
    onnx_models.write(tmp_path, onnx_models.model(("n", "h", "w", 3), last=True))
    told.append(ONNX.written_files({"model": str(path)}))
    assert len(set(told)) == 3


def test_importing_it_needs_no_package():
    code = """
import sys
class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("onnx", "onnxruntime", "torch", "PIL", "ruamel"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Lacking())
from featbench.extractors import ONNX, Pretrained
print(ONNX(model="a.onnx"), Pretrained())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ONNX(model='a.onnx') Pretrained()\n"


@pytest.mark.data
def test_squeezenet_knows_its_tensors(squeezenet, rng):
    image = rng.integers(0, 256, (1, 227, 227, 3)).astype(np.uint8)
    rows = {
        output: ONNX(model=str(squeezenet), output=output).fit(image).transform(image)
        for output in ("features", "logits")
    }
    assert {output: found.shape for output, found in rows.items()} == {
        "features": (1, 512),
        "logits": (1, 1000),
    }
    with pytest.raises(
        InputError, match=r"Did you mean 'features'\? Outputs: features, logits. Inner tensors: "
    ):
        ONNX(model=str(squeezenet), output="feature").fit(image)


@pytest.mark.data
@pytest.mark.slow
def test_squeezenet_before_a_softmax_on_caltech(squeezenet, caltech_root, tmp_path):
    """The issue's figure: at least 96 % in the mean of five outer folds."""
    overrides = [f"dataset.root={caltech_root}", f"extractor.model={squeezenet}", "timing.repeats=1"]
    result = run("onnx_caltech", output=tmp_path, overrides=overrides)
    accuracies = [r["test_accuracy"] for r in result.records if r["extractor"]]
    assert len(accuracies) == 5
    assert np.mean(accuracies) >= 0.96


@pytest.mark.parametrize("model", ["", "/", "a" * 5000, "~nobody-of-this-name/a.onnx"])
def test_what_is_no_path_is_refused(images, model):
    with pytest.raises(
        InputError, match=r"ONNX: model must be the path of an .onnx file; got .*\. No such path: "
    ):
        ONNX(model=model).fit(images)
    with pytest.raises(InputError, match=r"ONNX: model must be the path of an .onnx file"):
        ONNX.written_files({"model": model})
