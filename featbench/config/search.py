"""Search spaces: which values of which hyperparameters selection tries."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from featbench.config.components import Component
from featbench.config.document import Document, KeyPath
from featbench.config.validation import parameter_problems, parameters_of
from featbench.errors import Shown, must_be, nearest

__all__ = ["MAX_CANDIDATES", "candidates_of", "read_space"]

MAX_CANDIDATES = 1000


def read_space(document: Document, path: KeyPath, value: Any, problems: list[str]) -> dict[str, list[Any]]:
    """Read ``{reg: {log: [1e-6, 1e-1, 6]}, n_neighbors: [1, 3, 5]}``.

    Parameters
    ----------
    document : Document
        For the places that messages name.
    path : KeyPath
        Where `value` stands.
    value : object
        A mapping of hyperparameter to a list, ``{log: [low, high, n]}`` or ``{linear: [low, high, n]}``.
    problems : list of str
        Receives a sentence for everything that is wrong.

    Returns
    -------
    dict of str to list
        The values of each hyperparameter.
    """
    if not isinstance(value, dict):
        wanted = "a mapping such as {reg: {log: [1e-6, 1e-1, 6]}}"
        problems.append(must_be(document.where(path), "search", wanted, value))
        return {}
    space = {}
    for name, values in value.items():
        listed = _values(values)
        if listed is None:
            wanted = "a list, {log: [low, high, n]} or {linear: [low, high, n]}, low < high, log above 0"
            problems.append(must_be(document.where((*path, name)), name, wanted, values))
        else:
            space[name] = listed
    return space


def _values(values: Any) -> list[Any] | None:
    if isinstance(values, list):
        return values if values and not any(isinstance(v, (dict, list)) for v in values) else None
    if not isinstance(values, dict) or len(values) != 1:
        return None
    kind, ends = next(iter(values.items()))
    numbers = isinstance(ends, list) and len(ends) == 3
    if not numbers or any(isinstance(e, bool) or not isinstance(e, (int, float)) for e in ends):
        return None
    low, high, n = ends
    if not isinstance(n, int) or not 2 <= n <= MAX_CANDIDATES or not math.isfinite(high) or not low < high:
        return None
    if kind == "linear":
        return [float(v) for v in np.linspace(low, high, n)]
    if kind == "log" and low > 0:
        # Rounded to 12 digits, so that 1e-3 is written as itself and not as 0.0010000000000000002.
        return [float(f"{v:.12g}") for v in np.geomspace(low, high, n)]
    return None


def candidates_of(
    document: Document,
    component: Component,
    common: Mapping[str, list[Any]],
    path: KeyPath,
    problems: list[str],
) -> tuple[dict[str, Any], ...]:
    """Return the hyperparameters that selection tries for a classifier, as mappings.

    What is written beside the classifier comes first, then the experiment's common `search`, then the
    classifier's default. A hyperparameter whose value is written down is not searched by default.

    Parameters
    ----------
    document : Document
        For the places that messages name.
    component : Component
        A classifier.
    common : mapping of str to list
        The experiment's common search space; what the classifier does not have is left out.
    path : KeyPath
        Where the classifier stands.
    problems : list of str
        Receives a sentence for everything that is wrong.

    Returns
    -------
    tuple of dict
        Every combination; one empty mapping where nothing is searched.
    """
    known: dict[str, Any] = dict(parameters_of(component.cls))
    if hasattr(component.cls, "inner_parameters"):
        known = {**component.build().inner_parameters(), **known}
    if component.search is not None:
        space = read_space(document, (*path, "search"), component.search, problems)
    else:
        default = {k: list(v) for k, v in getattr(component.cls, "default_search", {}).items()}
        space = {k: v for k, v in {**default, **common}.items() if k in known and k not in component.params}
    for name in space:
        if name not in known:
            suggestion = nearest(name, known)
            hint = f"Did you mean {suggestion!r}?" if suggestion else f"It has {', '.join(known)}."
            place = document.where((*path, "search", name))
            problems.append(f"{place}: {component.name} has no parameter {name!r}. {hint}")
            return ({},)
    count = math.prod(len(v) for v in space.values())
    if count > MAX_CANDIDATES:
        limit = f"at most {MAX_CANDIDATES} combinations"
        problems.append(must_be(document.where((*path, "search")), "search", limit, Shown(f"{count:,}")))
        return ({},)
    # One value at a time: whether a combination is possible is for the classifier to say when it is fitted.
    wrong: dict[str, None] = {}
    written: KeyPath = (*path, "search") if component.search is not None else ("search",)
    for name, values in space.items():
        for value in values:
            changed = component.build().set_params(**{name: value}).get_params(deep=False)
            found = parameter_problems(document, written, component.cls, changed)
            wrong.update(dict.fromkeys(found))
    problems.extend(wrong)
    return tuple(dict(zip(space, values, strict=True)) for values in itertools.product(*space.values()))
