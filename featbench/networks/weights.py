"""A network's weights as arrays, in a file, and back; nothing that is read is executed."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from featbench.archives import pack_tensors
from featbench.errors import DataError, InputError, MissingExtraError, Shown, must_be, nearest
from featbench.store import write_atomic
from featbench.text import first_line
from featbench.types import AnyArray

__all__ = ["arrays_of", "fingerprint_file", "put", "read_weights", "write_weights"]

_FORMATS = "a .safetensors file, or a state dict that torch saved (.pt, .pth)"
_COUNT = "num_batches_tracked"
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
_FOREIGN = (
    "it holds something else than named tensors, none of which is executed. Save network.state_dict() alone."
)


def arrays_of(network: Any) -> dict[str, AnyArray]:
    """Return a network's weights and batch-norm statistics as arrays by name, copies on the host."""
    return {name: np.array(t.detach().cpu().numpy(), order="C") for name, t in network.state_dict().items()}


def put(network: Any, weights: Mapping[str, AnyArray], where: str) -> None:
    """Write weights into a network.

    Counts of batches (``num_batches_tracked``) may be missing, as they are in most of what torchvision has published:
    older versions of torch kept none, and nothing here reads them.

    Raises
    ------
    InputError
        They are those of another architecture, or no finite numbers; the message names the first that is.
    """
    import torch

    own = network.state_dict()
    differs = [f"{name} is missing" for name in own if name not in weights and not name.endswith(_COUNT)]
    differs += [f"{name} is not in the network" for name in weights if name not in own]
    differs += [
        f"{name} has shape {tuple(weights[name].shape)}, not {tuple(own[name].shape)}"
        for name in own
        if name in weights and tuple(weights[name].shape) != tuple(own[name].shape)
    ]
    if differs:
        more = f", and {len(differs) - 1} more" if len(differs) > 1 else ""
        remedy = "Give the architecture, channels and number of classes that they were learned with."
        raise InputError(
            must_be(where, "weights", "those of this architecture", Shown(differs[0] + more), remedy)
        )
    broken = [name for name, values in weights.items() if not np.isfinite(values).all()]
    if broken:
        got = Shown(f"NaN or infinity in {', '.join(broken[:3])}")
        raise InputError(must_be(where, "weights", "finite numbers", got, "Take those of another training."))
    # Not `load_state_dict`: some modules ask there for what torch's own files tell beside the weights.
    with torch.no_grad():
        for name, values in weights.items():
            own[name].copy_(torch.tensor(np.asarray(values)))


def read_weights(path: str | Path, where: str) -> dict[str, AnyArray]:
    """Read a file of weights.

    Parameters
    ----------
    path : path
        ``.safetensors``, or what ``torch.save(network.state_dict(), path)`` wrote; ``~`` is the user's home.
    where : str
        Who asks, for messages.

    Raises
    ------
    MissingExtraError
        safetensors is not installed.
    DataError
        No such file, or it holds something else than named tensors.
    """
    path = _found(path, where)
    try:
        if path.suffix == ".safetensors":
            tensors = _safetensors(where).load_file(path)
        else:
            import torch

            tensors = torch.load(path, map_location="cpu", weights_only=True)
        return {str(name): np.array(t.detach().float().numpy()) if t.is_floating_point() else np.array(t.numpy())
                for name, t in tensors.items()}  # fmt: skip
    except MissingExtraError:
        raise
    except Exception as error:
        # torch's own message tells how to have the file executed after all.
        foreign = isinstance(error, (pickle.UnpicklingError, AttributeError))
        reason = _FOREIGN if foreign else first_line(error)
        raise DataError(
            must_be(where, "weights", _FORMATS, str(path), f"It cannot be read as one: {reason}")
        ) from error


def write_weights(path: str | Path, weights: Mapping[str, AnyArray], where: str) -> None:
    """Write weights as safetensors.

    Raises
    ------
    MissingExtraError
        safetensors is not installed.
    StoreError
        The file cannot be written.
    """
    write_atomic(Path(path), pack_tensors(weights, where))


def _found(path: str | Path, where: str) -> Path:
    """Return where a file of weights lies, or say where it was looked for and what to do."""
    try:
        place = Path(path).expanduser().absolute()
        if place.is_file():
            return place
        beside = (
            [p.name for p in place.parent.iterdir() if p.suffix in _SUFFIXES] if place.parent.is_dir() else []
        )
    except (OSError, RuntimeError, ValueError) as error:  # too long, somebody's home, a null character
        raise DataError(must_be(where, "weights", _FORMATS, str(path), f"No such path: {error}.")) from error
    if place.is_dir():
        told = f"{place} is a folder: name the file in it; that of a saved extractor is weights.safetensors."
    else:
        other = nearest(place.name, beside)
        hint = f" Did you mean {other!r}, which is there?" if other else ""
        told = (
            f"There is no file {place}.{hint} A relative path starts at the working folder. Such a file is written by "
            "save_weights of a fitted cnn, or by torch.save(network.state_dict(), path)."
        )
    raise DataError(must_be(where, "weights", _FORMATS, str(path), told))


def fingerprint_file(path: str | Path, where: str) -> str:
    """Return a hash of a file.

    Raises
    ------
    DataError
        It cannot be read.
    """
    path = _found(path, where)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(must_be(where, "weights", _FORMATS, str(path), f"{error.strerror}.")) from error


def _safetensors(where: str) -> Any:
    try:
        import safetensors.torch
    except ImportError as error:
        raise MissingExtraError(f"{where}: weights", "safetensors", "cnn") from error
    return safetensors.torch
