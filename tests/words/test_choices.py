"""Names of parts, for editors and people."""

from __future__ import annotations

from featbench.words.building import KINDS
from featbench.words.choices import schema, tables
from featbench.words.recipes import RECIPES


def test_a_schema_offers_every_name():
    told = schema()
    assert set(told) == {"recipe", *KINDS}
    named, mapping, nothing = told["encoding"]["anyOf"]
    assert {"hard", "triangle", "fisher"} <= set(named["enum"])
    assert mapping["properties"]["name"] == named
    assert nothing == {"type": "null"}


def test_tables_have_a_row_for_each_part_and_recipe():
    told = tables()
    assert [row[0] for row in told["Parts"][1:]] == list(KINDS)
    assert [row[0] for row in told["Recipes"][1:]] == list(RECIPES)
    assert all(len(row) == len(rows[0]) for rows in told.values() for row in rows)
