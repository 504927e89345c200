"""What tables call a bag of visual words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["label"]


def label(parameters: Mapping[str, Any]) -> str:
    """Return the recipe and what differs from it: ``bovw coates_ng(codebook.words=4000, encoding=hard)``.

    Parameters
    ----------
    parameters : mapping
        Those of `BagOfVisualWords` that were written down.
    """
    told = []
    for key, value in parameters.items():
        if key == "recipe" or value is None:
            continue
        if isinstance(value, Mapping) and "name" not in value:
            told += [f"{key}.{inner}={_short(given)}" for inner, given in value.items()]
        else:
            told.append(f"{key}={_short(value)}")
    name = f"bovw {parameters['recipe']}" if parameters.get("recipe") else "bovw"
    return f"{name}({', '.join(told)})" if told else name


def _short(value: Any) -> str:
    """Return a name with its parameters, a list of such, or a plain value."""
    if isinstance(value, Mapping) and "name" in value:
        given = ", ".join(f"{key}={_short(item)}" for key, item in value.items() if key != "name")
        return f"{value['name']}({given})" if given else str(value["name"])
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_short, value))}]"
    return str(value)
