"""``--set a.b=value``: the command line beats the file, the file beats the default."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from featbench.config.document import Document, KeyPath, parse_value
from featbench.config.experiment import PLURALS
from featbench.errors import ConfigError, Shown, must_be

__all__ = ["apply_overrides"]

_SINGULARS = {plural: kind for kind, plural in PLURALS.items()}


def apply_overrides(document: Document, overrides: Sequence[str]) -> Document:
    """Return the document with each ``path=value`` put in.

    Parameters
    ----------
    document : Document
        As parsed.
    overrides : sequence of str
        Such as ``"classifier.reg=1e-3"`` or ``"extractors.0.cell=4"``; the value is YAML.

    Returns
    -------
    Document

    Raises
    ------
    ConfigError
        Not of the form ``path=value``, or the path leads through something that is no mapping.
    """
    data = copy.deepcopy(document.data)
    marks = dict(document.overrides)
    for override in overrides:
        key, equals, text = override.partition("=")
        path = tuple(int(k) if k.isdigit() else k for k in key.strip().split("."))
        if not equals or "" in path or not isinstance(path[0], str):
            wanted = "of the form path=value, such as classifier.reg=1e-3"
            raise ConfigError(must_be("--set", "an override", wanted, override))
        value = parse_value(text, f"--set {override}")
        if len(path) == 1:  # naming one replaces naming several, and the other way round
            data.pop(PLURALS.get(path[0], _SINGULARS.get(path[0], "")), None)
        _put(data, path, value, override)
        marks[path] = override
    return Document(document.name, data, document.lines, marks)


def _put(data: Any, path: KeyPath, value: Any, override: str) -> None:
    for depth, key in enumerate(path[:-1]):
        kind = "mapping" if isinstance(path[depth + 1], str) else "list"
        child = data.get(key) if isinstance(data, dict) else _item(data, key)
        if isinstance(child, str) and kind == "mapping":
            child = {"name": child}  # `extractor: hog` is short for `extractor: {name: hog}`
        elif child is None and kind == "mapping" and isinstance(data, dict):
            child = {}
        if not isinstance(child, dict if kind == "mapping" else list):
            raise ConfigError(must_be(f"--set {override}", f"{key!r}", f"a {kind} in the file", child))
        data[key] = child
        data = child
    if isinstance(data, list):
        _item(data, path[-1])
    data[path[-1]] = value


def _item(items: list[Any], index: str | int) -> Any:
    if not isinstance(index, int) or index >= len(items):
        constraint = f"a number from 0 to {len(items) - 1}"
        raise ConfigError(must_be("--set", "an index into the list", constraint, Shown(index)))
    return items[index]
