"""The experiment: what a YAML file asks for, validated whole before any data is touched."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from featbench.config.components import Component, parameters_of, read_component, validation_problems
from featbench.config.document import Document, KeyPath
from featbench.config.search import candidates_of, read_space
from featbench.errors import ConfigError, Shown, must_be, nearest
from featbench.preprocessing import PREPROCESSORS

__all__ = [
    "PLURALS",
    "Cell",
    "Experiment",
    "Folds",
    "Holdout",
    "Selection",
    "Timing",
    "read_experiment",
    "settings_schema",
]

PLURALS = {
    "dataset": "datasets",
    "extractor": "extractors",
    "preprocess": "preprocesses",
    "classifier": "classifiers",
}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Folds(_Section):
    """Selection by cross-validation inside the training split."""

    folds: Annotated[int, Ge(2), Le(100)] = 5


class Holdout(_Section):
    """Selection on one held-out part of the training split: a share of it, or a number of images."""

    holdout: Annotated[float, Gt(0), Lt(1)] | Annotated[int, Ge(1)]


Selection = Folds | Holdout | Literal["none"]


class Timing(_Section):
    """How often a phase is repeated for its clock; long phases (over 2 s) run once."""

    repeats: Annotated[int, Ge(1), Le(100)] = 3


class _Settings(_Section):
    """The keys that are not plug-ins."""

    seeds: Annotated[list[Annotated[int, Ge(0), Lt(2**32)]], Len(1, 1000)] = Field(default=[0])
    splits: Annotated[int, Ge(2), Le(100)] | None = None
    timing: Timing = Timing()


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema of the keys that are not plug-ins."""
    schema = _Settings.model_json_schema()
    definitions = schema.get("$defs", {})
    return {
        key: definitions.get(str(described.get("$ref", "")).rpartition("/")[2], described)
        for key, described in schema["properties"].items()
    }


@dataclass(frozen=True)
class Cell:
    """One row of the results to be: a dataset, a split, a seed, an extractor, a classifier.

    The rows for chance and majority have no extractor.
    """

    dataset: Component
    split: int
    n_splits: int | None
    seed: int
    extractor: Component | None
    preprocess: str
    classifier: Component
    candidates: tuple[Mapping[str, Any], ...]
    selection: Selection

    @property
    def label(self) -> str:
        """What a table calls the row."""
        if self.extractor is None:
            return self.classifier.name
        prepared = "" if self.preprocess == "none" else f" → {self.preprocess}"
        return f"{self.extractor.label}{prepared} → {self.classifier.label}"

    def spec(self) -> dict[str, Any]:
        """Return everything that decides the result, the images and the code aside, in JSON's types."""
        selection = self.selection if isinstance(self.selection, str) else self.selection.model_dump()
        return {
            "dataset": self.dataset.spec(),
            "splits": self.n_splits,
            "split": self.split,
            "seed": self.seed,
            "extractor": self.extractor.spec() if self.extractor else None,
            "preprocess": self.preprocess,
            "classifier": self.classifier.spec(),
            "candidates": [dict(c) for c in self.candidates],
            "selection": selection,
        }

    @property
    def cell_id(self) -> str:
        """A name for files: readable, and unique by a hash of `spec`."""
        text = json.dumps(self.spec(), sort_keys=True)
        names = [self.extractor.label] if self.extractor else []
        names.append(self.classifier.name)
        slug = re.sub(r"[^a-z0-9]+", "-", "-".join(names).lower()).strip("-")[:60]
        return f"{slug}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


@dataclass(frozen=True)
class Experiment:
    """A validated experiment; nothing of it is loaded yet."""

    name: str
    datasets: tuple[Component, ...]
    splits: int | None
    seeds: tuple[int, ...]
    extractors: tuple[Component, ...]
    preprocesses: tuple[str, ...]
    classifiers: tuple[tuple[Component, tuple[Mapping[str, Any], ...]], ...]
    selection: Selection
    timing: Timing

    def cells(self) -> Iterator[Cell]:
        """Yield every cell, those that share a stage one after another."""
        for dataset in self.datasets:
            for seed in self.seeds:
                for split in range(self.splits or 1):
                    yield from self._cells_of(dataset, split, seed)

    def _cells_of(self, dataset: Component, split: int, seed: int) -> Iterator[Cell]:
        shared = (dataset, split, self.splits, seed)
        for name in ("chance", "majority"):
            yield Cell(*shared, None, "none", Component("classifier", name), ({},), "none")
        for extractor in self.extractors:
            for preprocess in self.preprocesses:
                for classifier, candidates in self.classifiers:
                    yield Cell(*shared, extractor, preprocess, classifier, candidates, self.selection)


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
    found = {kind: _read_plural(document, kind, problems) for kind in PLURALS}
    components = {kind: [(p, v) for p, v in found[kind]] for kind in PLURALS}
    read = {
        kind: [(path, read_component(document, path, v, kind, problems)) for path, v in components[kind]]
        for kind in ("dataset", "extractor", "classifier")
    }
    preprocesses = _read_preprocesses(document, components["preprocess"], problems)
    selection = _read_selection(document, data.get("selection", {"folds": 5}), problems)
    common = read_space(document, ("search",), data.get("search", {}), problems)
    classifiers = [(c, candidates_of(document, c, common, p, problems)) for p, c in read["classifier"] if c]
    _check_search(document, common, [c for c, _ in classifiers], problems)
    if selection == "none":
        searched = [c.name for c, candidates in classifiers if len(candidates) > 1]
        if searched:
            remedy = "Write the hyperparameter down, or select by {folds: 5} or {holdout: 0.2}."
            constraint = f"a way to choose, since {', '.join(searched)} has values to search"
            problems.append(must_be(document.where(("selection",)), "selection", constraint, "none", remedy))
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
    )
    _check_distinct(document, experiment)
    return experiment


def _read_settings(document: Document, problems: list[str]) -> _Settings | None:
    known = {*_Settings.model_fields, *PLURALS, *PLURALS.values(), "search", "selection"}
    for key in document.data:
        if key not in known:
            suggestion = nearest(key, known)
            hint = f"Did you mean {suggestion!r}?" if suggestion else f"Known: {', '.join(sorted(known))}."
            problems.append(f"{document.where((key,))}: unknown key {key!r}. {hint}")
    try:
        given = {k: v for k, v in document.data.items() if k in _Settings.model_fields}
        settings = _Settings.model_validate(given)
    except ValidationError as error:
        problems.extend(validation_problems(document, (), error, known=Timing.model_fields))
        return None
    if len(set(settings.seeds)) != len(settings.seeds):
        problems.append(must_be(document.where(("seeds",)), "seeds", "different numbers", settings.seeds))
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
        try:
            return model.model_validate(value)
        except ValidationError as error:
            problems.extend(validation_problems(document, ("selection",), error, known=("folds", "holdout")))
            return Folds()
    elif value == "none":
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
