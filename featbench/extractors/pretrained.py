"""Features of a network that torchvision or timm brings with its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from featbench.base.placement import Placement
from featbench.errors import FeatbenchError, InputError, must_be
from featbench.extractors.brought import Brought, coloured
from featbench.networks.weights import fingerprint_file
from featbench.numerics.torch_device import torch_for
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["Pretrained"]

_WEIGHT_FILES = (".safetensors", ".pth", ".pt", ".bin")


@dataclass(kw_only=True, eq=False, repr=False)
class Pretrained(Brought):
    """What goes into the classifier of a published network, frozen: torchvision's or timm's.

    Nothing is learned from training images. Needs the extra ``pretrained``, which brings both packages.

    Parameters
    ----------
    model : str, default="torchvision/resnet18"
        The network's name after that of its package: ``torchvision/vit_b_16``, ``timm/convnext_tiny``.
    weights : str or None, default=None
        Which of the weights that the package knows for it, such as ``IMAGENET1K_V1`` (of timm the tag, such as
        ``fb_in1k``), or the path of a file of one's own, ``.safetensors``, ``.pth``, ``.pt`` or ``.bin``. None takes
        the package's first choice.
    batch_size : int, default=64
        Images that the network gets at once.
    device : {"cpu", "cuda"}, default="cpu"
        Where it runs; float32 without TF32.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Of the network without its classifier. An extractor that was saved needs the package and no other file.

    Notes
    -----
    Images are prepared as the package does for these weights: resized, cropped and scaled, so that they may be of any
    size; for a file of one's own as for the package's first choice. Grey ones get three equal channels.

    Weights are taken from the folder where the package keeps what it has loaded before (torch's ``hub/checkpoints``
    under ``TORCH_HOME``, Hugging Face's under ``HF_HOME``), and loaded into it where they are missing and there is a
    network. Files are read as tensors by name; nothing in them is executed.

    Of torchvision's networks the last linear layer is left out; of one without such a layer the features are its
    outputs.

    References
    ----------
    TorchVision, https://docs.pytorch.org/vision/stable/models.html; R. Wightman, PyTorch Image Models,
    doi:10.5281/zenodo.4414861
    """

    model: str = "torchvision/resnet18"
    weights: str | None = None
    batch_size: Annotated[int, Bounds(ge=1)] = 64
    device: Literal["cpu", "cuda"] = "cpu"

    any_size = True
    weights_by_name: ClassVar[tuple[str, ...]] = ("weights_",)
    _learned: ClassVar[tuple[str, ...]] = ("weights_", "of_")
    _deciding: ClassVar[tuple[str, ...]] = ("model", "weights", "device")

    @classmethod
    def written_problems(cls, parameters: Mapping[str, Any], where: Callable[..., str]) -> list[str]:
        """Say that a package or a GPU is missing before any image is read."""
        try:
            torch_for(parameters.get("device", cls.device), where())
            from featbench.networks.published import package_of

            package_of(parameters.get("model", cls.model), where())
        except FeatbenchError as error:
            return [str(error)]
        return []

    @classmethod
    def written_files(cls, parameters: Mapping[str, Any]) -> str | None:
        """Return a hash of the file of weights that parameters name: results are made of it, too."""
        path = _file(parameters.get("weights"))
        if path is None or not path.is_file():
            return (
                None  # the package's own, whose names hold what they are; or what the row will say is missing
            )
        return fingerprint_file(path, cls.__name__)

    def placement(self) -> Placement:
        """Return the device, float32, and how many images the network gets at once."""
        return Placement(self.device, "float32", int(self.batch_size))

    def _n_features(self, shape: tuple[int, ...]) -> int:
        network, _ = self._running()
        length: int = network.features(np.zeros((1, *shape[:2], 3), dtype=np.uint8), 1).shape[1]
        return length

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        network, _ = self._running()
        rows: FeatureMatrix = network.features(coloured(images), int(self.batch_size))
        return rows

    def _feature_names(self) -> AnyArray:
        """Return names such as ``torchvision/resnet18[17]``."""
        return np.asarray([f"{self.model}[{i}]" for i in range(self.n_features_out_)], dtype=object)

    def _open(self) -> tuple[Any, dict[str, Any]]:
        network = self._network(None)
        return network, {"weights_": network.weights(), "of_": [self.model, self.weights]}

    def _reopen(self) -> Any:
        for name, fitted in zip(("model", "weights"), self.of_, strict=True):
            given = getattr(self, name)
            if given != fitted:
                constraint = f"what it was when this was fitted, {fitted!r}"
                raise InputError(must_be(type(self).__name__, name, constraint, given, "Fit again."))
        return self._network(self.weights_)

    def _network(self, learned: Mapping[str, AnyArray] | None) -> Any:
        where = type(self).__name__
        torch_for(self.device, where)
        from featbench.networks.published import PretrainedNetwork

        weights = _file(self.weights) or self.weights
        return PretrainedNetwork(self.model, weights, learned, self.device, where)


def _file(weights: str | None) -> Path | None:
    """Return the path that names weights, or None where a package knows them by name."""
    if weights is None or not weights.endswith(_WEIGHT_FILES):
        return None
    return Path(weights).expanduser()
