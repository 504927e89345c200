"""What is wrong with the keys and values of a document, in the project's sentences."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from featbench.config.document import Document, KeyPath
from featbench.errors import nearest

__all__ = ["parameter_problems", "parameters_of", "shortened", "unknown_key", "validation_problems"]

# What pydantic calls a type, in the words of a YAML file.
_WORDS = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "too_short": "a longer list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "dataclass_type": "a mapping",
}


def parameters_of(cls: type[Any]) -> dict[str, inspect.Parameter]:
    """Return the constructor's parameters by name."""
    skipped = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return {n: p for n, p in inspect.signature(cls).parameters.items() if p.kind not in skipped}


def parameter_problems(
    document: Document,
    path: KeyPath,
    cls: type[Any],
    parameters: Mapping[str, Any],
    beside: Iterable[str] = (),
) -> list[str]:
    """Say what is wrong with the parameters of a plug-in.

    Parameters
    ----------
    document : Document
        For the places.
    path : KeyPath
        Where the parameters stand.
    cls : type
        The plug-in's class.
    parameters : mapping
        As written down.
    beside : iterable of str
        Keys that may stand beside parameters, to be suggested for one that is not known.

    Returns
    -------
    list of str
        Nothing where all is well.
    """
    known = parameters_of(cls)
    unknown = [unknown_key(document, (*path, k), k, {*known, *beside}) for k in parameters if k not in known]
    try:
        # Through JSON, so that a list may stand for a tuple while text never stands for a number.
        TypeAdapter(cls).validate_json(json.dumps(dict(parameters)), strict=True)
    except ValidationError as error:
        return unknown + validation_problems(document, path, error)
    except (PydanticSchemaGenerationError, TypeError):
        pass  # a foreign class without usable annotations: it checks itself when it is fitted
    check = getattr(cls, "written_problems", None)
    return unknown + (check(parameters, lambda *keys: document.where((*path, *keys))) if check else [])


def validation_problems(
    document: Document, path: KeyPath, error: ValidationError, known: Iterable[str] = ()
) -> list[str]:
    """Turn what pydantic found into the project's sentences.

    Parameters
    ----------
    document : Document
        For the places.
    path : KeyPath
        Where the validated mapping stands.
    error : ValidationError
        What pydantic raised.
    known : iterable of str
        The keys that would have been right; unknown ones are passed over where it is empty.

    Returns
    -------
    list of str
    """
    sentences: dict[str, None] = {}
    constraints: dict[KeyPath, dict[str, Any]] = {}
    for detail in error.errors():
        if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            if known:
                sentences[unknown_key(document, (*path, *detail["loc"]), str(detail["loc"][-1]), known)] = (
                    None
                )
            continue
        keys: KeyPath = ()
        for key in detail["loc"]:  # which also names the branches of a union: they are no keys
            keys = (*keys, key) if document.holds((*path, *keys, key)) else keys
        if detail["type"] == "missing":
            sentences[f"{document.where(path)}: {detail['loc'][-1]!r} is missing. Write it."] = None
            continue
        constraint = _WORDS.get(detail["type"]) or detail["msg"].removeprefix("Input should be ")
        constraints.setdefault(keys, {})[constraint] = detail["input"]
    for keys, wanted in constraints.items():
        # A list whose item is wrong is no number either: where it goes wrong deeper, say only that.
        if any(deeper[: len(keys)] == keys for deeper in constraints if len(deeper) > len(keys)):
            continue
        got = shortened(next(iter(wanted.values())))
        sentences[f"{document.where((*path, *keys))}: must be {', or '.join(wanted)}; got {got}."] = None
    return list(sentences)


def unknown_key(document: Document, path: KeyPath, key: str, known: Iterable[str]) -> str:
    """Say that a key is not known, and which was probably meant."""
    suggestion = nearest(key, known)
    hint = f"Did you mean {suggestion!r}? " if suggestion else ""
    return f"{document.where(path)}: unknown key {key!r}. {hint}Known: {', '.join(sorted(known)) or 'none'}."


def shortened(value: Any) -> str:
    """Return a value as an experiment file writes it, cut at 60 characters."""
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= 60 else text[:57] + "..."
