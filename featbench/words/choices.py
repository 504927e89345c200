"""Which names may stand for the parts of a bag of visual words, for editors and for ``featbench info``."""

from __future__ import annotations

from typing import Any

from featbench.maps import MAPS
from featbench.words.building import KINDS
from featbench.words.recipes import RECIPES

__all__ = ["schema", "tables"]


def schema() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of recipe and parts, by parameter."""
    none = {"type": "null"}
    told: dict[str, dict[str, Any]] = {"recipe": {"anyOf": [{"enum": list(RECIPES)}, none]}}
    for kind, table in KINDS.items():
        if table is MAPS:
            options: list[dict[str, Any]] = [{"type": "array", "items": {"$ref": "#/$defs/map"}}]
        else:
            names = {"enum": list(table.rows())}
            options = [names, {"type": "object", "properties": {"name": names}}]
        told[kind] = {"anyOf": [*options, none]}
    return told


def tables() -> dict[str, list[tuple[str, ...]]]:
    """Return tables of parts and of recipes by title, the headings first."""
    parts = [(kind, ", ".join(table.rows())) for kind, table in KINDS.items()]
    recipes = [(name, recipe.summary, recipe.url) for name, recipe in RECIPES.items()]
    return {
        "Parts": [("part", "names; featbench info NAME tells their parameters"), *parts],
        "Recipes": [("recipe", "what it is", "from"), *recipes],
    }
