"""``featbench list`` and ``featbench info NAME``: what there is, and what it takes."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from featbench.classifiers import CLASSIFIERS
from featbench.cli.console import print_rows
from featbench.datasets import DATASETS
from featbench.errors import FeatbenchError, UnknownNameError
from featbench.extractors import EXTRACTORS
from featbench.maps import MAPS
from featbench.parameters import Bounds
from featbench.words import CODEBOOKS, DESCRIPTORS, ENCODINGS, POOLINGS, SAMPLINGS

if TYPE_CHECKING:
    from featbench.plugins import PluginTable

__all__ = ["info", "list_plugins"]

_TABLES: tuple[PluginTable, ...] = (
    DATASETS,
    EXTRACTORS,
    MAPS,
    CLASSIFIERS,
    SAMPLINGS,
    DESCRIPTORS,
    CODEBOOKS,
    ENCODINGS,
    POOLINGS,
)


def list_plugins(
    check: Annotated[
        bool, typer.Option("--check", help="Import each, and tell which fails and why.")
    ] = False,
) -> int:
    """List data sets, extractors, maps, classifiers and parts of bags of visual words, other packages' too."""
    headings = ["kind", "name", "from"]
    rows = []
    failed = False
    for table in _TABLES:
        for row in table.rows().values():
            cells = [table.kind, row.name, row.distribution]
            if check:
                state = _state(table, row.name)
                failed |= state != "ok"
                cells.append(state)
            rows.append(cells)
    print_rows([*headings, "state"] if check else headings, rows)
    return 1 if failed else 0


def _state(table: PluginTable, name: str) -> str:
    try:
        table.load(name)
    except FeatbenchError as error:
        return str(error)
    return "ok"


def info(name: Annotated[str, typer.Argument(help="A name that `featbench list` shows.")]) -> None:
    """Show what a plug-in does, its parameters, and where it comes from."""
    tables = [table for table in _TABLES if name in table]
    if not tables:
        raise UnknownNameError("info", "name", name, [n for table in _TABLES for n in table.rows()])
    for table in tables:
        _show(table.kind, name, table.load(name))


def _show(kind: str, name: str, cls: type[Any]) -> None:
    import inspect

    from featbench.config.components import WRITTEN
    from featbench.docstrings import read_docstring

    documentation = read_docstring(cls)
    typer.echo(f"{name} ({kind}, {cls.__module__}.{cls.__qualname__})\n{documentation.summary}\n")
    rows, hints = [], get_type_hints(cls, include_extras=True)
    for parameter in inspect.signature(cls).parameters.values():
        default = "required" if parameter.default is parameter.empty else repr(parameter.default)
        meaning = documentation.parameters.get(parameter.name, "").replace("``", "")
        rows.append(
            [parameter.name, _type_name(hints.get(parameter.name, parameter.annotation)), default, meaning]
        )
    print_rows(["parameter", "type", "default", "meaning"], rows)
    if kind == "extractor" and name in WRITTEN:
        typer.echo(f"In an experiment file: extractor: {WRITTEN[name]}\n")
    for heading, told in getattr(cls, "choices", dict)().items():
        typer.echo(heading)
        print_rows(list(told[0]), told[1:])
    if getattr(cls, "default_search", None):
        searched = "; ".join(f"{k}: {', '.join(map(_number, v))}" for k, v in cls.default_search.items())
        typer.echo(f"Searched by default: {searched}\n")
    if documentation.references:
        typer.echo(f"Source\n{documentation.references}\n")


def _type_name(annotation: Any) -> str:
    """Return an annotation as a person would say it: ``int ≥ 1``, ``"l1" | "l2"``."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return " ".join([_type_name(inner[0]), *(str(m) for m in inner[1:] if isinstance(m, Bounds))])
    if origin is Literal:
        return " | ".join(f'"{option}"' if isinstance(option, str) else str(option) for option in inner)
    if origin is list and inner[0] is not Any:
        return f"list of {_type_name(inner[0])}"
    if origin in (Union, UnionType):
        return " | ".join(map(_type_name, inner))
    if annotation is type(None):
        return "None"
    plain = annotation.__name__ if isinstance(annotation, type) and not inner else str(annotation)
    return plain.replace("typing.", "").replace("[Any]", "")


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
