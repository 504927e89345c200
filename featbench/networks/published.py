"""Networks of torchvision and timm with the weights that they were published with, and without their classifiers."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from featbench.errors import InputError, MissingExtraError, Shown, must_be, nearest
from featbench.networks.weights import arrays_of, put, read_weights
from featbench.numerics.torch_device import full_precision
from featbench.text import first_line
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["PretrainedNetwork", "package_of"]

_PACKAGES = ("torchvision", "timm")

_DENSE = re.compile(r"^(.*denselayer\d+\.(?:norm|conv))\.([12]\.)")

# A network, and what turns images into what it takes.
_Made = tuple[nn.Module, Callable[[ImageArray], Tensor]]


def package_of(model: str, where: str) -> tuple[Any, str]:
    """Return the package that a network is from, imported, and the network's name there.

    Parameters
    ----------
    model : str
        Such as ``"torchvision/resnet18"``.
    where : str
        Who asks; begins the message.

    Raises
    ------
    MissingExtraError
        The package is not installed.
    InputError
        It is none of the two, or cannot be imported beside the torch that is there.
    """
    package, _, name = model.partition("/")
    if package not in _PACKAGES or not name:
        constraint = "the name of a network after that of its package, torchvision or timm"
        raise InputError(must_be(where, "model", constraint, model, "Write torchvision/resnet18."))
    try:
        return importlib.import_module(package), name
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{where}: {model}", error.name or package, "pretrained") from error
    except Exception as error:  # a build for another torch fails in many ways
        reason = Shown(f"one that cannot be imported ({type(error).__name__}: {first_line(error)})")
        constraint = f"a {package} that goes with torch {torch.__version__}"
        remedy = "Install the builds of both that belong together."
        raise InputError(must_be(where, "the installed package", constraint, reason, remedy)) from error


class PretrainedNetwork:
    """A frozen network with its own preparation of images.

    Parameters
    ----------
    model : str
        As of `package_of`.
    weights : str, Path or None
        A name that the package knows, the path of a file, or None for the package's first choice.
    learned : mapping of str to ndarray, or None
        The weights of a saved extractor, in the place of those.
    device : {"cpu", "cuda"}
    where : str
        Who asks; begins messages.

    Raises
    ------
    MissingExtraError
        The package is not installed.
    InputError, DataError
        There is no such network, no such weights, or they are those of another.
    """

    def __init__(
        self,
        model: str,
        weights: str | Path | None,
        learned: Mapping[str, AnyArray] | None,
        device: str,
        where: str,
    ) -> None:
        package, name = package_of(model, where)
        make = _from_torchvision if package.__name__ == "torchvision" else _from_timm
        network, self._prepare = make(package, name, weights, learned is None, where)
        if learned is not None:
            put(network, learned, where)
        self._network = network.float().eval().requires_grad_(False).to(device)
        self.device, self.where = device, where

    def weights(self) -> dict[str, AnyArray]:
        """Return the weights, and the statistics beside them, by name."""
        return arrays_of(self._network)

    def features(self, images: ImageArray, batch_size: int) -> FeatureMatrix:
        """Return what goes into the network's classifier, float32 ``(n, d)``.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3)
            One or more.
        batch_size : int
            Images on the device at once.

        Raises
        ------
        InputError
            The network fails on them.
        """
        rows = []
        with torch.inference_mode(), full_precision(torch, self.device):
            for first in range(0, len(images), batch_size):
                X = self._prepare(images[first : first + batch_size]).to(self.device)
                try:
                    rows.append(self._network(X).flatten(1).float().cpu().numpy())
                except torch.OutOfMemoryError as error:
                    got, remedy = Shown(f"{len(X)} images"), "Lower batch_size."
                    constraint = f"so few that the memory of {self.device} holds them"
                    raise InputError(must_be(self.where, "a batch", constraint, got, remedy)) from error
                except RuntimeError as error:
                    got = Shown(
                        f"{tuple(X.shape[1:])} when prepared, and it fails on them ({first_line(error)})"
                    )
                    raise InputError(
                        must_be(self.where, "images", "such as the network takes", got)
                    ) from error
        return np.ascontiguousarray(np.concatenate(rows), dtype=np.float32)


def _from_torchvision(package: Any, name: str, weights: str | Path | None, read: bool, where: str) -> _Made:
    models = importlib.import_module("torchvision.models")
    known = models.list_models(module=models)  # not those that find objects, segment or read films
    if name.lower() not in known:
        raise _unknown(where, package, name, known)
    choices = models.get_model_weights(name)
    if isinstance(weights, str) and weights not in choices.__members__:
        known = f"Known: {', '.join(choices.__members__)}; or the path of a file."
        raise InputError(must_be(where, "weights", f"those of {name}", weights, known))
    entry = choices[weights] if isinstance(weights, str) else choices.DEFAULT
    network = models.get_model(name, weights=None, **_built_for(name.lower(), entry))
    if read:
        file = weights if isinstance(weights, Path) else _cached(entry.url, where)
        put(network, _renamed(read_weights(file, where)), where)
    _behead(network)
    transform = entry.transforms()
    return network, lambda images: transform(
        torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    )


def _built_for(name: str, entry: Any) -> dict[str, Any]:
    """Return what torchvision's own functions set besides where they are asked for weights, which is done here."""
    if name.startswith("vit_"):
        return {"image_size": entry.meta["min_size"][0]}
    if name.startswith("maxvit"):
        return {"input_size": entry.meta["min_size"]}
    if name in ("googlenet", "inception_v3"):
        return {"transform_input": True, "init_weights": False}
    return {}


def _renamed(weights: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Return weights by today's names: the published DenseNets have `norm.1` where the network has `norm1`."""
    return {_DENSE.sub(r"\1\2", name): values for name, values in weights.items()}


def _from_timm(package: Any, name: str, weights: str | Path | None, read: bool, where: str) -> _Made:
    bare = name.partition(".")[0]
    if not package.is_model(bare):
        raise _unknown(where, package, name, package.list_models())
    named = f"{bare}.{weights}" if isinstance(weights, str) else name
    own = read and not isinstance(weights, Path)
    try:
        cached = _in_hugging_faces_cache(named) if own else None
        overlay = {"file": cached} if cached else None
        network = package.create_model(named, pretrained=own, num_classes=0, pretrained_cfg_overlay=overlay)
    except Exception as error:  # no network, no file, a tag that is not known: each in another way
        got = Shown(f"none ({type(error).__name__}: {first_line(error)})")
        remedy = (
            "Load them once where there is a network, or name a file of them: weights=FILE.safetensors. "
            "HF_HOME names the folder in which timm looks first."
        )
        raise InputError(must_be(where, "weights", f"those of timm/{named}", got, remedy)) from error
    if read and isinstance(weights, Path):
        put(network, _without_heads(network, read_weights(weights, where)), where)
    data = importlib.import_module("timm.data")
    transform = data.create_transform(**data.resolve_model_data_config(network), is_training=False)

    def prepare(images: ImageArray) -> Tensor:
        from PIL import Image

        return torch.stack([transform(Image.fromarray(image)) for image in images])

    return network, prepare


def _in_hugging_faces_cache(named: str) -> str | None:
    """Return a file of timm's weights that was loaded before: to ask online takes a minute where nobody answers."""
    told = importlib.import_module("timm.models").get_pretrained_cfg(named)
    if told is None or not told.hf_hub_id:
        return None
    hub = importlib.import_module("huggingface_hub")
    files = [told.hf_hub_filename] if told.hf_hub_filename else ["model.safetensors", "pytorch_model.bin"]
    found = [hub.try_to_load_from_cache(told.hf_hub_id, file) for file in files]
    return next((path for path in found if isinstance(path, str)), None)


def _without_heads(network: Any, weights: dict[str, AnyArray]) -> dict[str, AnyArray]:
    """Leave out the weights of classifiers, which a file has and the network was made without."""
    heads = network.pretrained_cfg.get("classifier") or ()
    heads = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
    own = network.state_dict()
    return {key: value for key, value in weights.items() if key in own or not key.startswith(heads)}


def _unknown(where: str, package: Any, name: str, known: list[str]) -> InputError:
    suggestion = nearest(name, known)
    hint = f"Did you mean {suggestion!r}? " if suggestion else ""
    constraint = f"a network of {package.__name__} {package.__version__} that classifies images"
    return InputError(must_be(where, "model", constraint, name, f"{hint}It has {len(known):,}."))


def _cached(url: str, where: str) -> Path:
    """Return where torch keeps a file that was loaded before, and load it where it was not."""
    file = url.rpartition("/")[2]
    path = Path(torch.hub.get_dir()) / "checkpoints" / file
    if path.is_file():
        return path
    prefix = re.search(r"-([a-f0-9]{8,})\.", file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), prefix[1] if prefix else None, progress=False)
    except Exception as error:  # no network, no disk, another content
        got = Shown(f"none, and {url} cannot be loaded ({type(error).__name__}: {first_line(error)})")
        remedy = f"Load it elsewhere and put it at {path}, or name it: weights=FILE."
        raise InputError(must_be(where, "weights", f"a file {file} in torch's cache", got, remedy)) from error
    return path


def _behead(network: nn.Module) -> None:
    """Put the identity in the place of the last linear layer, a classifier; a network without one stays whole."""
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if linear:
        parent, _, last = linear[-1].rpartition(".")
        setattr(network.get_submodule(parent), last, nn.Identity())
