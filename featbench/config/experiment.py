"""The experiment: what a YAML file asks for, and the cells that it multiplies out to."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import BaseModel, ConfigDict, Field

from featbench.config.components import Component

__all__ = [
    "PLURALS",
    "VOTES",
    "Cell",
    "Ensemble",
    "EnsembleCell",
    "Experiment",
    "Folds",
    "Holdout",
    "Selection",
    "Settings",
    "Timing",
    "settings_schema",
]

PLURALS = {
    "dataset": "datasets",
    "extractor": "extractors",
    "preprocess": "preprocesses",
    "classifier": "classifiers",
}


VOTES = ("soft", "hard")


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


class Settings(_Section):
    """The keys that are not plug-ins."""

    seeds: Annotated[list[Annotated[int, Ge(0), Lt(2**32)]], Len(1, 1000)] = Field(default=[0])
    splits: Annotated[int, Ge(2), Le(100)] | None = None
    timing: Timing = Timing()


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema of the keys that are not plug-ins."""
    schema = Settings.model_json_schema()
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
        names = [self.extractor.label] if self.extractor else []
        return _file_name("-".join([*names, self.classifier.name]), self.spec())

    def columns(self) -> dict[str, str]:
        """Return the columns of a table that name its parts."""
        return {
            "extractor": self.extractor.label if self.extractor else "",
            "preprocess": self.preprocess,
            "classifier": self.classifier.label,
        }


@dataclass(frozen=True)
class Ensemble:
    """Rows that vote, as an experiment asks for them.

    Attributes
    ----------
    rows : tuple of int
        Which of an experiment's pipelines may vote, by their position, ascending.
    written : tuple of str
        The rows as they were written; empty for the best of all.
    best : int or None
        How many of them vote: those with the highest validation accuracy; None for all.
    vote : str
        One of `VOTES`.
    """

    rows: tuple[int, ...]
    written: tuple[str, ...]
    best: int | None
    vote: str

    @property
    def label(self) -> str:
        """What a table calls the row."""
        told = [f"best {self.best}"] if self.best is not None else list(self.written)
        return f"ensemble({', '.join(told if self.vote == 'soft' else [*told, 'vote=hard'])})"


@dataclass(frozen=True)
class EnsembleCell:
    """One row of the results to be that other rows of the same images and seed vote for.

    Attributes
    ----------
    ensemble : Ensemble
    members : tuple of Cell
        Those that may vote, in the order of the experiment.
    """

    ensemble: Ensemble
    members: tuple[Cell, ...]

    @property
    def dataset(self) -> Component:
        """The members' data set."""
        return self.members[0].dataset

    @property
    def split(self) -> int:
        """The members' outer fold."""
        return self.members[0].split

    @property
    def seed(self) -> int:
        """The members' seed."""
        return self.members[0].seed

    @property
    def label(self) -> str:
        """What a table calls the row."""
        return self.ensemble.label

    def spec(self) -> dict[str, Any]:
        """Return everything that decides the result, the images and the code aside, in JSON's types."""
        asked = {"best": self.ensemble.best, "vote": self.ensemble.vote}
        return {"ensemble": {**asked, "members": [cell.spec() for cell in self.members]}}

    @property
    def cell_id(self) -> str:
        """A name for files: readable, and unique by a hash of `spec`."""
        asked, vote = self.ensemble, "" if self.ensemble.vote == "soft" else "-hard"
        # Not from how the rows were written: the same rows in other words are the same row.
        readable = f"of-{len(self.members)}" if asked.best is None else f"best-{asked.best}"
        return _file_name(f"ensemble-{readable}{vote}", self.spec())

    def columns(self) -> dict[str, str]:
        """Return the columns of a table that name its parts: the members', each once."""
        extractors = [cell.extractor.label for cell in self.members if cell.extractor]
        preprocesses = [cell.preprocess for cell in self.members]
        return {
            "extractor": ", ".join(dict.fromkeys(extractors)),
            "preprocess": ", ".join(dict.fromkeys(preprocesses)),
            "classifier": "ensemble",
        }


def _file_name(readable: str, spec: Mapping[str, Any]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", readable.lower()).strip("-")[:60]
    return f"{slug}-{hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:10]}"


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
    ensembles: tuple[Ensemble, ...] = ()

    def cells(self) -> Iterator[Cell | EnsembleCell]:
        """Yield every cell, those that share a stage one after another, ensembles after their members."""
        for dataset in self.datasets:
            for seed in self.seeds:
                for split in range(self.splits or 1):
                    yield from self._cells_of(dataset, split, seed)

    def _cells_of(self, dataset: Component, split: int, seed: int) -> Iterator[Cell | EnsembleCell]:
        shared = (dataset, split, self.splits, seed)
        for name in ("chance", "majority"):
            yield Cell(*shared, None, "none", Component("classifier", name), ({},), "none")
        pipelines = [
            Cell(*shared, extractor, preprocess, classifier, candidates, self.selection)
            for extractor in self.extractors
            for preprocess in self.preprocesses
            for classifier, candidates in self.classifiers
        ]
        yield from pipelines
        for ensemble in self.ensembles:
            yield EnsembleCell(ensemble, tuple(pipelines[row] for row in ensemble.rows))
