"""Features of a network in an ONNX file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from featbench.base.placement import Placement
from featbench.errors import FeatbenchError, InputError, must_be
from featbench.extractors.brought import Brought, coloured
from featbench.extractors.raw import to_grey
from featbench.networks.onnx_file import check_network, files_of, read_network
from featbench.networks.onnx_session import OnnxSession, onnxruntime_for
from featbench.networks.sidecar import read_sidecar, sidecar_of
from featbench.parameters import Bounds, check_parameters
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["ONNX"]

# What holds where neither a parameter nor the file beside the model says otherwise.
_DEFAULTS: dict[str, Any] = {
    "output": None, "size": None, "channels": "rgb", "mean": [0.0], "std": [1.0], "scale": 1.0,
}  # fmt: skip


@dataclass(kw_only=True, eq=False, repr=False)
class ONNX(Brought):
    """A tensor of a network that somebody else has trained, from an ONNX file.

    Nothing is learned from training images. Needs the extra ``onnx``.

    Parameters
    ----------
    model : str
        Path of the ``.onnx`` file; a relative one starts at the working folder, or beside the experiment file.
    output : str or None, default=None
        The tensor: an output of the network or any inner one, by name. None takes the only output.
    size : int or None, default=None
        Side in pixels that images are resized to, whatever their proportions. None takes what the network's input
        fixes; where that leaves it open, images stay as they are.
    channels : {"rgb", "bgr"} or None, default=None
        In which order the network takes colours; None is ``"rgb"``. Grey images become colours for a network of
        three channels, and colours become grey for one of a single channel.
    mean : list of float or None, default=None
        What is subtracted from each channel, in the order of `channels`; one number for all or one each. None is 0.
    std : list of float or None, default=None
        What the difference is divided by, as `mean`. None is 1.
    scale : float or None, default=None
        What pixels, 0 to 255, are multiplied by before all that; None is 1. 1/255, or 0.00392156862745098, makes
        them 0 to 1.
    pooled : bool, default=True
        Whether a tensor with places is averaged over them; otherwise all its numbers are features.
    batch_size : int, default=64
        Images that the network gets at once, unless its input fixes that.
    device : {"cpu", "cuda"}, default="cpu"
        Where it runs; ``"cuda"`` needs onnxruntime-gpu. Float32 without TF32.

    Attributes
    ----------
    network_ : ndarray of uint8, (n_bytes,)
        The checked network with all its weights, cut down to what the tensor is made of. An extractor that was saved
        needs neither the file nor what lies beside it.
    settings_ : dict
        `output` to `scale` as they hold, with what was found beside the model.

    Notes
    -----
    `output`, `size`, `channels`, `mean`, `std` and `scale` may stand in a file beside the model, ``model.onnx.yaml`` or
    ``model.onnx.json``; a parameter that is given here beats it. A pixel becomes (pixel · scale − mean) / std.

    The input may be (n, c, h, w) or (n, h, w, c), with any or a fixed n; which it is is read from its shape. Tensors
    with places are taken to have their axes in the same order; of three axes, the second are a transformer's tokens.
    Resizing takes the mean over the area of a new pixel; where images grow, Pillow's bilinear filter.

    A file from a stranger cannot read others: weights are read from beside the model alone, by relative paths without
    ``..``, before ONNX Runtime sees them, and operators that ONNX Runtime does not bring are refused.

    An image's features may differ in their last bits with the number of images beside it.

    References
    ----------
    ONNX, https://onnx.ai/onnx/intro/concepts.html; ONNX Runtime, https://onnxruntime.ai
    """

    model: str
    output: str | None = None
    size: Annotated[int, Bounds(ge=1, le=8192)] | None = None
    channels: Literal["rgb", "bgr"] | None = None
    mean: list[Annotated[float, Bounds(ge=-1e6, le=1e6)]] | None = None
    std: list[Annotated[float, Bounds(gt=0, le=1e6)]] | None = None
    scale: Annotated[float, Bounds(gt=0, le=1e6)] | None = None
    pooled: bool = True
    batch_size: Annotated[int, Bounds(ge=1)] = 64
    device: Literal["cpu", "cuda"] = "cpu"

    _learned: ClassVar[tuple[str, ...]] = ("network_", "settings_")
    _deciding: ClassVar[tuple[str, ...]] = ("model", *_DEFAULTS, "device")

    @classmethod
    def written_problems(cls, parameters: Mapping[str, Any], where: Callable[..., str]) -> list[str]:
        """Say that ONNX Runtime is missing, or has no GPU, before any image is read."""
        try:
            onnxruntime_for(parameters.get("device", "cpu"), where())
        except FeatbenchError as error:
            return [str(error)]
        return []

    @classmethod
    def written_beside(cls, parameters: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Return parameters in which a model that lies beside the experiment file, and not here, is named so."""
        model = parameters.get("model")
        if isinstance(model, str) and not Path(model).is_file() and (folder / model).is_file():
            return {**parameters, "model": str(folder / model)}
        return dict(parameters)

    @classmethod
    def written_label(cls, parameters: Mapping[str, Any]) -> str:
        """Return what tables call it: the file's name and what is said of it."""
        told = {
            key: value for key, value in parameters.items() if key not in ("model", "batch_size", "device")
        }
        listed = [f"{key}={value}" for key, value in told.items()]
        return f"onnx({', '.join([Path(parameters['model']).name, *listed])})"

    @classmethod
    def written_files(cls, parameters: Mapping[str, Any]) -> str:
        """Return a hash of the network, its weights and what lies beside it: results are made of those, too."""
        path = _file(parameters["model"], cls.__name__)
        sidecar = sidecar_of(path, cls.__name__)
        told = files_of(path, cls.__name__).encode() + (sidecar.read_bytes() if sidecar else b"")
        return hashlib.sha256(told).hexdigest()

    @property
    def any_size(self) -> bool:  # type: ignore[override]
        """Whether images may differ in size: where all are resized to `size`, given here or beside the model."""
        try:
            settings = getattr(self, "settings_", None) or self._settings()
        except FeatbenchError:
            return False  # what is wrong is told by `fit`
        return settings["size"] is not None

    def placement(self) -> Placement:
        """Return the device, float32, and how many images the network gets at once."""
        fixed = self._running()[0].input.batch if hasattr(self, "network_") else None
        return Placement(self.device, "float32", int(fixed or self.batch_size))

    def _n_features(self, shape: tuple[int, ...]) -> int:
        session, _ = self._running()
        length: int = session.length((*shape[:2], session.input.channels), self.pooled)
        return length

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        session, _ = self._running()
        if session.input.channels == 1:
            images = (to_grey(images) if images.ndim == 4 else images)[..., None]
        rows: FeatureMatrix = session.features(coloured(images), self.pooled, int(self.batch_size))
        return rows

    def _feature_names(self) -> AnyArray:
        """Return names such as ``features[17]``."""
        name = self.settings_["output"]
        return np.asarray([f"{name}[{i}]" for i in range(self.n_features_out_)], dtype=object)

    def _open(self) -> tuple[OnnxSession, dict[str, Any]]:
        settings, where = self._settings(), type(self).__name__
        network, settings["output"] = read_network(self._path(), settings["output"], where)
        session = OnnxSession(network, settings, self.device, where)
        return session, {"network_": np.frombuffer(network, dtype=np.uint8), "settings_": settings}

    def _reopen(self) -> OnnxSession:
        where = type(self).__name__
        for key, fitted in self.settings_.items():
            given = getattr(self, key)
            if given is not None and not np.array_equal(given, fitted):
                constraint = f"what it was when this was fitted, {fitted!r}"
                raise InputError(must_be(where, key, constraint, given, "Fit again."))
        network = self.network_.tobytes()
        check_network(network, where)
        return OnnxSession(network, self.settings_, self.device, where)

    def _path(self) -> Path:
        return _file(self.model, type(self).__name__)

    def _settings(self) -> dict[str, Any]:
        """Return what holds: what is given here, otherwise beside the model, otherwise by default."""
        path, where = self._path(), type(self).__name__
        beside = read_sidecar(path, tuple(_DEFAULTS), where)
        try:
            check_parameters(type(self)(model=self.model, **beside))
        except InputError as error:
            raise InputError(f"{sidecar_of(path, where)}: {error}") from error
        given = {key: getattr(self, key) for key in _DEFAULTS}
        settings: dict[str, Any] = {"model": self.model, **_DEFAULTS}
        for told in (beside, given):
            settings.update({key: value for key, value in told.items() if value is not None})
        for key in ("mean", "std"):
            settings[key] = [float(value) for value in settings[key]]
        return settings


def _file(model: str, where: str) -> Path:
    """Return the path that is meant, whether or not there is a file.

    Raises
    ------
    InputError
        It can be none.
    """
    try:
        path = Path(model).expanduser()
        path.is_file()
        if not path.name:
            raise ValueError("it names no file")
    except (OSError, RuntimeError, ValueError) as error:  # too long, somebody's home
        remedy = f"No such path: {error}."
        raise InputError(must_be(where, "model", "the path of an .onnx file", model, remedy)) from error
    return path
