"""What docs/stability.md promises is there, and CITATION.cff says what the package says."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import featbench
from featbench.plugins import TABLES

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "stability.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]

(BLOCK,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PROMISED = [
    (statement.module, alias.name)
    for statement in ast.parse(BLOCK).body
    if isinstance(statement, ast.ImportFrom) and statement.module
    for alias in statement.names
]
(OF_PLUGINS,) = re.findall(r"and the classes in `__all__` of (.*?)\.\n", PAGE)
PACKAGES = re.findall(r"`(featbench\.\w+)`", OF_PLUGINS)


@pytest.mark.parametrize(("module", "name"), PROMISED, ids=".".join)
def test_a_promised_name_is_there_and_public(module: str, name: str) -> None:
    found = importlib.import_module(module)
    assert hasattr(found, name)
    assert name in found.__all__
    if isinstance(getattr(found, name), type) or callable(getattr(found, name)):
        assert getattr(found, name).__doc__


def test_all_of_the_promised_statements_are_read() -> None:
    assert len(PROMISED) > 25
    assert len(ast.parse(BLOCK).body) == BLOCK.count("import ")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_class_of_a_package_of_plugins_is_there(package: str) -> None:
    found = importlib.import_module(package)
    for name in found.__all__:
        assert getattr(found, name).__doc__


def test_entry_points_and_packages_are_those_of_the_tables() -> None:
    groups = re.findall(
        r"`(featbench\.\w+)`", PAGE.partition("the entry points")[2].partition("and the laws")[0]
    )
    assert len(PACKAGES) == 5
    assert set(groups) == set(PACKAGES) - {"featbench.words"} <= {table.group for table in TABLES.values()}


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"FEATBENCH_\w+", PAGE))))
def test_a_variable_is_read_somewhere(variable: str) -> None:
    sources = (path.read_text(encoding="utf-8") for path in Path(featbench.__file__).parent.rglob("*.py"))
    assert any(f'"{variable}"' in source for source in sources)


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https:)([^)]+)\)", PAGE):
        path, _, place = target.partition("#")
        text = (REPOSITORY / "docs" / path).read_text(encoding="utf-8") if path else PAGE
        headings = {
            re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-")
            for h in re.findall(r"^#+ (.*)$", text, re.M)
        }
        assert not place or place in headings, target


def test_the_citation_is_of_this_version() -> None:
    told = YAML(typ="safe").load(REPOSITORY / "CITATION.cff")
    # What version 1.2.0 of the format asks for, and no person who is named nowhere else.
    assert {"cff-version", "message", "title", "authors"} <= set(told)
    assert told["cff-version"] == "1.2.0"
    assert told["title"] == PROJECT["name"]
    assert told["version"] == PROJECT["version"] == featbench.__version__
    assert told["license"] == PROJECT["license"]
    (author,) = told["authors"]
    assert author["name"] in (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
