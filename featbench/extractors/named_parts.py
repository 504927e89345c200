"""Plug-ins that are made of others: their parts have names, and names reach into the parts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import Any, Self

from sklearn.base import BaseEstimator

from featbench.plugins import PluginTable

__all__ = ["NamedParts", "default_name"]


class NamedParts(BaseEstimator):
    """Nested parameters, ``hog__cell``, of an estimator whose parts are in lists."""

    @abstractmethod
    def _named(self) -> list[tuple[str, Any]]:
        """Return the parts with their names, or say what is wrong with them."""

    @abstractmethod
    def _replace(self, named: Sequence[tuple[str, Any]]) -> None:
        """Put other parts in the place of those that `_named` returned, under the same names."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with `deep`, the parts by name and their parameters as well."""
        params: dict[str, Any] = super().get_params(deep=False)
        if deep:
            for name, part in self._named():
                params[name] = part
                params.update({f"{name}__{key}": value for key, value in part.get_params().items()})
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, replace a part by its name, or set a part's own (``hog__cell=4``)."""
        for own in self.get_params(deep=False):
            if own in params:
                setattr(self, own, params.pop(own))
        named = self._named()
        renewed = [(name, params.pop(name, part)) for name, part in named]
        if any(new is not old for (_, new), (_, old) in zip(renewed, named, strict=True)):
            self._replace(renewed)
        super().set_params(**params)
        return self


def default_name(part: Any, table: PluginTable, taken: Collection[str]) -> str:
    """Return the registered name of a part's class, with a number where it is taken."""
    name = table.name_of(type(part)) or type(part).__name__.lower()
    candidates = (name if k == 1 else f"{name}{k}" for k in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)
