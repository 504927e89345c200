"""Blocks: the cells on one extractor's features of one split, done in one place, one after another.

::

    plan      the cells of a run, split by split, each split loaded when its turn comes
    do_block  selects, refits and predicts the cells of a block: all of a cell that needs no test labels

What needs them is `featbench.evaluation.judge`, which the process that has the ledger calls. So a block may be done in
another process or on another machine, from its description, and test labels stay sealed there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from featbench.cache import Cache
from featbench.config import Cell, Component, EnsembleCell, Timing
from featbench.config.described import read_cell
from featbench.datasets.training_sizes import check_sizes, drawn, drawn_rows
from featbench.evaluation import Evaluated, Prediction, identity, predict
from featbench.evidence import NO_EVIDENCE, Wanted, Witness
from featbench.heads import behind
from featbench.isolation import Failure
from featbench.networks.telling import listening
from featbench.quick import sample_of
from featbench.sealed import SealedDataset
from featbench.selection import make_folds
from featbench.stages import Features, Skipped, extract, load
from featbench.timing import Timing as Clock

__all__ = ["Attempt", "Block", "Split", "attempt", "do_block", "features_of", "plan", "split_of"]

Made = TypeVar("Made")
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Block:
    """Cells of one data set, seed, split, training size and extractor.

    Attributes
    ----------
    cells : tuple of Cell
    timing : Timing
        How often phases are repeated.
    wanted : Wanted
        Of the evidence for the report.
    """

    cells: tuple[Cell, ...]
    timing: Timing
    wanted: Wanted = NO_EVIDENCE

    def describe(self) -> dict[str, Any]:
        """Return all that decides what is done, in JSON's types."""
        return {
            "cells": [cell.spec() for cell in self.cells],
            "timing": self.timing.model_dump(),
            "wanted": asdict(self.wanted),
        }

    @classmethod
    def read(cls, description: Mapping[str, Any]) -> Block:
        """Return the block that `describe` described.

        Raises
        ------
        ConfigError
            A plug-in of it is not registered here.
        """
        cells = tuple(read_cell(spec) for spec in description["cells"])
        return cls(cells, Timing.model_validate(description["timing"]), Wanted(**description["wanted"]))


@dataclass(frozen=True, eq=False)
class Split:
    """One split of a data set, or a part of its training images, with what is to be done on it.

    Attributes
    ----------
    data : SealedDataset
    load : Timing
        Of reading and decoding.
    blocks : tuple of Block
    ensembles : tuple of EnsembleCell
        That rows of the blocks vote in.
    """

    data: SealedDataset
    load: Clock
    blocks: tuple[Block, ...]
    ensembles: tuple[EnsembleCell, ...]


@dataclass(frozen=True, eq=False)
class Attempt:
    """What became of a cell short of its test labels.

    Attributes
    ----------
    cell : Cell or EnsembleCell
    outcome : Prediction or Evaluated
        What is still to be judged, or the record of a cell that failed or was skipped.
    seconds : float
        That it took, features included where this cell was the first to ask for them.
    told : mapping
        What the record tells of where it was made, where that was elsewhere.
    """

    cell: Cell | EnsembleCell
    outcome: Prediction | Evaluated
    seconds: float
    told: Mapping[str, Any] = field(default_factory=dict)


def plan(
    cells: Sequence[Cell | EnsembleCell], n_splits: int | None, timing: Timing, tell: Tell
) -> Iterator[Split]:
    """Load the data sets of a run one after another and yield their splits with their cells.

    Parameters
    ----------
    cells : sequence of Cell or EnsembleCell
        In the order of `Experiment.cells`.
    n_splits : int or None
        Outer folds of the experiment.
    timing : Timing
    tell : callable
        Is told what is being loaded.

    Yields
    ------
    Split

    Raises
    ------
    DataError
        A data set cannot be read, or training sizes or the folds of selection cannot be drawn.
    """
    names: dict[str, Component] = {}
    for (dataset, seed), group in groupby(cells, key=lambda c: (c.dataset, c.seed)):
        tell(f"loading {dataset.label}")
        parts, clock = load(dataset, n_splits, seed)
        of_seed = list(group)
        _check(parts, of_seed)
        for _, alike in groupby(of_seed, key=lambda c: (c.split, c.train_size)):
            of_split = list(alike)
            pipelines = [cell for cell in of_split if isinstance(cell, Cell)]
            ensembles = tuple(cell for cell in of_split if isinstance(cell, EnsembleCell))
            data = _named_apart(split_of(parts, of_split[0]), dataset, names)
            blocks = tuple(
                Block(tuple(of_extractor), timing)
                for _, of_extractor in groupby(pipelines, key=lambda c: c.extractor)
            )
            yield Split(data, clock, blocks, ensembles)


def split_of(parts: Sequence[SealedDataset], cell: Cell | EnsembleCell) -> SealedDataset:
    """Return the images of a cell, of the splits of its data set and seed: all, as many as it asks for, or a sample."""
    data = parts[cell.split]
    return sample_of(data, cell.seed) if cell.quick else drawn(data, cell.train_size, cell.seed)


def _check(parts: Sequence[SealedDataset], cells: Sequence[Cell | EnsembleCell]) -> None:
    """Refuse sizes and folds that cannot be drawn, before any test label is opened."""
    for data in parts:
        check_sizes(data, dict.fromkeys(cell.train_size for cell in cells))
    pipelines = [cell for cell in cells if isinstance(cell, Cell)]
    asked = {(c.split, c.train_size, c.selection): c for c in pipelines}
    for cell in asked.values():
        train = parts[cell.split].train
        if cell.quick:
            train = sample_of(parts[cell.split], cell.seed).train
            labels, groups = train.labels, train.groups
        else:
            rows = drawn_rows(parts[cell.split], cell.train_size, cell.seed)
            labels, groups = train.labels[rows], None if train.groups is None else train.groups[rows]
        make_folds(labels, groups, cell.selection, cell.seed)


def _named_apart(data: SealedDataset, dataset: Component, names: dict[str, Component]) -> SealedDataset:
    """Give a data set another name where one with other parameters has its name already."""
    if names.setdefault(data.name, dataset) == dataset:
        return data
    return replace(data, name=f"{data.name} ({dataset.label})")


def features_of(
    cell: Cell,
    data: SealedDataset,
    timing: Timing,
    scratch: Path | None,
    tell: Tell,
    cache: Cache | None = None,
) -> Callable[[], Features]:
    """Return what makes a cell's features when they are first asked for; that they fail is told each time.

    Parameters
    ----------
    cell : Cell
    data : SealedDataset
    timing : Timing
    scratch : Path or None
        On whose disk features lie that memory does not hold.
    tell : callable
        Is told what is being made.
    cache : Cache, optional
        Where features are looked for and put.

    Returns
    -------
    callable
    """
    made: list[Features | BaseException] = []
    extractor = cell.extractor

    def features() -> Features:
        if not made:
            what = f"{extractor.label if extractor else 'baselines'} on {data.name}"
            tell(what)
            try:
                with listening(lambda epoch: tell(f"{what}: {epoch}")):
                    rule = timing.rule()
                    made.append(extract(extractor, data, cell.selection, cell.seed, rule, scratch, cache))
            except (Exception, SystemExit) as error:
                made.append(error)
        if isinstance(made[0], BaseException):
            raise made[0]
        return made[0]

    return features


def do_block(
    block: Block,
    data: SealedDataset,
    features: Callable[[], Features],
    tell: Tell,
    deadline: float = float("inf"),
) -> Iterator[Attempt]:
    """Do the cells of a block, one after another, up to where test labels are needed.

    Parameters
    ----------
    block : Block
    data : SealedDataset
        Stays sealed.
    features : callable
        Of `features_of`; called when the first cell needs them.
    tell : callable
        Is told which cell is being done.
    deadline : float, optional
        By `time.perf_counter`; no cell is begun after it.

    Yields
    ------
    Attempt
        One a cell, in their order, as each is done; fewer where the deadline passed.
    """
    witnesses: dict[bool, Witness] = {}

    def make(cell: Cell) -> Prediction:
        made = features()
        tell(f"{cell.label} on {data.name}")
        own = behind(made, cell)
        # Scores of an extractor's own classifier are other features than the others'.
        witness = witnesses.setdefault(own is made, Witness(data, cell.seed, block.wanted))
        return predict(cell, data, own, block.timing.rule(), witness)

    for cell in block.cells:
        start = time.perf_counter()
        if start > deadline:
            return
        outcome = attempt(cell, data, partial(make, cell))
        yield Attempt(cell, outcome, time.perf_counter() - start)


def attempt(cell: Cell | EnsembleCell, data: SealedDataset, make: Callable[[], Made]) -> Made | Evaluated:
    """Return what `make` makes of a cell, or the record of how it failed or why it was skipped."""
    try:
        return make()
    except Skipped as skipped:
        told = {"status": "skipped", "reason": str(skipped)}
    except (Exception, SystemExit) as error:
        told = Failure.of(error).to_json()
    return Evaluated({**identity(cell, data), **told}, {})
