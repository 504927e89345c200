"""Two runs side by side: which rows moved, by how much, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featbench.errors import ConfigError
from featbench.report.right import compared, right_of
from featbench.report.summary import Line, Summary, summarize_run
from featbench.results import to_row
from featbench.stats import PairedTest, verdict_of
from featbench.store import Store

__all__ = ["Comparison", "Pair", "compare_runs", "machine_of"]


@dataclass(frozen=True)
class Pair:
    """A row that both runs have.

    Attributes
    ----------
    dataset, label : str
    first, second : Line
        The row in either run.
    same_images : bool
        Whether both finished the same splits and seeds, of the same images.
    machines : tuple of str
        The machine, or machines, of either.
    test : PairedTest or None
        On the test images, of this row by itself; None where it cannot be made.
    """

    dataset: str
    label: str
    first: Line
    second: Line
    same_images: bool
    machines: tuple[str, str]
    test: PairedTest | None

    @property
    def p_value(self) -> float | None:
        """Of the test."""
        return None if self.test is None else self.test.p_value

    @property
    def same_machine(self) -> bool:
        """Whether times can be compared."""
        return self.machines[0] == self.machines[1]

    @property
    def chance(self) -> str:
        """``beyond chance`` or ``within chance``; empty where that was not tested."""
        return "" if self.test is None else verdict_of(self.test.p_value)

    def figures(self, column: str) -> tuple[float | None, float | None]:
        """Return a column of the results in either run, as a mean over splits and seeds.

        Besides those of ``results.csv`` there is ``train_s``: from decoded images to a fitted, selected pipeline.
        """
        first, second = (_mean(line, column) for line in (self.first, self.second))
        return first, second


@dataclass(frozen=True)
class Comparison:
    """Two runs.

    Attributes
    ----------
    pairs : tuple of Pair
        In the order of the first run.
    only : tuple of tuple of (str, str)
        Data set and label of the rows that the first, and that the second run alone has.
    """

    pairs: tuple[Pair, ...]
    only: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


def compare_runs(first: Store, second: Store) -> Comparison:
    """Put two runs side by side.

    Parameters
    ----------
    first, second : Store
        Folders of runs, finished or not; only read.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigError
        A folder holds no run, or the runs have no row in common.
    StoreError
        A file is damaged.
    """
    summaries = [summarize_run(store) for store in (first, second)]
    ours, theirs = (_lines(summary) for summary in summaries)
    shared = [key for key in ours if key in theirs]
    if not shared:
        names = [
            ", ".join(dict.fromkeys(dataset for dataset, _ in lines)) or "nothing" for lines in (ours, theirs)
        ]
        raise ConfigError(
            f"{first.root} and {second.root}: have no row in common; {names[0]} against {names[1]}."
        )
    fallback = [summary.run.get("environment") or {} for summary in summaries]
    pairs = []
    for dataset, label in shared:
        lines = ours[dataset, label], theirs[dataset, label]
        cells = _matched(*lines)
        whole = bool(cells) and all(len(line.done) == len(cells) for line in lines)
        same = whole and all(a["data"].get("fingerprint") == b["data"].get("fingerprint") for a, b in cells)
        machines = tuple(_machines(line, known) for line, known in zip(lines, fallback, strict=True))
        test = _test(first, second, cells) if same else None
        pairs.append(Pair(dataset, label, *lines, same, (machines[0], machines[1]), test))
    only = tuple(key for key in ours if key not in theirs), tuple(key for key in theirs if key not in ours)
    return Comparison(tuple(pairs), only)


def machine_of(environment: Mapping[str, Any]) -> str:
    """Return what times depend on, as a result tells it: processor, cores, threads."""
    threads = (environment.get("threads") or {}).get("kernels")
    told = [environment.get("cpu") or "unknown"]
    told += [f"{environment['cores']} cores"] if environment.get("cores") else []
    return ", ".join([*told, *([f"{threads} threads"] if threads else [])])


def _lines(summary: Summary) -> dict[tuple[str, str], Line]:
    return {(dataset.name, line.label): line for dataset in summary.datasets for line in dataset.lines}


def _matched(first: Line, second: Line) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the finished cells of one split and seed that both have."""
    theirs = {(r["seed"], r["split"]): r for r in second.done}
    return [(r, theirs[r["seed"], r["split"]]) for r in first.done if (r["seed"], r["split"]) in theirs]


def _machines(line: Line, fallback: Mapping[str, Any]) -> str:
    told = {machine_of(record.get("environment") or fallback): None for record in line.records}
    return "; ".join(sorted(told))


def _mean(line: Line, column: str) -> float | None:
    if column == "train_s":
        return line.training_seconds
    values = [to_row(record)[column] for record in line.done]
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if numbers else None


def _test(
    first: Store, second: Store, cells: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
) -> PairedTest | None:
    """Test the stored predictions; None where that cannot be done."""
    sides = [
        right_of(store, side) for store, side in zip((first, second), zip(*cells, strict=True), strict=True)
    ]
    ours, theirs = sides
    if ours is None or theirs is None or not ours.same_images(theirs):
        return None
    return compared(ours, theirs)
