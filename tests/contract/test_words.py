"""Every registered part of bags of visual words is complete."""

import dataclasses
import importlib

import pytest

import featbench.words
from featbench.docstrings import read_docstring
from featbench.words.building import KINDS
from featbench.words.parts import Part

PARTS = [
    pytest.param(table, row, id=f"{table.kind} {row.name}")
    for kind, table in KINDS.items()
    if table.kind != "map"
    for row in table.rows().values()
    if row.distribution == "featbench"
]


@pytest.mark.parametrize(("table", "row"), PARTS)
def test_every_part_is_complete(table, row, repository):
    module_name, class_name = row.target.split(":")
    module = importlib.import_module(module_name)
    cls = getattr(module, class_name)
    assert issubclass(cls, Part)
    assert class_name in module.__all__
    assert class_name in featbench.words.__all__
    assert getattr(featbench.words, class_name) is cls
    assert table.name_of(cls) == row.name
    tests = (path.read_text(encoding="utf-8") for path in (repository / "tests" / "words").glob("test_*.py"))
    assert any(f"import {class_name}" in text or f"{class_name}(" in text for text in tests)
    documentation = read_docstring(cls)
    parameters = {field.name for field in dataclasses.fields(cls)}
    assert documentation.summary
    assert set(documentation.parameters) == parameters
    assert all(documentation.parameters.values())


def test_all_that_the_package_names_is_registered():
    registered = {param.values[1].target.split(":")[1] for param in PARTS}
    tables = {name for name in featbench.words.__all__ if name.isupper() and name.endswith("S")}
    assert set(featbench.words.__all__) == registered | tables
