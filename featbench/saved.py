"""Fitted plug-ins in a folder: a JSON file and archives of arrays, never pickle.

::

    DIR/plugin.json             what it is, its parameters, and what it learned, arrays by name
    DIR/arrays.npz              those arrays
    DIR/weights.safetensors     the weights of a network, where there is one

A class is looked up among the registered plug-ins by name, so that a folder from elsewhere decides which of
them is built and with which numbers, and nothing else: no import, no code.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from featbench.archives import pack_tensors, read_arrays, read_tensors, write_arrays
from featbench.errors import FeatbenchError, InputError, MissingExtraError, Shown, StoreError, must_be
from featbench.parameters import check_parameters
from featbench.plugins import TABLES, PluginTable
from featbench.store import write_atomic
from featbench.types import AnyArray

__all__ = [
    "fingerprint_plugin",
    "fitted_bytes",
    "load_plugin",
    "save_plugin",
    "why_not",
]

Plugin = TypeVar("Plugin")

# What is fitted, or part of it, by the package whose tables list it.
_KINDS = {
    **dict.fromkeys(("sampling", "descriptor", "codebook", "encoding", "pooling"), "featbench.words"),
    **{kind: f"featbench.{kind}s" for kind in ("extractor", "map", "classifier")},
}

_ELSEWHERE = "Save into another folder."

_ARRAYS, _WEIGHTS = "arrays.npz", "weights.safetensors"
_TENSOR = "weights/"  # begins the name of an array that lies in the second

_FORMAT = 1
_DEPTH = 20  # plug-ins within plug-ins; a file that nests deeper was not written here


def save_plugin(plugin: Any, folder: Path) -> None:
    """Write a fitted plug-in into a folder.

    Parameters
    ----------
    plugin : estimator
        Its parameters and fitted attributes are plain values, arrays, other registered plug-ins, and
        lists, tuples and dicts of those. A class names in `weights_by_name` those that are a network's weights.
    folder : Path

    Raises
    ------
    InputError
        Something in it is none of these.
    MissingExtraError
        It is a network, and safetensors is not installed.
    StoreError
        The folder cannot be written.
    """
    arrays: dict[str, AnyArray] = {}
    described = _encode(plugin, arrays, type(plugin).__name__, top=True)
    tensors = {key.removeprefix(_TENSOR): arrays.pop(key) for key in list(arrays) if key.startswith(_TENSOR)}
    weights = pack_tensors(tensors, type(plugin).__name__) if tensors else None
    described = {"format": _FORMAT, "weights": weights is not None, **described}
    # The arrays first: without its JSON a folder holds nothing, with it everything.
    description = folder / "plugin.json"
    if folder.exists() and not folder.is_dir():
        raise StoreError(must_be(str(folder), "what is saved into", "a folder", Shown("a file"), _ELSEWHERE))
    try:
        if description.exists():  # otherwise a file of that name is somebody else's
            description.unlink()
            (folder / _WEIGHTS).unlink(missing_ok=True)
        write_arrays(folder / _ARRAYS, arrays)
        if weights is not None:
            write_atomic(folder / _WEIGHTS, weights)
        write_atomic(description, json.dumps(described, indent=1) + "\n")
    except (OSError, StoreError) as error:
        reason = error.__cause__ if isinstance(error.__cause__, OSError) else error
        reason = getattr(reason, "strerror", None) or reason
        raise StoreError(f"{folder}: cannot be written ({reason}). {_ELSEWHERE}") from error


def why_not(plugin: Any) -> str | None:
    """Say why `save_plugin` would refuse a plug-in, or None where it would not."""
    try:
        _encode(plugin, {}, type(plugin).__name__, top=True)
    except InputError as error:
        return str(error)
    return None


def fitted_bytes(plugin: Any) -> int | None:
    """Return the bytes of the arrays that `save_plugin` would write, each counted once; None where it would refuse."""
    arrays: dict[str, AnyArray] = {}
    try:
        _encode(plugin, arrays, type(plugin).__name__, top=True)
    except InputError:
        return None
    return sum({id(array): array.nbytes for array in arrays.values()}.values())


def fingerprint_plugin(plugin: Any) -> str:
    """Return a hash of a plug-in's class, its parameters and what it has learned.

    Raises
    ------
    InputError
        It holds what `save_plugin` refuses.
    """
    arrays: dict[str, AnyArray] = {}
    described = _encode(plugin, arrays, type(plugin).__name__, top=True)
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for array in arrays.values():
        digest.update(f"{array.dtype.str} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def load_plugin(folder: Path, cls: type[Plugin]) -> Plugin:
    """Read a plug-in that `save_plugin` wrote.

    Parameters
    ----------
    folder : Path
    cls : type
        The class it must be of, or a base of it.

    Returns
    -------
    estimator
        As fitted as it was.

    Raises
    ------
    StoreError
        There is none, it is damaged, or it is not a `cls`.
    MissingExtraError
        It is a network, and safetensors is not installed.
    """
    description = folder / "plugin.json"
    try:
        described = json.loads(description.read_text(encoding="utf-8"))
        arrays = read_arrays(folder / _ARRAYS)
        if isinstance(described, dict) and described.get("weights"):
            tensors = read_tensors(folder / _WEIGHTS, cls.__name__)
            arrays |= {f"{_TENSOR}{name}": tensor for name, tensor in tensors.items()}
    except MissingExtraError:
        raise
    except FileNotFoundError as error:
        raise StoreError(f"{folder}: holds nothing that was saved: {error.filename} is missing.") from error
    except Exception as error:  # a damaged archive fails in many ways
        raise StoreError(f"{folder}: cannot be read as a saved plug-in ({error}). Save it again.") from error
    if not isinstance(described, dict) or described.get("format") != _FORMAT:
        got = described.get("format") if isinstance(described, dict) else described
        raise StoreError(must_be(str(description), "format", f"{_FORMAT}, as this version writes it", got))
    try:
        plugin = _decode(described, arrays, cls, _DEPTH)
    except FeatbenchError as error:
        raise StoreError(f"{description}: {error}") from error
    except Exception as error:
        raise StoreError(f"{description}: is damaged ({type(error).__name__}: {error}).") from error
    if not isinstance(plugin, cls):
        raise StoreError(
            must_be(str(description), "the plug-in", f"a {cls.__name__}", Shown(type(plugin).__name__))
        )
    return plugin


def _encode(value: Any, arrays: dict[str, AnyArray], where: str, *, top: bool = False) -> Any:
    """Return a value as JSON can hold it; arrays go into `arrays`.

    Only what is at the top may be of a class that is not registered: `_class` would not find another.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if (
        isinstance(value, np.ndarray)
        and value.dtype == object
        and all(isinstance(v, str) for v in value.flat)
    ):
        value = value.astype(str)  # names of a data frame's columns
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufSU":
        arrays[f"a{len(arrays)}"] = value
        return {"array": f"a{len(arrays) - 1}"}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encode(item, arrays, where) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encode(item, arrays, where) for key, item in value.items()}}
    kind, name = _registered(type(value))
    if not hasattr(value, "get_params") or not name or (kind == "class" and not top):
        remedy = (
            "It could only be pickled, and reading a pickle runs what is in it. A class of your own becomes a "
            "plug-in by an entry point, such as one of the group featbench.extractors."
        )
        constraint = "of plain values, arrays and registered plug-ins"
        raise InputError(must_be(where, "what is saved", constraint, Shown(type(value).__name__), remedy))
    params = value.get_params(deep=False)
    learned = {k: v for k, v in vars(value).items() if k not in params and not k.startswith("_sklearn")}
    return {
        "plugin": [kind, name],
        "params": {k: _encode(v, arrays, f"{where}.{k}") for k, v in params.items()},
        "learned": {
            k: _encode_weights(v, arrays)
            if k in getattr(value, "weights_by_name", ())
            else _encode(v, arrays, f"{where}.{k}")
            for k, v in learned.items()
        },
    }


def _encode_weights(weights: Mapping[str, AnyArray], arrays: dict[str, AnyArray]) -> Any:
    """Return a network's weights as JSON can hold them, by their own names; those of a second network get a number."""
    prefixes = itertools.chain([_TENSOR], (f"{_TENSOR}{i}." for i in itertools.count(2)))
    prefix = next(p for p in prefixes if not any(f"{p}{name}" in arrays for name in weights))
    arrays |= {f"{prefix}{name}": array for name, array in weights.items()}
    return {"dict": {name: {"array": f"{prefix}{name}"} for name in weights}}


def _table(kind: str) -> PluginTable:
    """Return the table of a kind, which its package makes when it is imported."""
    if kind not in TABLES and kind in _KINDS:
        importlib.import_module(_KINDS[kind])
    return TABLES[kind]


def _registered(cls: type[Any]) -> tuple[str, str | None]:
    for kind, table in TABLES.items():
        name = table.name_of(cls)
        if name:
            return kind, name
    return "class", cls.__qualname__ if hasattr(cls, "get_params") else None


def _decode(value: Any, arrays: dict[str, AnyArray], top: type[Any] | None, depth: int) -> Any:
    if not isinstance(value, dict):
        return value
    if depth == 0:
        raise ValueError(f"it is nested more than {_DEPTH} deep")

    def inner(item: Any) -> Any:
        return _decode(item, arrays, None, depth - 1)

    if "array" in value:
        return arrays[value["array"]]
    if "list" in value:
        return [inner(item) for item in value["list"]]
    if "tuple" in value:
        return tuple(inner(item) for item in value["tuple"])
    if "dict" in value:
        return {key: inner(item) for key, item in value["dict"].items()}
    kind, name = value["plugin"]
    cls = _class(kind, name, top)
    plugin = cls(**{key: inner(item) for key, item in value["params"].items()})
    check_parameters(plugin)
    for key, item in value["learned"].items():
        if not key.isidentifier() or hasattr(cls, key):
            raise ValueError(f"it sets {key!r}, which is no fitted attribute of {cls.__name__}")
        setattr(plugin, key, inner(item))
    if hasattr(plugin, "_check_loaded"):
        plugin._check_loaded()
    return plugin


def _class(kind: str, name: str, top: type[Any] | None) -> type[Any]:
    if kind != "class":
        return _table(kind).load(name)
    # An unregistered class can only be the one that the caller has in hand.
    if top is None or top.__qualname__ != name:
        raise ValueError(f"the class {name} is not registered; load it with {name}.load(folder)")
    return top
