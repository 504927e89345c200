"""What code a class runs: a hash of its module and of all that it imports, read from the syntax trees.

Imports are followed wherever they stand, in functions too, through featbench, through the package of a plug-in from
elsewhere, and through loose modules beside it. Installed packages count by their version. Nothing is imported here.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import importlib.util
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import featbench
from featbench.errors import InputError

__all__ = ["Source", "source_of"]

# Distributions that are not called as they are imported; several, where any of them may be what is imported.
_DISTRIBUTIONS = {
    "sklearn": ("scikit-learn",),
    "skimage": ("scikit-image",),
    "PIL": ("Pillow",),
    "cv2": ("opencv-python-headless", "opencv-contrib-python-headless", "opencv-python", "opencv-contrib-python"),
}  # fmt: skip
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")  # "module:Class", as tables of plug-ins write it
# A table whose classes are handed in as instances, by themselves or in parameters: none is looked up by a name.
_GIVEN = ("featbench.extractors",)


@dataclass(frozen=True)
class Source:
    """The code behind some classes.

    Attributes
    ----------
    digest : str
        SHA-256 over the names and contents of `modules`, 64 hexadecimal digits.
    modules : tuple of str
        Those that were followed.
    versions : dict of str to str
        Of Python, and of each installed package that these import, by import name.
    """

    digest: str
    modules: tuple[str, ...]
    versions: dict[str, str]


def source_of(classes: Iterable[type[Any]], also: Iterable[str] = ()) -> Source:
    """Return the code that classes run.

    Parameters
    ----------
    classes : iterable of type
    also : iterable of str
        Modules of featbench that are followed as well.

    Returns
    -------
    Source

    Raises
    ------
    InputError
        A class has no source file, such as one that was typed into a notebook; or a file has changed since
        featbench was imported, so that what runs may be other code than what is read.

    Notes
    -----
    What is imported under a name that is computed, and what is put into a module from outside, is not seen. For
    that reason every module of a plug-in's own package counts, imported or not.
    """
    classes = list(classes)
    walk = _Walk({"featbench", *(_top(cls.__module__) for cls in classes)})
    for base in dict.fromkeys(base for cls in classes for base in cls.__mro__):
        if walk.follows(base.__module__):
            walk.add(base.__module__)
            if base.__module__ not in walk.files:
                remedy = "Write the class into a file of its own and import it from there."
                raise InputError(f"{base.__qualname__}: its source cannot be read. {remedy}")
    for module in (m for top in sorted(walk.own - {"featbench"}) for m in _modules_in(top)):
        walk.add(module)
    for module in also:
        walk.add(module)
    return walk.source()


class _Walk:
    """Modules that were reached; `own` are the names at the top that are followed whether installed or not."""

    def __init__(self, own: set[str]) -> None:
        self.own = own
        self.files: dict[str, Path] = {}
        self._versions: dict[str, str] = {}
        self._done: set[tuple[str, bool]] = set()

    def follows(self, module: str) -> bool:
        """Tell whether a module counts by its source; note the version of one that is installed."""
        top = _top(module)
        if top in self.own or top in sys.stdlib_module_names:
            return top in self.own
        version = _version(top)
        if version is not None:
            self._versions[top] = version
        return version is None

    def add(self, module: str) -> None:
        """Reach a module and all that it imports."""
        waiting = [(module, True)]
        while waiting:
            name, whole = waiting.pop()
            if (name, whole) in self._done or not self.follows(name):
                continue
            self._done.add((name, whole))
            file = _file_of(name)
            if file is not None:
                self.files[name] = file
                waiting += [(imported, True) for imported in _imports(name, file, whole)]
            # A package is run when a module in it is imported, but none of its functions is.
            parent = name.rpartition(".")[0]
            waiting += [(parent, False)] if parent else []

    def source(self) -> Source:
        """Read what was reached."""
        digest = hashlib.sha256()
        for name, file in sorted(self.files.items()):
            # The time of the change, which unlike that of the content no tool sets back.
            if file.stat().st_ctime > featbench._BEGAN:
                remedy = "Start again, so that what runs is what is read."
                raise InputError(f"{name}: its source changed after this process began. {remedy}")
            digest.update(f"{name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
        versions = {"python": platform.python_version(), **dict(sorted(self._versions.items()))}
        return Source(digest.hexdigest(), tuple(sorted(self.files)), versions)


def _top(module: str) -> str:
    return module.partition(".")[0]


def _file_of(module: str) -> Path | None:
    """Return the file of a module; None where there is no such module, or no file of it."""
    if module == "__main__":
        path = getattr(sys.modules[module], "__file__", None)
    else:
        spec = _spec(module)
        path = spec.origin if spec is not None and spec.has_location else None
    return Path(path) if path and Path(path).is_file() else None


@cache
def _spec(module: str) -> importlib.machinery.ModuleSpec | None:
    """Find a module as an import would, without importing the packages that it lies in."""
    parent = module.rpartition(".")[0]
    if not parent:
        try:
            return importlib.util.find_spec(module)
        except (ImportError, ValueError):  # it has none, as a module that was made by hand
            return None
    package = _spec(parent)
    if package is None or package.submodule_search_locations is None:
        return None
    return importlib.machinery.PathFinder.find_spec(module, list(package.submodule_search_locations))


def _modules_in(package: str) -> Iterator[str]:
    """Yield the names of all modules in a package; none for a single file, or a folder that others share."""
    spec = _spec(package)
    if spec is None or spec.origin is None or not spec.submodule_search_locations:
        return
    root = Path(spec.origin).parent
    for path in sorted(root.rglob("*")):
        suffix = next((s for s in importlib.machinery.all_suffixes() if path.name.endswith(s)), ".pyc")
        if suffix != ".pyc" and path.is_file():
            inside = path.relative_to(root).as_posix().removesuffix(suffix).replace("/", ".")
            yield f"{package}.{inside}".removesuffix(".__init__")


@cache
def _version(top: str) -> str | None:
    """Return the versions of what is installed under an import name; None where nothing is."""
    found = [v for name in _DISTRIBUTIONS.get(top, (top,)) if (v := _version_of(name))]
    found = found or [v for name in _distributions().get(top, ()) if (v := _version_of(name))]
    return " ".join(found) or None


def _version_of(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def _imports(module: str, file: Path, whole: bool) -> tuple[str, ...]:
    """Return the modules that a module imports; not `whole`, outside its functions."""
    stat = file.stat()
    return _imports_of(module, file, whole, (stat.st_ctime_ns, stat.st_size))


@cache
def _imports_of(module: str, file: Path, whole: bool, _: tuple[int, int]) -> tuple[str, ...]:
    if file.suffix != ".py":
        return ()
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # it counts, and imports nothing, since it cannot be imported
        return ()
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found: list[str] = []
    for node in _nodes(tree, whole):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            origin = ".".join(part for part in (above, node.module) if part)
            names = [f"{origin}.{alias.name}" for alias in node.names]
            found += [name if _spec(name) else origin for name in names]
        elif whole and module not in _GIVEN and _names_own(node, module):
            found.append(ast.literal_eval(node).partition(":")[0])
    return tuple(dict.fromkeys(found))


def _names_own(node: ast.AST, module: str) -> bool:
    """Tell whether a text names a class of the same package, which a table imports when asked."""
    value = node.value if isinstance(node, ast.Constant) else None
    return isinstance(value, str) and bool(_TARGET.fullmatch(value)) and _top(value) == _top(module)


def _nodes(tree: ast.AST, whole: bool) -> Iterator[ast.AST]:
    """Yield what runs: nothing that is for type checkers alone; not `whole`, nothing inside functions."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting.extend(node.orelse)
        elif whole or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
