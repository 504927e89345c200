"""The settings of a network in a file beside it: ``model.onnx.yaml`` or ``model.onnx.json``, read as plain data."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from featbench.errors import InputError, MissingExtraError, Shown, must_be, nearest

__all__ = ["read_sidecar", "sidecar_of"]

_ENDINGS = (".yaml", ".json")
_MOST_BYTES = 64_000


def sidecar_of(model: Path, where: str) -> Path | None:
    """Return the file of settings beside a network, or None where there is none.

    Raises
    ------
    InputError
        There are two.
    """
    found = [path for ending in _ENDINGS if (path := model.with_name(model.name + ending)).is_file()]
    if len(found) > 1:
        got = Shown(f"{found[0].name} and {found[1].name}")
        raise InputError(must_be(where, "settings beside the model", "in one file", got, "Remove one."))
    return found[0] if found else None


def read_sidecar(model: Path, known: Collection[str], where: str) -> dict[str, Any]:
    """Read the settings beside a network.

    Parameters
    ----------
    model : Path
        The network's file.
    known : collection of str
        The keys that there may be.
    where : str
        Who asks; begins the message.

    Returns
    -------
    dict
        Numbers, texts and lists of them by key; empty where there is no such file. What they mean is not checked.

    Raises
    ------
    InputError
        The file cannot be read, is no mapping, has a key that is not known or a value that is nested.
    MissingExtraError
        It is YAML, and ruamel.yaml is not installed.
    """
    path = sidecar_of(model, where)
    if path is None:
        return {}
    told = _parsed(path, where)
    if not isinstance(told, dict):
        got = Shown(type(told).__name__)
        raise InputError(must_be(where, str(path), "a mapping such as 'size: 224'", got))
    for key, value in told.items():
        if key not in known:
            suggestion = nearest(str(key), known)
            hint = f"Did you mean {suggestion!r}? " if suggestion else ""
            listing = f"{hint}Known: {', '.join(known)}."
            raise InputError(must_be(where, f"a key of {path}", "a setting", Shown(str(key)[:60]), listing))
        if not _is_flat(value):  # before anything prints it: with aliases it can be endless
            got = Shown(type(value).__name__)
            raise InputError(must_be(where, f"{key} in {path}", "a number, text or a list of them", got))
    return told


def _parsed(path: Path, where: str) -> Any:
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(must_be(where, str(path), f"at most {_MOST_BYTES:,} bytes", Shown("more")))
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return json.loads(text)
        try:
            from ruamel.yaml import YAML
        except ImportError as error:
            raise MissingExtraError(where, "ruamel.yaml", "onnx") from error
        return YAML(typ="safe", pure=True).load(text)  # which knows plain data alone
    except MissingExtraError:
        raise
    except Exception as error:  # parsers fail in many ways
        reason = Shown(f"one that is not ({type(error).__name__}: {' '.join(str(error).split())[:100]})")
        raise InputError(must_be(where, str(path), f"readable as {path.suffix[1:]}", reason)) from error


def _is_flat(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return len(items) <= 16 and all(isinstance(item, (str, int, float, bool)) for item in items)
