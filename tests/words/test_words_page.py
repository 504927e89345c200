"""The page of visual words says what recipes and docstrings say, and its examples run."""

from __future__ import annotations

import doctest
import runpy

from featbench.config.document import parse
from featbench.maps import MAPS
from featbench.words.building import KINDS, part_problems
from featbench.words.recipes import RECIPES


def page(repository):
    return repository / "docs" / "words.md"


def test_the_page_says_what_the_docstrings_say(repository):
    made = runpy.run_path(str(repository / "docs" / "make_pages.py"))
    told = page(repository).read_text(encoding="utf-8")
    assert told == made["make_words"](told), "run: python docs/make_pages.py"
    parts = (name for table in KINDS.values() if table is not MAPS for name in table.rows())
    for name in [*RECIPES, *parts]:
        assert f"`{name}` –" in told or f"`{name}`** –" in told


def test_its_example_runs(repository):
    done = doctest.testfile(str(page(repository)), module_relative=False)
    assert done.attempted > 5
    assert done.failed == 0


def test_what_it_writes_in_yaml_is_right(repository):
    block = page(repository).read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    for line in block.splitlines():
        written = parse(line.partition("#")[0], "page").data["extractor"]
        problems = part_problems({"recipe": "coates_ng", **written}, lambda *keys: ".".join(map(str, keys)))
        saved = isinstance(written.get("codebook"), dict) and written["codebook"].get("name") == "saved"
        assert [p for p in problems if not saved or "the folder of saved words" not in p] == [], line
