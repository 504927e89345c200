"""The scripts of others that stand inside a report: their versions and licences go with them."""

from __future__ import annotations

import re
import runpy
import sys
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import pytest

REPOSITORY = Path(__file__).parents[2]
ASSETS = files("featbench.report") / "assets"
SCRIPT = (ASSETS / "vega.js").read_text(encoding="utf-8")
LICENCES = (ASSETS / "vega.licenses.txt").read_text(encoding="utf-8")
NOTICE = f"/*!\n{LICENCES}*/\n"


def test_the_script_begins_with_the_licences_of_its_parts() -> None:
    assert SCRIPT.startswith(NOTICE)
    assert "*/" not in LICENCES  # the comment would end there
    assert "</" not in LICENCES
    for condition in (
        "Redistributions in binary form must reproduce",
        "this permission notice appear in all copies",
    ):
        assert condition in LICENCES


@pytest.mark.parametrize("licence", ["BSD-3-Clause", "ISC", "MIT", "BSD-2-Clause", "Apache-2.0", "Unlicense"])
def test_each_licence_has_its_text_and_is_named(licence: str) -> None:
    heading = f"\n{licence}\n{'-' * len(licence)}\n"
    assert heading in LICENCES
    assert len(LICENCES.partition(heading)[2].partition("\n---")[0]) > 500
    assert licence in (ASSETS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "told"), [("Vega", "6.2.0"), ("Vega-Lite", "6.4.1")])
def test_versions_are_those_of_the_script(name: str, told: str) -> None:
    assert f'"{told}"' in SCRIPT.removeprefix(NOTICE)
    for text in (LICENCES, (ASSETS / "README.md").read_text(encoding="utf-8")):
        assert f"{name} {told}" in text


def test_what_makes_the_script_writes_the_licences_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = "window.vega=1;"
    asked: list[str] = []
    converter = SimpleNamespace(javascript_bundle=lambda vl_version: asked.append(vl_version) or bundle)
    monkeypatch.setitem(sys.modules, "vl_convert", converter)
    made = runpy.run_path(str(REPOSITORY / "docs" / "make_vega.py"))
    (tmp_path / "vega.licenses.txt").write_text(LICENCES, encoding="utf-8")
    made["main"].__globals__["ASSETS"] = tmp_path
    made["main"]()
    assert (tmp_path / "vega.js").read_text(encoding="utf-8") == NOTICE + bundle
    (version,) = asked
    assert re.search(rf"Vega-Lite {re.escape(version)}\.\d", LICENCES)
