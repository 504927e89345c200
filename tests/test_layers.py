"""Imports only go down, as docs/architecture.md draws them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import featbench

PACKAGE = Path(featbench.__file__).parent

# A module belongs to the longest name here that begins its own.
LAYERS = {
    "errors": 0, "types": 0,
    "parameters": 1, "text": 1, "docstrings": 1, "images": 1, "image_errors": 1, "descriptors": 1, "saved": 1, "archives": 1, "plugins": 1, "numerics": 1, "base": 1, "imagesets": 1,
    "store": 1, "cache": 1, "sources": 1, "timing": 1, "machine": 1, "environment": 1, "stats": 1, "results": 1, "references": 1, "thumbnails": 1, "sealed": 1, "spill": 1, "disk": 1,
    "datasets": 2, "extractors": 2, "maps": 2, "words": 2, "networks": 2, "classifiers": 2, "preprocessing": 2, "testing": 2,
    "config": 3, "trials": 3, "search": 3, "selection": 3, "report": 3, "records": 3,
    "stages": 4, "heads": 4, "evaluation": 4, "pipeline": 4, "pace": 4, "evidence": 4, "blocks": 4, "jobs": 4, "answers": 4, "executors": 4, "isolation": 4, "voting": 4, "members": 4, "polls": 4, "learned": 4, "keys": 4, "progress": 4, "runner": 4, "walk": 4, "reuse": 4, "rerun": 4,
    "extraction": 4, "sanity": 4, "model": 4, "feature_cache": 4, "feature_key": 4, "estimates": 4, "growth": 4, "probing": 4, "dry_run": 4, "quick": 4,
    "cli": 5, "__main__": 5,
}  # fmt: skip

SIBLINGS = ("datasets", "extractors", "maps", "words", "networks", "classifiers")
# An extractor may be followed by maps, which know no extractor; visual words are made of both; some extractors are
# layers of networks.
KNOWN = {("extractors", "maps"), ("extractors", "networks"), ("words", "extractors"), ("words", "maps")}
# Networks are made of torch; how they become features is told without it.
LIGHT = {
    f"networks.{name}"
    for name in (
        "extracting", "moments", "onnx_file", "onnx_session", "recipe", "resizing", "sidecar", "telling", "weights",
        "whitening",
    )
}  # fmt: skip
HEAVY = ("pydantic", "pandas", "torch", "matplotlib", "cv2", "skimage", "typer", "rich", "jinja2", "ruamel")


def modules() -> list[str]:
    return sorted(
        p.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for p in PACKAGE.rglob("*.py")
        if p != PACKAGE / "__init__.py"
    )


def imports(module: str) -> set[str]:
    """Every featbench module, and every foreign package, that a module names in an import outside functions."""
    path = PACKAGE / (module.replace(".", "/") + ".py")
    if not path.exists():
        path = PACKAGE / module.replace(".", "/") / "__init__.py"
    found = set()
    tree = ast.parse(path.read_text())
    if (
        path.name == "__init__.py"
    ):  # a table names what it loads when asked; a checker of types is told the same
        tree.body = [node for node in tree.body if not _for_types_alone(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "featbench"}
    return found


def _for_types_alone(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def top_level_imports(module: str) -> set[str]:
    path = PACKAGE / (module.replace(".", "/") + ".py")
    if not path.exists():
        path = PACKAGE / module.replace(".", "/") / "__init__.py"
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def part(module: str) -> str:
    return module.removeprefix("featbench.").split(".")[0]


@pytest.mark.parametrize("module", modules())
def test_imports_go_down(module: str) -> None:
    assert part(module) in LAYERS, (
        f"{module} belongs to no layer: add it to LAYERS and to docs/architecture.md"
    )
    for name in imports(module):
        if not name.startswith("featbench.") or part(name) not in LAYERS:
            continue
        assert LAYERS[part(name)] <= LAYERS[part(module)], f"{module} imports {name} from a layer above"
        if part(module) in SIBLINGS and part(name) in SIBLINGS:
            known = part(name) == part(module) or (part(module), part(name)) in KNOWN
            assert known, f"{module} imports {name}: the plug-ins do not know each other"


@pytest.mark.parametrize(
    "module",
    [
        m
        for m in modules()
        if LAYERS.get(part(m), 9) <= 1
        or part(m) in ("extractors", "maps", "words")
        or m in {"networks", *LIGHT}
    ],
)
def test_what_extractors_need_is_light(module: str) -> None:
    """An extractor works in a stranger's project and on a bare GPU machine."""
    heavy = top_level_imports(module) & set(HEAVY)
    assert not heavy, f"{module} imports {heavy} at module level"


def test_reports_know_no_plugin() -> None:
    for module in modules():
        if part(module) == "report":
            assert not {part(name) for name in imports(module)} & {*SIBLINGS, "runner", "evaluation"}, module


def test_the_check_sees_a_violation() -> None:
    """The rules above are not empty: the runner imports what the report may not."""
    assert any(part(name) == "datasets" for name in imports("stages"))
