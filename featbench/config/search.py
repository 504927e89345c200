"""Search spaces: which values of which hyperparameters selection tries."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
from typing import Any, TypeAlias

import numpy as np

from featbench.config.components import Component
from featbench.config.document import Document, KeyPath
from featbench.config.space import Candidates, Range, Space
from featbench.config.strategies import MAX_CANDIDATES, CoarseToFine, Strategy
from featbench.config.validation import parameter_problems, parameters_of
from featbench.errors import Shown, must_be, nearest

__all__ = ["Axes", "candidates_of", "read_space"]

Axes: TypeAlias = dict[str, list[Any] | Range]


def read_space(document: Document, path: KeyPath, value: Any, problems: list[str]) -> Axes:
    """Read ``{reg: {log: [1e-6, 1e-1, 6]}, n_neighbors: [1, 3, 5]}``.

    Parameters
    ----------
    document : Document
        For the places that messages name.
    path : KeyPath
        Where `value` stands.
    value : object
        A mapping of hyperparameter to a list, ``{log: [low, high, n]}`` or ``{linear: [low, high, n]}``, or, without
        n, a range.
    problems : list of str
        Receives a sentence for everything that is wrong.

    Returns
    -------
    dict of str to list or Range
        The values of each hyperparameter.
    """
    if not isinstance(value, dict):
        wanted = "a mapping such as {reg: {log: [1e-6, 1e-1, 6]}}"
        problems.append(must_be(document.where(path), "search", wanted, value))
        return {}
    space: Axes = {}
    for name, values in value.items():
        axis = _axis(values)
        if axis is None:
            wanted = (
                "a list, {log: [low, high, n]} or {linear: [low, high, n]}, or without n for a range; low < high, "
                "log above 0"
            )
            problems.append(must_be(document.where((*path, name)), name, wanted, values))
        else:
            space[name] = axis
    return space


def _axis(values: Any) -> list[Any] | Range | None:
    if isinstance(values, list):
        return values if values and not any(isinstance(v, (dict, list)) for v in values) else None
    if not isinstance(values, dict) or len(values) != 1:
        return None
    kind, ends = next(iter(values.items()))
    numbers = isinstance(ends, list) and len(ends) in (2, 3)
    if not numbers or any(isinstance(e, bool) or not isinstance(e, (int, float)) for e in ends):
        return None
    low, high = ends[:2]
    if (
        not math.isfinite(high)
        or not low < high
        or kind not in ("log", "linear")
        or (kind == "log" and low <= 0)
    ):
        return None
    if len(ends) == 2:
        return Range(low, high, kind == "log")
    n = ends[2]
    if not isinstance(n, int) or not 2 <= n <= MAX_CANDIDATES:
        return None
    if kind == "linear":
        return [float(v) for v in np.linspace(low, high, n)]
    # Rounded to 12 digits, so that 1e-3 is written as itself and not as 0.0010000000000000002.
    return [float(f"{v:.12g}") for v in np.geomspace(low, high, n)]


def candidates_of(
    document: Document,
    component: Component,
    common: Axes,
    path: KeyPath,
    problems: list[str],
    strategy: Strategy | None = None,
) -> Candidates:
    """Return the hyperparameters that selection tries for a classifier, as mappings.

    What is written beside the classifier comes first, then the experiment's common `search`, then the
    classifier's default. A hyperparameter whose value is written down is not searched by default.

    Parameters
    ----------
    document : Document
        For the places that messages name.
    component : Component
        A classifier.
    common : mapping of str to list or Range
        The experiment's common search space; what the classifier does not have is left out.
    path : KeyPath
        Where the classifier stands.
    problems : list of str
        Receives a sentence for everything that is wrong.
    strategy : RandomSearch, CoarseToFine or Halving, optional
        How selection searches; by default every combination is tried.

    Returns
    -------
    tuple of dict, or Space
        Every combination, one empty mapping where nothing is searched; for a strategy the space that it searches.
    """
    known: dict[str, Any] = {n: p.default for n, p in parameters_of(component.cls).items()}
    if hasattr(component.cls, "inner_parameters"):
        known = {**component.build().inner_parameters(), **known}
    if component.search is not None:
        axes = read_space(document, (*path, "search"), component.search, problems)
    else:
        default: Axes = {k: list(v) for k, v in getattr(component.cls, "default_search", {}).items()}
        axes = {k: v for k, v in {**default, **common}.items() if k in known and k not in component.params}
    for name in axes:
        if name not in known:
            suggestion = nearest(name, known)
            hint = f"Did you mean {suggestion!r}?" if suggestion else f"It has {', '.join(known)}."
            place = document.where((*path, "search", name))
            problems.append(f"{place}: {component.name} has no parameter {name!r}. {hint}")
            return ({},)
    written: KeyPath = (*path, "search") if component.search is not None else ("search",)
    axes = {name: _whole(axis, known[name]) for name, axis in axes.items()}
    found = _limit_problems(document, written, axes, strategy) or _value_problems(
        document, written, component, axes
    )
    problems.extend(found)
    if found or not axes:
        return ({},)
    if strategy is not None:
        return Space({n: axis if isinstance(axis, Range) else tuple(axis) for n, axis in axes.items()})
    combinations = itertools.product(*(axis for axis in axes.values() if isinstance(axis, list)))
    return tuple(dict(zip(axes, values, strict=True)) for values in combinations)


def _whole(axis: list[Any] | Range, default: Any) -> list[Any] | Range:
    """Mark a range as one of whole numbers where its ends are, unless the parameter is a fraction by default."""
    if not isinstance(axis, Range) or isinstance(default, float) or default is inspect.Parameter.empty:
        return axis
    return dataclasses.replace(axis, whole=isinstance(axis.low, int) and isinstance(axis.high, int))


def _limit_problems(document: Document, path: KeyPath, axes: Axes, strategy: Strategy | None) -> list[str]:
    """Say where a range has no strategy, or a grid too many combinations."""
    ranges = [name for name, axis in axes.items() if isinstance(axis, Range)]
    if ranges and strategy is None:
        remedy = "Write n, or selection: {search: {name: random, trials: 20}}."
        got = Shown("[low, high]")
        return [must_be(document.where((*path, n)), n, "a grid, [low, high, n]", got, remedy) for n in ranges]
    limit = MAX_CANDIDATES
    if isinstance(strategy, CoarseToFine):
        limit = min(limit, strategy.trials or limit)
    elif strategy is not None:
        return []  # draws
    count = math.prod(len(axis) for axis in axes.values() if isinstance(axis, list))
    if isinstance(strategy, CoarseToFine):
        count *= strategy.points ** len(ranges)
    if count <= limit:
        return []
    of = " in the first round" if strategy is not None else ""
    return [must_be(document.where(path), "search", f"at most {limit} combinations{of}", Shown(f"{count:,}"))]


def _value_problems(document: Document, path: KeyPath, component: Component, axes: Axes) -> list[str]:
    """Say which values the parameters cannot have; of a range, its ends."""
    # One value at a time: whether a combination is possible is for the classifier to say when it is fitted.
    wrong: dict[str, None] = {}
    for name, axis in axes.items():
        for value in (axis.at(0), axis.at(1)) if isinstance(axis, Range) else axis:
            changed = component.build().set_params(**{name: value}).get_params(deep=False)
            wrong.update(dict.fromkeys(parameter_problems(document, path, component.cls, changed)))
    return list(wrong)
