"""From a document to an experiment: validated whole, before any data is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from featbench.config.claims import read_claims
from featbench.config.components import Component, read_component
from featbench.config.document import Document, KeyPath
from featbench.config.ensembles import read_ensembles
from featbench.config.executor import read_executor
from featbench.config.experiment import PLURALS, Experiment, Settings, Timing
from featbench.config.filters import read_exclusions
from featbench.config.search import candidates_of, read_space
from featbench.config.sections import Folds, Holdout, Selection
from featbench.config.space import Space
from featbench.config.strategies import read_strategy
from featbench.config.validation import parameters_of, validation_problems
from featbench.errors import ConfigError, Shown, must_be, nearest
from featbench.preprocessing import PREPROCESSORS

__all__ = ["read_experiment"]


def read_experiment(document: Document, name: str) -> Experiment:
    """Validate a document.

    Parameters
    ----------
    document : Document
        The parsed file with its overrides.
    name : str
        The experiment's name, normally the file's stem.

    Returns
    -------
    Experiment

    Raises
    ------
    ConfigError
        Everything that is wrong, a line each, with file, line, path and the nearest right name.
    """
    problems: list[str] = []
    data = document.data
    settings = _read_settings(document, problems)
    written = {kind: _read_plural(document, kind, problems) for kind in PLURALS}
    read = {
        kind: [(path, read_component(document, path, value, kind, problems)) for path, value in written[kind]]
        for kind in ("dataset", "extractor", "classifier")
    }
    preprocesses = _read_preprocesses(document, written["preprocess"], problems)
    selection = _read_selection(document, data.get("selection", {"folds": 5}), problems)
    executor = read_executor(document, problems)
    strategy = None if isinstance(selection, str) else selection.search
    common = read_space(document, ("search",), data.get("search", {}), problems)
    classifiers = [
        (c, candidates_of(document, c, common, p, problems, strategy)) for p, c in read["classifier"] if c
    ]
    _check_search(document, common, [c for c, _ in classifiers], problems)
    _check_selection(document, selection, classifiers, problems)
    if problems or settings is None:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    experiment = Experiment(
        name=name,
        datasets=tuple(c for _, c in read["dataset"] if c),
        splits=settings.splits,
        seeds=tuple(settings.seeds),
        extractors=tuple(c for _, c in read["extractor"] if c),
        preprocesses=preprocesses,
        classifiers=tuple(classifiers),
        selection=selection,
        timing=settings.timing,
        train_sizes=settings.train_sizes,
        evidence=settings.evidence,
        images=settings.images,
        executor=executor,
    )
    experiment = read_exclusions(document, experiment)
    experiment = read_ensembles(document, experiment)
    experiment = read_claims(document, experiment)
    _check_distinct(document, experiment)
    return experiment


def _read_settings(document: Document, problems: list[str]) -> Settings | None:
    known = {
        *Settings.model_fields,
        *PLURALS,
        *PLURALS.values(),
        "search",
        "selection",
        "exclude",
        "ensembles",
        "executor",
        "reproduces",
    }
    for key in document.data:
        if key not in known:
            suggestion = nearest(key, known)
            hint = f"Did you mean {suggestion!r}?" if suggestion else f"Known: {', '.join(sorted(known))}."
            problems.append(f"{document.where((key,))}: unknown key {key!r}. {hint}")
    try:
        given = {k: v for k, v in document.data.items() if k in Settings.model_fields}
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems.extend(validation_problems(document, (), error, known=Timing.model_fields))
        return None
    if len(set(settings.seeds)) != len(settings.seeds):
        problems.append(must_be(document.where(("seeds",)), "seeds", "different numbers", settings.seeds))
    sizes = settings.train_size if isinstance(settings.train_size, list) else []
    if len(set(sizes)) != len(sizes):
        problems.append(must_be(document.where(("train_size",)), "train_size", "different numbers", sizes))
    return settings


def _read_plural(document: Document, kind: str, problems: list[str]) -> list[tuple[KeyPath, Any]]:
    """Return the items under a singular or plural key, with their places."""
    plural = PLURALS[kind]
    data = document.data
    if kind in data and plural in data:
        problems.append(
            f"{document.where((plural,))}: both {kind!r} and {plural!r} are given. Use {kind!r} for one, "
            f"{plural!r} for a list that multiplies into rows."
        )
    if isinstance(data.get(kind), list):
        joined = " and '{concat: [...]}' joins them into one" if kind == "extractor" else ""
        problems.append(
            f"{document.where((kind,))}: {kind!r} holds a list, which could mean two things: "
            f"'{plural}: [...]' makes a row of each{joined or f', and {kind!r} takes just one'}. "
            "Write the one you mean."
        )
        return []
    if kind in data:
        return [((kind,), data[kind])]
    items = data.get(plural)
    if isinstance(items, list) and items:
        return [((plural, i), item) for i, item in enumerate(items)]
    if plural in data:
        problems.append(must_be(document.where((plural,)), plural, f"a list of {plural}", items))
    elif kind == "preprocess":
        return [((kind,), "standardize")]
    else:
        problems.append(f"{document.name}: {kind!r} is missing. Write '{kind}: NAME' or '{plural}: [...]'.")
    return []


def _read_preprocesses(
    document: Document, items: list[tuple[KeyPath, Any]], problems: list[str]
) -> tuple[str, ...]:
    for path, name in items:
        if not isinstance(name, str) or name not in PREPROCESSORS:
            suggestion = nearest(str(name), PREPROCESSORS)
            hint = f"Did you mean {suggestion!r}?" if suggestion else ""
            constraint = "one of " + ", ".join(PREPROCESSORS)
            problems.append(must_be(document.where(path), "preprocess", constraint, name, hint))
    return tuple(str(name) for _, name in items)


def _read_selection(document: Document, value: Any, problems: list[str]) -> Selection:
    if isinstance(value, dict):
        model: type[Folds] | type[Holdout] = Holdout if "holdout" in value else Folds
        path: KeyPath = ("selection", "search")
        search = read_strategy(document, path, value["search"], problems) if "search" in value else None
        try:
            given = model.model_validate({k: v for k, v in value.items() if k != "search"})
        except ValidationError as error:
            known = ("folds", "holdout", "search")
            problems.extend(validation_problems(document, ("selection",), error, known=known))
            return Folds()
        return given.model_copy(update={"search": search})
    if value == "none":
        return "none"
    wanted = "{folds: 5}, {holdout: 0.2} or none"
    problems.append(must_be(document.where(("selection",)), "selection", wanted, value))
    return Folds()


def _check_search(
    document: Document, common: Mapping[str, Any], classifiers: list[Component], problems: list[str]
) -> None:
    """Refuse a common hyperparameter that no classifier has, or that all fix."""
    names = {n for c in classifiers for n in parameters_of(c.cls)}
    for name in common:
        place = document.where(("search", name))
        if classifiers and name not in names:
            suggestion = nearest(name, names)
            hint = f"Did you mean {suggestion!r}?" if suggestion else f"They have {', '.join(sorted(names))}."
            problems.append(f"{place}: no classifier here has a parameter {name!r}. {hint}")
        fixed = [c.name for c in classifiers if name in c.params]
        if fixed:
            problems.append(
                f"{place}: {name!r} is to be searched, and {fixed[0]} has it written down. Remove one of the two."
            )


def _check_distinct(document: Document, experiment: Experiment) -> None:
    seen: dict[str, str] = {}
    for cell in experiment.cells():
        if cell.cell_id in seen:
            raise ConfigError(
                must_be(document.name, "the rows", "different from each other", Shown(cell.label + " twice"))
            )
        seen[cell.cell_id] = cell.label


def _check_selection(
    document: Document,
    selection: Selection,
    classifiers: Sequence[tuple[Component, Any]],
    problems: list[str],
) -> None:
    """Refuse to search without a way to choose."""
    searched = [c.name for c, tried in classifiers if isinstance(tried, Space) or len(tried) > 1]
    if selection == "none" and searched:
        remedy = "Write the hyperparameter down, or select by {folds: 5} or {holdout: 0.2}."
        constraint = f"a way to choose, since {', '.join(searched)} has values to search"
        problems.append(must_be(document.where(("selection",)), "selection", constraint, "none", remedy))
