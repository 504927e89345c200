"""The JSON Schema of an experiment, for editors: completion, types, meanings."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError

from featbench.config.components import AUGMENTS, TABLES, WRITTEN
from featbench.config.executor import executor_schema
from featbench.config.experiment import PLURALS, settings_schema
from featbench.config.rows import VOTES
from featbench.config.rules import KEYS
from featbench.config.sections import Folds, Holdout
from featbench.config.strategies import STRATEGIES
from featbench.docstrings import read_docstring
from featbench.errors import FeatbenchError
from featbench.preprocessing import PREPROCESSORS
from featbench.references import references

__all__ = ["experiment_schema"]


def experiment_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an experiment file.

    Returns
    -------
    dict
        With every registered plug-in that can be imported, its parameters, types, bounds and meanings.
    """
    definitions: dict[str, Any] = {}
    for kind in TABLES:
        definitions[kind] = _kind(kind, definitions)
    definitions["preprocess"] = {"enum": list(PREPROCESSORS)}
    definitions["space"] = _space()
    properties: dict[str, Any] = settings_schema()
    for kind, plural in PLURALS.items():
        reference = {"$ref": f"#/$defs/{kind}"}
        properties[kind] = reference
        properties[plural] = {"type": "array", "items": reference, "minItems": 1}
    properties["search"] = {"$ref": "#/$defs/space"}
    definitions["strategy"] = _strategy()
    properties["selection"] = {"anyOf": [_selection(Folds), _selection(Holdout), {"const": "none"}]}
    properties["exclude"] = {"type": "array", "items": _exclusion(), "minItems": 1}
    properties["ensembles"] = {"type": "array", "items": _ensemble(), "minItems": 1}
    properties["executor"] = executor_schema()
    properties["reproduces"] = _claims()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "featbench experiment",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "allOf": [
            {"oneOf": [{"required": [kind]}, {"required": [PLURALS[kind]]}]}
            for kind in ("dataset", "extractor", "classifier")
        ],
        "$defs": definitions,
    }


def _kind(kind: str, definitions: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in TABLES[kind].rows() if name not in WRITTEN]
    options: list[dict[str, Any]] = [{"enum": names}]
    for name in names:
        try:
            cls = TABLES[kind].load(name)
            schema = TypeAdapter(cls).json_schema(ref_template="#/$defs/{model}")
        except (FeatbenchError, PydanticSchemaGenerationError):
            continue  # `featbench list --check` tells what is wrong with it
        definitions.update(schema.pop("$defs", {}))
        options.append(_named(name, kind, cls, schema))
    if kind == "extractor":
        part = {"type": "array", "items": {"$ref": "#/$defs/extractor"}, "minItems": 2}
        joined = {"concat": part, **_beside_extractor()}
        options.append({"type": "object", "properties": joined, "required": ["concat"]})
    return {"anyOf": options}


def _named(name: str, kind: str, cls: type[Any], schema: dict[str, Any]) -> dict[str, Any]:
    documentation = read_docstring(cls)
    properties = schema.get("properties", {})
    for parameter, described in properties.items():
        if documentation.parameters.get(parameter):
            described["description"] = documentation.parameters[parameter]
    for parameter, told in getattr(cls, "written_schema", dict)().items():
        properties[parameter].update(told)
    properties = {"name": {"const": name}, **properties}
    if kind == "extractor":
        properties.update(_beside_extractor())
    if kind == "classifier":
        properties["search"] = {"$ref": "#/$defs/space"}
    return {
        "type": "object",
        "title": name,
        "description": documentation.summary,
        "properties": properties,
        "required": ["name", *schema.get("required", [])],
        "additionalProperties": False,
    }


def _beside_extractor() -> dict[str, Any]:
    maps = {"type": "array", "items": {"$ref": "#/$defs/map"}, "minItems": 1}
    return {"maps": maps, "augment": {"enum": list(AUGMENTS)}}


def _claims() -> dict[str, Any]:
    rows = {**_exclusion(), "description": "The rows that match all of these; * stands for anything."}
    return {
        "description": "Published figures that rows are to reproduce.",
        "anyOf": [
            {"enum": list(references())},
            {
                "type": "object",
                "properties": dict.fromkeys(references(), rows),
                "minProperties": 1,
                "additionalProperties": False,
            },
        ],
    }


def _exclusion() -> dict[str, Any]:
    pattern = {"type": ["string", "integer"]}
    patterns = {"anyOf": [pattern, {"type": "array", "items": pattern, "minItems": 1}]}
    return {
        "type": "object",
        "description": "Rows that match all of these are left out; * stands for anything.",
        "properties": dict.fromkeys(KEYS, patterns),
        "minProperties": 1,
        "additionalProperties": False,
    }


def _ensemble() -> dict[str, Any]:
    cells = {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True}
    return {
        "type": "object",
        "description": "Rows whose votes are averaged: those that are named, or the best by validation.",
        "properties": {
            "cells": cells,
            "best": {"type": "integer", "minimum": 2},
            "vote": {"enum": list(VOTES)},
        },
        "oneOf": [{"required": ["cells"]}, {"required": ["best"]}],
        "additionalProperties": False,
    }


def _selection(model: type[Folds] | type[Holdout]) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema.pop("$defs", None)
    schema["properties"]["search"] = {"$ref": "#/$defs/strategy"}
    return schema


def _strategy() -> dict[str, Any]:
    return {"anyOf": [{"enum": ["grid", *STRATEGIES]}, *(m.model_json_schema() for m in STRATEGIES.values())]}


def _space() -> dict[str, Any]:
    ends = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3}
    ranges = [{"type": "object", "properties": {k: ends}, "required": [k]} for k in ("log", "linear")]
    return {"type": "object", "additionalProperties": {"anyOf": [{"type": "array", "minItems": 1}, *ranges]}}
