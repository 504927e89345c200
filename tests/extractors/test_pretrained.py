"""Networks of other packages, by packages of the same interface and weights that the tests save themselves."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from collections import OrderedDict
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from featbench.base import Extractor
from featbench.config import parse, read_experiment
from featbench.errors import ConfigError, DataError, InputError, MissingExtraError
from featbench.extractors import Pretrained
from featbench.networks import published
from featbench.testing import check_extractor

ROUNDING = 1e-5  # of float32 in another order

MEAN, STD = 0.4, 0.25


def make(classes: int = 3) -> nn.Module:
    """A network with the names of a residual one: `conv1` to `fc`."""
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 5, 3), "bn1": nn.BatchNorm2d(5), "relu": nn.ReLU(), "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(), "fc": nn.Linear(5, classes) if classes else nn.Identity(),
    }  # fmt: skip
    return nn.Sequential(OrderedDict(layers))


@pytest.fixture
def trained() -> nn.Module:
    torch.manual_seed(0)
    network = make()
    network.bn1.running_mean.uniform_(-1, 1)
    network.bn1.running_var.uniform_(0.5, 2)
    return network.eval()


def prepare(images: torch.Tensor) -> torch.Tensor:
    """Reduced to 8 × 8 and normalised, as transforms of weights do."""
    small = nn.functional.interpolate(images.float() / 255, (8, 8), mode="bilinear", antialias=True)
    return (small - MEAN) / STD


class Weights(Enum):
    OLD = "old"
    NEW = "new"
    DEFAULT = NEW

    @property
    def meta(self) -> dict[str, object]:
        return {"min_size": (384, 384)}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:9/{self.value}-0123456789.pth"

    def transforms(self):
        return prepare


def module(monkeypatch, name: str, **content) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__spec__ = importlib.machinery.ModuleSpec(name, None)
    vars(made).update(content)
    monkeypatch.setitem(sys.modules, name, made)
    return made


NAMES = ["tiny", "vast", "vit_tiny", "maxvit_t", "googlenet", "inception_v3"]


@pytest.fixture
def built() -> list[tuple[str, dict[str, object]]]:
    """The names that torchvision was asked for, and with what."""
    return []


@pytest.fixture
def torchvision(monkeypatch, tmp_path, built):
    def get_model(name, weights=None, **asked):
        assert weights is None, "weights are read by featbench, not by the package"
        built.append((name, asked))
        return make()

    def list_models(module):
        assert module is models, "those that find objects or segment are not asked for"
        return NAMES

    models = module(
        monkeypatch, "torchvision.models",
        get_model=get_model, get_model_weights=lambda name: Weights, list_models=list_models,
    )  # fmt: skip
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return module(monkeypatch, "torchvision", models=models, __version__="0.99")


@pytest.fixture
def timm(monkeypatch, trained, tmp_path):
    def create_model(name, pretrained=False, num_classes=3, pretrained_cfg_overlay=None):
        network = make(num_classes)
        if pretrained and pretrained_cfg_overlay:
            found = torch.load(pretrained_cfg_overlay["file"], weights_only=True)
            network.load_state_dict({k: v for k, v in found.items() if not k.startswith("fc.")})
        elif pretrained:
            if name != "tiny":
                raise RuntimeError("no such tag, or no network")
            network.load_state_dict(
                {k: v for k, v in trained.state_dict().items() if not k.startswith("fc.")}
            )
        network.pretrained_cfg = {"classifier": "fc"}
        return network

    def create_transform(size, is_training):
        assert size == 8
        assert not is_training
        return lambda image: prepare(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None])[0]

    cached = tmp_path / "pytorch_model.bin"
    module(
        monkeypatch, "huggingface_hub",
        try_to_load_from_cache=lambda repo, file: str(cached) if cached.exists() and file == cached.name else None,
    )  # fmt: skip

    def get_pretrained_cfg(name):
        if name != "tiny":
            raise RuntimeError(f"Invalid pretrained tag ({name})")
        return SimpleNamespace(hf_hub_id="timm/tiny", hf_hub_filename=None)

    models = module(monkeypatch, "timm.models", get_pretrained_cfg=get_pretrained_cfg)
    data = module(
        monkeypatch, "timm.data",
        resolve_model_data_config=lambda network: {"size": 8}, create_transform=create_transform,
    )  # fmt: skip
    return module(
        monkeypatch, "timm", __version__="9.9", data=data, models=models, create_model=create_model,
        is_model=lambda name: name == "tiny", list_models=lambda: ["tiny"],
    )  # fmt: skip


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (5, 20, 12, 3)).astype(np.uint8)


def expected(trained, images):
    X = prepare(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    with torch.no_grad():
        return trained[:-1](X).numpy()


def saved(trained, folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(trained.state_dict(), path)
    else:
        torch.save(trained.state_dict(), path)
    return str(path)


@pytest.mark.parametrize("name", ["own.safetensors", "own.pth"])
@pytest.mark.parametrize("package", ["torchvision", "timm"])
def test_features_are_what_goes_into_the_classifier(package, name, request, trained, tmp_path, images):
    request.getfixturevalue(package)
    path = saved(trained, tmp_path, name)
    rows = Pretrained(model=f"{package}/tiny", weights=path, batch_size=2).fit_transform(images)
    np.testing.assert_allclose(rows, expected(trained, images), rtol=ROUNDING, atol=ROUNDING)


def test_published_weights_without_counts_of_batches(torchvision, trained, tmp_path, images):
    """Most of torchvision's were saved by a torch that kept none."""
    path = tmp_path / "torch" / "hub" / "checkpoints" / "new-0123456789.pth"
    path.parent.mkdir(parents=True)
    torch.save({k: v for k, v in trained.state_dict().items() if not k.endswith("num_batches_tracked")}, path)
    rows = Pretrained(model="torchvision/tiny").fit_transform(images)
    np.testing.assert_allclose(rows, expected(trained, images), rtol=ROUNDING, atol=ROUNDING)


def test_it_keeps_the_laws(torchvision, trained, tmp_path):
    path = saved(trained, tmp_path, "own.safetensors")
    check_extractor(Pretrained(model="torchvision/tiny", weights=path), exact=False)


def test_the_packages_own_weights_come_from_the_users_cache(torchvision, trained, tmp_path, images):
    for weights, file in ((None, "new"), ("OLD", "old")):
        saved(trained, tmp_path / "torch" / "hub" / "checkpoints", f"{file}-0123456789.pth")
        rows = Pretrained(model="torchvision/tiny", weights=weights).fit_transform(images)
        np.testing.assert_allclose(rows, expected(trained, images), rtol=ROUNDING, atol=ROUNDING)


def test_without_a_network_it_says_where_the_file_goes(torchvision, tmp_path, images):
    with pytest.raises(InputError) as caught:
        Pretrained(model="torchvision/tiny").fit(images)
    told = str(caught.value)
    assert "weights must be a file new-0123456789.pth in torch's cache; got none" in told
    path = tmp_path / "torch" / "hub" / "checkpoints" / "new-0123456789.pth"
    assert f"put it at {path}, or name it: weights=FILE." in told
    assert not path.exists()


def test_timms_own_weights_and_tags(timm, trained, images):
    rows = Pretrained(model="timm/tiny").fit_transform(images)
    np.testing.assert_allclose(rows, expected(trained, images), rtol=ROUNDING, atol=ROUNDING)
    with pytest.raises(
        InputError, match=r"those of timm/tiny.other; got none .RuntimeError: Invalid pretrained tag.*HF_HOME"
    ):
        Pretrained(model="timm/tiny", weights="other").fit(images)


def test_timms_weights_in_the_users_cache_are_not_asked_for_online(timm, tmp_path, images):
    torch.manual_seed(5)
    other = make().eval()
    torch.save(other.state_dict(), tmp_path / "pytorch_model.bin")
    rows = Pretrained(model="timm/tiny").fit_transform(images)
    np.testing.assert_allclose(rows, expected(other, images), rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("tiny", {}),
        ("vit_tiny", {"image_size": 384}),
        ("maxvit_t", {"input_size": (384, 384)}),
        ("googlenet", {"transform_input": True, "init_weights": False}),
        ("inception_v3", {"transform_input": True, "init_weights": False}),
    ],
)
def test_a_network_is_built_as_for_its_weights(torchvision, built, trained, tmp_path, images, name, asked):
    """As torchvision's own functions do, which differ from networks without weights in this."""
    Pretrained(model=f"torchvision/{name}", weights=saved(trained, tmp_path, "own.pth")).fit(images)
    assert built[0] == (name, asked)


def test_old_names_of_weights_are_understood():
    names = [
        "features.denseblock1.denselayer2.norm.1.weight",
        "features.denseblock1.denselayer2.conv.2.weight",
    ]
    others = ["features.norm0.weight", "layer1.0.conv1.weight", "features.denseblock1.denselayer2.norm1.bias"]
    found = published._renamed(dict.fromkeys([*names, *others]))
    assert list(found) == [name.replace("m.1", "m1").replace("v.2", "v2") for name in names] + others


@pytest.mark.parametrize("package", ["torchvision", "timm"])
def test_what_is_saved_needs_no_weights(package, request, trained, tmp_path, images):
    request.getfixturevalue(package)
    path = saved(trained, tmp_path, "own.pth")
    extractor = Pretrained(model=f"{package}/tiny", weights=path).fit(images)
    assert not any(name.startswith("fc.") for name in extractor.weights_)
    extractor.save(tmp_path / "saved")
    Path(path).unlink()
    rows = Extractor.load(tmp_path / "saved").transform(images)
    np.testing.assert_array_equal(rows, extractor.transform(images))
    with pytest.raises(InputError, match="model must be what it was when this was fitted"):
        extractor.set_params(model=f"{package}/vast").transform(images)


def test_images_of_any_size_and_grey(torchvision, trained, tmp_path, images):
    extractor = Pretrained(model="torchvision/tiny", weights=saved(trained, tmp_path, "own.pth"))
    rows = extractor.fit_transform([images[0], images[1, :10]])
    np.testing.assert_allclose(rows[:1], expected(trained, images[:1]), rtol=ROUNDING, atol=ROUNDING)
    grey = images[..., 0]
    np.testing.assert_array_equal(
        extractor.fit_transform(grey), extractor.fit_transform(np.stack([grey] * 3, axis=-1))
    )


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_nothing_in_a_file_is_executed(torchvision, tmp_path, images, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"conv1.weight": Evil()}, "evil.pth")
    with pytest.raises(DataError, match="It cannot be read as one"):
        Pretrained(model="torchvision/tiny", weights="evil.pth").fit(images)
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        (
            {"model": "torchvision/tinny"},
            r"a network of torchvision 0.99 that classifies images; got 'tinny'. Did you mean 'tiny'\? It has 6.",
        ),
        ({"model": "resnet18"}, "model must be the name of a network after that of its package"),
        ({"model": "keras/tiny"}, "after that of its package, torchvision or timm; got 'keras/tiny'"),
        (
            {"model": "torchvision/tiny", "weights": "NEWER"},
            "weights must be those of tiny; got 'NEWER'. Known: OLD, NEW",
        ),
    ],
)
def test_names_that_are_not_there(torchvision, images, parameters, complaint):
    with pytest.raises(InputError, match=complaint):
        Pretrained(**parameters).fit(images)


def test_weights_of_another_network(torchvision, trained, tmp_path, images):
    torch.save({"conv1.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(
        InputError, match="weights must be those of this architecture; got conv1.bias is missing"
    ):
        Pretrained(model="torchvision/tiny", weights=str(tmp_path / "other.pth")).fit(images)
    with pytest.raises(DataError, match=r"There is no file /.*/nowhere.pth"):
        Pretrained(model="torchvision/tiny", weights="nowhere.pth").fit(images)


EXPERIMENT = """
dataset: digits
extractor: {{name: pretrained, model: {model}}}
classifier: {{name: softmax, reg: 0.01}}
selection: none
"""


def test_a_package_that_is_not_there_is_said_before_any_data(monkeypatch, images):
    for package in ("torchvision", "timm"):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(
            MissingExtraError, match=rf"needs {package}, .* pip install 'featbench\[pretrained\]'"
        ):
            Pretrained(model=f"{package}/tiny").fit(images)
        with pytest.raises(ConfigError, match=f"own.yaml:3: extractor.*needs {package}"):
            read_experiment(parse(EXPERIMENT.format(model=f"{package}/tiny"), "own.yaml"), "own")


def test_a_package_for_another_torch(monkeypatch, images):
    def broken(name):
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    monkeypatch.setattr(published, "importlib", SimpleNamespace(import_module=broken))
    with pytest.raises(
        InputError, match=r"a torchvision that goes with torch .* \(RuntimeError: operator .* exist\)"
    ):
        Pretrained(model="torchvision/tiny").fit(images)


def test_results_are_made_of_the_file_of_weights(trained, tmp_path):
    path = saved(trained, tmp_path, "own.safetensors")
    first = Pretrained.written_files({"weights": path})
    with torch.no_grad():
        trained.fc.bias += 1
    saved(trained, tmp_path, "own.safetensors")
    assert first != Pretrained.written_files({"weights": path})
    assert Pretrained.written_files({"weights": "IMAGENET1K_V1"}) is None
    assert Pretrained.written_files({}) is None
