"""Cells: the rows of the results to be, each named by everything that decides its result."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from featbench.config.components import Component
from featbench.config.sections import Selection
from featbench.config.space import Candidates, Space
from featbench.config.strategies import Strategy

__all__ = ["OWN_HEAD", "VOTES", "Cell", "Ensemble", "EnsembleCell"]

VOTES = ("soft", "hard")
OWN_HEAD = "own_head"  # the classifier that gets an extractor's own scores in the place of features


@dataclass(frozen=True)
class Cell:
    """One row of the results to be: a dataset, a split, a seed, an extractor, a classifier.

    The rows for chance and majority have no extractor.

    Attributes
    ----------
    train_size : int or None
        Training images to learn from, drawn by class and seed; None for all.
    quick : bool
        Whether it runs on a sample, and its test labels stay closed; see `featbench.quick`.
    """

    dataset: Component
    split: int
    n_splits: int | None
    seed: int
    extractor: Component | None
    preprocess: str
    classifier: Component
    candidates: Candidates
    selection: Selection
    train_size: int | None = None
    quick: bool = False

    @property
    def pipeline(self) -> str:
        """What is done to an image, whatever it was learned from."""
        if self.extractor is None:
            return self.classifier.name
        prepared = "" if self.preprocess == "none" else f" → {self.preprocess}"
        return f"{self.extractor.label}{prepared} → {self.classifier.label}"

    @property
    def label(self) -> str:
        """What a table calls the row."""
        return self.pipeline + _told_size(self.train_size)

    @property
    def strategy(self) -> Strategy | None:
        """How selection searches a space; None where it tries every candidate, or has nothing to choose."""
        if isinstance(self.selection, str) or not isinstance(self.candidates, Space):
            return None
        return self.selection.search

    def spec(self) -> dict[str, Any]:
        """Return everything that decides the result, the images and the code aside, in JSON's types."""
        # What is not used is not told, so that results stay valid that are older than the key.
        chosen, tried = self.selection, self.candidates
        unused = None if self.strategy else {"search"}
        selection = (
            chosen if isinstance(chosen, str) else chosen.model_dump(exclude=unused, exclude_none=True)
        )
        told: dict[str, Any] = {} if self.train_size is None else {"train_size": self.train_size}
        if self.quick:
            told["quick"] = True
        return {
            "dataset": self.dataset.spec(),
            "splits": self.n_splits,
            "split": self.split,
            "seed": self.seed,
            "extractor": self.extractor.spec() if self.extractor else None,
            "preprocess": self.preprocess,
            "classifier": self.classifier.spec(),
            "candidates": tried.spec() if isinstance(tried, Space) else [dict(c) for c in tried],
            "selection": selection,
            **told,
        }

    @property
    def cell_id(self) -> str:
        """A name for files: readable, and unique by a hash of `spec`."""
        names = [self.extractor.label] if self.extractor else []
        size = [] if self.train_size is None else [str(self.train_size)]
        return _file_name("-".join([*names, self.classifier.name, *size]), self.spec())

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
    def train_size(self) -> int | None:
        """The members' number of training images; None for all."""
        return self.members[0].train_size

    @property
    def quick(self) -> bool:
        """Whether the members run on a sample."""
        return self.members[0].quick

    @property
    def pipeline(self) -> str:
        """What is done to an image, whatever it was learned from."""
        return self.ensemble.label

    @property
    def label(self) -> str:
        """What a table calls the row."""
        return self.pipeline + _told_size(self.train_size)

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


def _told_size(train_size: int | None) -> str:
    return "" if train_size is None else f" · {train_size:,} images"


def _file_name(readable: str, spec: Mapping[str, Any]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", readable.lower()).strip("-")[:60]
    return f"{slug}-{hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:10]}"
