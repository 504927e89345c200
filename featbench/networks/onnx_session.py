"""A network that ONNX Runtime runs: what its input is, and rows of numbers out of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from featbench.errors import InputError, MissingExtraError, Shown, must_be
from featbench.images import chunks
from featbench.networks.resizing import resized
from featbench.numerics.threads import n_threads
from featbench.text import first_line
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["OnnxSession", "onnxruntime_for"]

# What ONNX Runtime calls a type, and what pixels become for it.
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}

_PROVIDERS: dict[str, list[Any]] = {
    "cpu": ["CPUExecutionProvider"],
    # TF32 rounds factors to 11 bits: features would not be those of the processor.
    "cuda": [("CUDAExecutionProvider", {"use_tf32": 0}), "CPUExecutionProvider"],
}


def onnxruntime_for(device: str, where: str) -> Any:
    """Return onnxruntime if it can compute on a device.

    Parameters
    ----------
    device : {"cpu", "cuda"}
    where : str
        Who asks; begins the message.

    Raises
    ------
    MissingExtraError
        onnxruntime is not installed.
    InputError
        It has no CUDA provider.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(where, "onnxruntime", "onnx") from error
    if device == "cuda" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        constraint = (
            f"one that ONNX Runtime can use, and onnxruntime {onnxruntime.__version__} has no CUDA provider"
        )
        remedy = 'Use device="cpu", or install onnxruntime-gpu in the place of onnxruntime.'
        raise InputError(must_be(where, "device", constraint, device, remedy))
    return onnxruntime


@dataclass(frozen=True)
class _Input:
    """What a network is fed with; None is what it leaves open."""

    name: str
    dtype: Any
    batch: int | None
    height: int | None
    width: int | None
    channels: int
    channels_first: bool


class OnnxSession:
    """A checked network on a device.

    Parameters
    ----------
    network : bytes
        From `featbench.networks.onnx_file.read_network`.
    settings : mapping
        ``size``, ``channels``, ``mean``, ``std``, ``scale``, as of `featbench.extractors.ONNX`, without None but for
        ``size``.
    device : {"cpu", "cuda"}
    where : str
        Who asks; begins messages.

    Raises
    ------
    MissingExtraError
        onnxruntime is not installed.
    InputError
        ONNX Runtime cannot run it here, its input is no batch of images, or the settings do not fit it.
    """

    def __init__(self, network: bytes, settings: Mapping[str, Any], device: str, where: str) -> None:
        runtime = onnxruntime_for(device, where)
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # what is wrong is raised, not printed
        options.intra_op_num_threads = n_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting would take a core
        try:
            self._session = runtime.InferenceSession(network, options, providers=_PROVIDERS[device])
        except Exception as error:  # of many classes of its own
            got = Shown(f"one that it refuses ({first_line(error)})")
            constraint = f"a network that ONNX Runtime {runtime.__version__} can run"
            raise InputError(must_be(where, "model", constraint, got)) from error
        if device == "cuda" and self._session.get_providers()[0] != "CUDAExecutionProvider":
            got = Shown("one without the libraries that the CUDA provider needs")
            raise InputError(must_be(where, "device", "a GPU that ONNX Runtime finds", got))
        self.where, self.device = where, device
        self.input = _read_input(self._session.get_inputs(), where)
        self.size = _side(self.input, settings["size"], where)
        self._swap = settings["channels"] == "bgr" and self.input.channels == 3
        self._scale = np.float32(settings["scale"])
        self._mean, self._std = (
            _per_channel(settings[name], name, self.input.channels, where) for name in ("mean", "std")
        )
        self._lengths: dict[tuple[Any, ...], int] = {}

    def length(self, shape: tuple[int, ...], pooled: bool) -> int:
        """Return how many numbers an image of `shape`, (h, w, c), becomes.

        Raises
        ------
        InputError
            The network cannot take images of that shape, such as one smaller than its field.
        """
        key = (shape[2:] if self.size else shape, pooled)
        if key not in self._lengths:
            blank = np.zeros((2, *shape), dtype=np.uint8)
            self._lengths[key] = self.features(blank, pooled, 2).shape[1]
        return self._lengths[key]

    def features(self, images: ImageArray, pooled: bool, batch_size: int) -> FeatureMatrix:
        """Return the tensor of each image as a row, float32 ``(n, d)``.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, c)
            One or more, with as many channels as the network takes.
        pooled : bool
            Whether a tensor with places is averaged over them.
        batch_size : int
            Images that the network gets at once, where it does not fix that itself.

        Raises
        ------
        InputError
            The network fails on them, or does not give one tensor an image.
        """
        fixed = self.input.batch
        blocks = [self._block(block, pooled) for block in chunks(images, fixed or batch_size)]
        return np.concatenate(blocks)

    def _block(self, images: ImageArray, pooled: bool) -> FeatureMatrix:
        n = len(images)
        if self.input.batch and n < self.input.batch:
            images = np.concatenate([images, np.zeros((self.input.batch - n, *images.shape[1:]), np.uint8)])
        X = self._prepared(images)
        try:
            (tensor,) = self._session.run(None, {self.input.name: X})
        except Exception as error:
            got = Shown(f"{X.shape[1:]}, on which it fails ({first_line(error)})")
            remedy = "They may be smaller than what it looks at: set `size` to what it was trained with."
            raise InputError(
                must_be(self.where, "images", "of a shape that the network takes", got, remedy)
            ) from error
        rows = _rows(tensor, len(X), pooled, self.input.channels_first, self.where)
        return np.ascontiguousarray(rows[:n], dtype=np.float32)

    def _prepared(self, images: ImageArray) -> AnyArray:
        """Return pixels as the network wants them: resized, in its colours, scaled, and in its order of axes."""
        if self.size:
            images = resized(images, *self.size)
        pixels = images[..., ::-1] if self._swap else images
        X = (pixels.astype(np.float32) * self._scale - self._mean) / self._std
        if self.input.channels_first:
            X = X.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(X, dtype=self.input.dtype)


def _read_input(inputs: list[Any], where: str) -> _Input:
    listing = "; ".join(f"{told.name!r} {told.type} {told.shape}" for told in inputs)
    constraint = (
        "one batch of images, (n, c, h, w) or (n, h, w, c) with c = 3 or 1, of floating-point numbers"
    )
    refused = InputError(must_be(where, "the network's input", constraint, Shown(listing or "none")))
    if len(inputs) != 1 or inputs[0].type not in _TYPES or len(inputs[0].shape) != 4:
        raise refused
    n, *rest = (axis if isinstance(axis, int) and axis > 0 else None for axis in inputs[0].shape)
    first, last = rest[0] in (1, 3), rest[2] in (1, 3)
    if first == last:  # neither, or both: an image of three columns
        raise refused
    channels, height, width = rest if first else (rest[2], rest[0], rest[1])
    assert channels is not None
    return _Input(inputs[0].name, _TYPES[inputs[0].type], n, height, width, channels, first)


def _side(told: _Input, size: int | None, where: str) -> tuple[int, int] | None:
    """Return height and width that images are resized to; None leaves them as they are."""
    wanted = (size, size) if size else (told.height, told.width)
    fixed = (told.height, told.width)
    if any(have not in (None, want) for have, want in zip(fixed, wanted, strict=True)):
        shown = " × ".join("any" if side is None else str(side) for side in fixed)
        constraint = f"that of the network's input {told.name!r}, {shown}"
        raise InputError(must_be(where, "size", constraint, size, "Leave it out."))
    if None in wanted:
        if wanted != (None, None):
            got = Shown("none")
            raise InputError(must_be(where, "size", f"given, since the input fixes one side, {fixed}", got))
        return None
    return wanted  # type: ignore[return-value]


def _per_channel(values: list[float], name: str, channels: int, where: str) -> AnyArray:
    if len(values) not in (1, channels):
        constraint = f"one number, or {channels}, one for each channel of the network's input"
        raise InputError(must_be(where, name, constraint, values))
    return np.asarray(values, dtype=np.float32)


def _rows(tensor: AnyArray, n: int, pooled: bool, channels_first: bool, where: str) -> AnyArray:
    """Return a tensor as one row an image: averaged over places, or as it lies in memory."""
    if not isinstance(tensor, np.ndarray) or tensor.dtype.kind not in "fiub" or not tensor.ndim:
        got = Shown(getattr(tensor, "dtype", type(tensor).__name__))
        raise InputError(must_be(where, "output", "a tensor of numbers", got))
    if len(tensor) != n or not tensor.size:
        constraint = f"one tensor for each of {n} images, none of them empty"
        raise InputError(must_be(where, "output", constraint, Shown(f"the shape {tensor.shape}")))
    if pooled and tensor.ndim > 2:
        tensor = tensor.astype(np.float32, copy=False)
        # Of three axes the second are the tokens of a transformer; of more, places follow channels or precede them.
        if tensor.ndim > 3 and channels_first:
            tensor = tensor.reshape(n, tensor.shape[1], -1).transpose(0, 2, 1)
        mean: AnyArray = tensor.reshape(n, -1, tensor.shape[-1]).mean(axis=1)
        return mean
    flat: AnyArray = tensor.reshape(n, -1)
    return flat
