"""The experiment: what a YAML file asks for, and the cells that it multiplies out to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import Field

from featbench.config.components import Component
from featbench.config.executor import Dask, Local
from featbench.config.rows import OWN_HEAD, VOTES, Cell, Ensemble, EnsembleCell
from featbench.config.rules import Rule
from featbench.config.sections import Folds, Holdout, Section, Selection
from featbench.config.space import Candidates
from featbench.timing import Repeats

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


class Timing(Section):
    """How often a phase is repeated for its clock; long phases (over 2 s) run once."""

    repeats: Annotated[int, Ge(1), Le(100)] = Repeats.least
    budget_s: Annotated[float, Ge(0), Le(3600)] = Repeats.budget_s
    width: Annotated[float, Gt(0), Le(1)] = Repeats.width
    isolate: bool = False

    def rule(self) -> Repeats:
        """Return it as clocks take it."""
        return Repeats(self.repeats, self.budget_s, self.width)


TrainSize = Annotated[int, Ge(2)] | Literal["all"]


class Settings(Section):
    """The keys that are not plug-ins."""

    seeds: Annotated[list[Annotated[int, Ge(0), Lt(2**32)]], Len(1, 1000)] = Field(default=[0])
    splits: Annotated[int, Ge(2), Le(100)] | None = None
    train_size: TrainSize | Annotated[list[TrainSize], Len(1, 100)] = "all"
    timing: Timing = Timing()
    evidence: bool = True
    images: Literal["thumbnails", "none"] = "thumbnails"

    @property
    def train_sizes(self) -> tuple[int | None, ...]:
        """Every size once, ascending, all images (None) last."""
        sizes = self.train_size if isinstance(self.train_size, list) else [self.train_size]
        numbers = sorted({size for size in sizes if size != "all"})
        return (*numbers, *([None] if "all" in sizes else []))


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema of the keys that are not plug-ins."""
    schema = Settings.model_json_schema()
    definitions = schema.get("$defs", {})
    return {
        key: definitions.get(str(described.get("$ref", "")).rpartition("/")[2], described)
        for key, described in schema["properties"].items()
    }


@dataclass(frozen=True)
class Experiment:
    """A validated experiment; nothing of it is loaded yet."""

    name: str
    datasets: tuple[Component, ...]
    splits: int | None
    seeds: tuple[int, ...]
    extractors: tuple[Component, ...]
    preprocesses: tuple[str, ...]
    classifiers: tuple[tuple[Component, Candidates], ...]
    selection: Selection
    timing: Timing
    ensembles: tuple[Ensemble, ...] = ()
    train_sizes: tuple[int | None, ...] = (None,)
    exclude: tuple[Rule, ...] = ()
    reproduces: tuple[tuple[str, Rule | None], ...] = ()
    quick: bool = False
    executor: Local | Dask = field(default_factory=Local)
    evidence: bool = True
    images: Literal["thumbnails", "none"] = "thumbnails"

    def cells(self) -> Iterator[Cell | EnsembleCell]:
        """Yield every cell, those that share a stage one after another, ensembles after their members."""
        for dataset in self.datasets:
            for seed in self.seeds:
                for split in range(1 if self.quick else self.splits or 1):
                    yield from self._baselines(dataset, split, seed)
                    for size in self.train_sizes:
                        yield from self._cells_of(dataset, split, seed, size)

    def pipelines(self, dataset: Component, split: int, seed: int, train_size: int | None) -> dict[int, Cell]:
        """Return the pipelines of one split and size by their position, which they have with others too."""
        shared = (dataset, split, self.splits, seed)
        rows = (
            Cell(
                *shared,
                extractor,
                "none" if classifier.name == OWN_HEAD else preprocess,
                classifier,
                candidates,
                self.selection,
                train_size,
                self.quick,
            )
            for extractor in self.extractors
            for preprocess in self.preprocesses
            for classifier, candidates in self.classifiers
            # Scores are taken as they are, so that one row of them is enough.
            if classifier.name != OWN_HEAD or preprocess == self.preprocesses[0]
        )
        return {i: row for i, row in enumerate(rows) if not any(rule.matches(row) for rule in self.exclude)}

    def _baselines(self, dataset: Component, split: int, seed: int) -> Iterator[Cell]:
        """Yield the rows for chance and majority, which all sizes share: they learn nothing of images."""
        shared = (dataset, split, self.splits, seed)
        # Validation tells nothing of them that the test does not; where test labels stay closed it is all there is.
        selection: Selection = self.selection if self.quick else "none"
        for name in ("chance", "majority"):
            classifier = Component("classifier", name)
            yield Cell(*shared, None, "none", classifier, ({},), selection, quick=self.quick)

    def _cells_of(
        self, dataset: Component, split: int, seed: int, train_size: int | None
    ) -> Iterator[Cell | EnsembleCell]:
        pipelines = self.pipelines(dataset, split, seed, train_size)
        yield from pipelines.values()
        for ensemble in self.ensembles:
            members = tuple(pipelines[row] for row in ensemble.rows if row in pipelines)
            # What is excluded cannot vote: all must stand that are named, and as many as are to be the best.
            if len(members) >= (ensemble.best or len(ensemble.rows)):
                yield EnsembleCell(ensemble, members)
