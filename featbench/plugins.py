"""How plug-ins are found: explicit tables of the project's own, entry points for everybody else's.

A table maps a name to ``"module:Class"``; nothing is imported until the class itself is asked for, so
that a listing is instant and a broken third-party package harms nobody who does not use it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

from featbench.errors import FeatbenchError, UnknownNameError, nearest

__all__ = ["TABLES", "PluginTable", "Registered"]

TABLES: dict[str, PluginTable] = {}
"""The tables of this process by kind; a package of plug-ins makes its own when it is imported."""


@dataclass(frozen=True)
class Registered:
    """One row of a table, known without importing anything.

    Attributes
    ----------
    name : str
        The name that an experiment file uses.
    target : str
        ``"module:Class"``.
    distribution : str
        The installed distribution that registered it.
    """

    name: str
    target: str
    distribution: str


class PluginTable:
    """The plug-ins of one kind.

    Parameters
    ----------
    kind : str
        ``"extractor"``, ``"classifier"`` or ``"dataset"``; third parties register under the entry-point
        group ``featbench.<kind>s``.
    own : mapping of str to str
        Names and targets that featbench itself brings; they cannot be overridden from outside.
    """

    def __init__(self, kind: str, own: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = f"featbench.{kind}s"
        self._own = dict(own)
        self._classes: dict[str, type[Any]] = {}
        TABLES[kind] = self

    def rows(self) -> dict[str, Registered]:
        """Return every registered plug-in by name, own ones first."""
        rows = {name: Registered(name, target, "featbench") for name, target in self._own.items()}
        for entry in _entry_points(self.group):
            distribution = entry.dist.name if entry.dist else "unknown"
            rows.setdefault(entry.name, Registered(entry.name, entry.value, distribution))
        return rows

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self.rows()

    def load(self, name: str, where: str = "") -> type[Any]:
        """Import and return the class registered as `name`.

        Parameters
        ----------
        name : str
            The registered name.
        where : str, optional
            Where the name was read, for the message.

        Returns
        -------
        type

        Raises
        ------
        UnknownNameError
            No plug-in of that name; the message suggests the nearest.
        FeatbenchError
            The plug-in's module cannot be imported, or lacks the class.
        """
        if name in self._classes:
            return self._classes[name]
        row = self._row(name, where)
        module, _, attribute = row.target.partition(":")
        try:
            cls: type[Any] = getattr(importlib.import_module(module), attribute)
        except FeatbenchError:
            raise
        except Exception as error:
            raise FeatbenchError(
                f"{self.kind} {name!r} of {row.distribution}: {row.target} cannot be imported "
                f"({type(error).__name__}: {error}). Repair or remove that package; `featbench list --check` "
                "tries all of them."
            ) from error
        self._classes[name] = cls
        return cls

    def _row(self, name: str, where: str) -> Registered:
        if name in self._own:  # without reading the metadata of every installed distribution
            return Registered(name, self._own[name], "featbench")
        rows = self.rows()
        if name not in rows:
            raise UnknownNameError(where or self.kind, self.kind, name, rows)
        return rows[name]

    def own_class(self, name: str) -> type[Any]:
        """Return one of featbench's own classes by class name, for a package's lazy ``__getattr__``."""
        for plugin, target in self._own.items():
            if target.endswith(f":{name}"):
                return self.load(plugin)
        classes = [target.partition(":")[2] for target in self._own.values()]
        suggestion = None if name.startswith("_") else nearest(name, classes)
        hint = f". Did you mean {suggestion!r}?" if suggestion else ""
        raise AttributeError(f"module 'featbench.{self.kind}s' has no attribute {name!r}{hint}")

    def name_of(self, cls: type[Any]) -> str | None:
        """Return the name under which a class is registered, or None."""
        target = f"{cls.__module__}:{cls.__qualname__}"
        for name, own in self._own.items():  # without reading the metadata of every installed distribution
            if own == target:
                return name
        return next((row.name for row in self.rows().values() if row.target == target), None)


@cache
def _entry_points(group: str) -> tuple[metadata.EntryPoint, ...]:
    return tuple(metadata.entry_points(group=group))
