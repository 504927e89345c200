"""The code behind a class: what counts, what does not, and what cannot be known."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

import featbench
from featbench import sources
from featbench.errors import InputError
from featbench.extractors import GIST, HOG, BagOfVisualWords, HueHistogram, Mapped
from featbench.sources import source_of


@pytest.fixture(autouse=True)
def any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were written after the tests began count, too; their time has a test of its own."""
    monkeypatch.setattr(featbench, "_BEGAN", float("inf"))


PLUGIN = {
    "__init__.py": "from featbench.base import Extractor\n",
    "mine.py": (
        "from . import near\n"
        "from .deep.far import value\n"
        "from beside_{name} import loose\n"
        "class Mine:\n"
        "    def extract(self):\n"
        "        from .late import thing\n"
        "        import numpy\n"
    ),
    "near.py": "import json\n",
    "deep/__init__.py": "",
    "deep/far.py": "value = 1\n",
    "late.py": "thing = 1\n",
    "unused.py": "nothing = 1\n",
}


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """A package of a stranger's with a module beside it: its folder and its class."""
    name = f"stranger_{abs(hash(request.node.name)) % 10**8}"
    monkeypatch.syspath_prepend(str(tmp_path))
    for file, text in PLUGIN.items():
        path = tmp_path / name / file
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text.replace("{name}", name))
    (tmp_path / f"beside_{name}.py").write_text("loose = 1\nimport further_" + name + "\n")
    (tmp_path / f"further_{name}.py").write_text("x = 1\n")
    importlib.invalidate_caches()
    module = importlib.import_module(f"{name}.mine")
    yield tmp_path, name, module.Mine
    for loaded in [m for m in sys.modules if name in m]:
        del sys.modules[loaded]


def test_a_class_is_its_module_and_what_that_imports() -> None:
    found = source_of([HOG])
    assert {
        "featbench",
        "featbench.extractors",
        "featbench.extractors.hog",
        "featbench.base.extractor",
    } <= set(found.modules)
    assert "featbench.numerics.threads" in found.modules
    assert {"python", "numpy", "numba", "sklearn"} <= set(found.versions)
    strangers = {
        "featbench.runner",
        "featbench.report.table",
        "featbench.classifiers.svm",
        "featbench.extractors.gist",
    }
    assert not strangers & set(found.modules), "an edit there changes no feature"
    assert found == source_of([HOG])
    assert found.digest != source_of([GIST]).digest


def test_imports_inside_functions_are_followed() -> None:
    """Every module of featbench that a function of a module in the list imports is in the list."""
    modules = source_of([BagOfVisualWords]).modules
    late = 0
    for name in modules:
        path = Path(str(sources._file_of(name)))
        if path.name == "__init__.py":
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith("featbench."):
                    assert node.module in modules
                    late += 1
    assert late, "there is one"


def test_parts_that_are_named_are_followed() -> None:
    """A bag of words names its parts by text; a table says which modules these are."""
    words = set(source_of([BagOfVisualWords]).modules)
    assert {"featbench.words.kmeans", "featbench.words.triangle", "featbench.maps.whiten"} <= words
    assert "featbench.maps.pca" in source_of([Mapped]).modules
    assert "featbench.extractors.gist" not in source_of([Mapped]).modules, (
        "its extractor is a class of its own"
    )
    assert "featbench.words.kmeans" not in source_of([HueHistogram]).modules


def test_what_a_stranger_brings(plugin: Any) -> None:
    _, name, cls = plugin
    found = source_of([cls])
    own = {m.replace(name, "P") for m in found.modules if not m.startswith("featbench")}
    assert own == {
        "P", "P.mine", "P.near", "P.deep", "P.deep.far", "P.late", "P.unused", "beside_P", "further_P",
    }  # fmt: skip
    assert "featbench.base.extractor" in found.modules
    assert found.versions["numpy"]


@pytest.mark.parametrize("file", [*(f"P/{file}" for file in PLUGIN), "beside_P.py", "further_P.py"])
def test_an_edit_anywhere_in_it_is_another_code(plugin: Any, file: str) -> None:
    root, name, cls = plugin
    before = source_of([cls])
    path = root / file.replace("P", name, 1)
    path.write_text(path.read_text() + "# changed\n")
    after = source_of([cls])
    assert after.digest != before.digest
    path.write_text(path.read_text().removesuffix("# changed\n"))
    assert source_of([cls]) == before


def test_an_edit_elsewhere_is_not(plugin: Any) -> None:
    root, name, cls = plugin
    before = source_of([cls])
    (root / "other.py").write_text("x = 1\n")
    (root / name / "notes.txt").write_text("x\n")
    (root / name / "__pycache__").mkdir(exist_ok=True)
    (root / name / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")
    assert source_of([cls]) == before


def test_an_edit_of_featbench_is_another_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Found where it stands, not where the class does: threads are a module deep below HOG."""
    before, other = source_of([HOG]), source_of([HOG])
    assert before == other
    changed = tmp_path / "threads.py"
    real = sources._file_of
    changed.write_bytes(Path(str(real("featbench.numerics.threads"))).read_bytes() + b"# changed\n")
    monkeypatch.setattr(
        sources, "_file_of", lambda name: changed if name == "featbench.numerics.threads" else real(name)
    )
    assert source_of([HOG]).digest != before.digest


def test_a_library_counts_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = source_of([HOG])
    real = sources._version
    monkeypatch.setattr(sources, "_version", lambda top: "99.0" if top == "numba" else real(top))
    after = source_of([HOG])
    assert after.digest == before.digest
    assert {k for k in after.versions if after.versions[k] != before.versions[k]} == {"numba"}


def test_a_file_that_changed_while_it_ran_is_refused(plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    root, name, cls = plugin
    newest = max(path.stat().st_ctime for path in (root / name).rglob("*.py"))
    monkeypatch.setattr(featbench, "_BEGAN", newest - 1e-6)
    with pytest.raises(InputError, match=r"its source changed after this process began\. Start again"):
        source_of([cls])


def test_a_class_without_a_file_is_refused() -> None:
    typed = type("Typed", (HOG,), {"__module__": "of_nowhere"})
    with pytest.raises(InputError, match="Typed: its source cannot be read. Write the class into a file"):
        source_of([typed])


def test_type_checkers_imports_do_not_count(plugin: Any) -> None:
    root, name, cls = plugin
    (root / f"shown_{name}.py").write_text("x = 1\n")
    path = root / name / "near.py"
    path.write_text(
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import shown_{name}\nelse:\n    import other_{name}\n"
    )
    (root / f"other_{name}.py").write_text("x = 1\n")
    importlib.invalidate_caches()
    modules = source_of([cls]).modules
    assert f"shown_{name}" not in modules
    assert f"other_{name}" in modules


def test_a_file_that_is_no_python_counts_and_harms_nobody(plugin: Any) -> None:
    root, name, cls = plugin
    (root / name / "unused.py").write_text("print 'of another age'\n")
    one = source_of([cls])
    (root / name / "unused.py").write_text("print 'of another age!'\n")
    assert source_of([cls]).digest != one.digest
