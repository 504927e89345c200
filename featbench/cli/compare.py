"""``featbench compare A B``: row by row, what moved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featbench.cli.console import notice, print_rows
from featbench.errors import ConfigError

if TYPE_CHECKING:
    from featbench.report.summary import Line, Summary

__all__ = ["compare"]


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Folder of the run to compare with.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Folder of the run that is compared.")],
) -> None:
    """Compare two runs: accuracies and times of the rows that both have."""
    from featbench.report import summarize_run
    from featbench.store import Store

    first, second = summarize_run(Store(a)), summarize_run(Store(b))
    ours, theirs = _lines(first), _lines(second)
    shared = [key for key in ours if key in theirs]
    if not shared:
        raise ConfigError(f"{a} and {b}: have no row in common; {_named(ours)} against {_named(theirs)}.")
    rows = [[*key, *_difference(ours[key], theirs[key])] for key in shared]
    headings = ["data set", "pipeline", "test % A", "test % B", "B − A", "train s A", "train s B", "B / A"]
    print_rows(headings, rows, [False, False, *[True] * 6])
    for name, only in (("A", ours.keys() - theirs.keys()), ("B", theirs.keys() - ours.keys())):
        if only:
            notice(
                f"Only in {name}: " + "; ".join(f"{label} on {dataset}" for dataset, label in sorted(only))
            )
    for key in shared:
        if ours[key].records[0]["data"].get("fingerprint") != theirs[key].records[0]["data"].get(
            "fingerprint"
        ):
            notice(f"{key[0]}: the two runs saw different images, so their accuracies are not comparable.")
            break
    machines = [run.run.get("environment", {}).get("cpu") for run in (first, second)]
    if machines[0] != machines[1]:
        notice(f"The machines differ ({machines[0]}; {machines[1]}), so the times are not comparable.")


def _named(lines: Mapping[tuple[str, str], Line]) -> str:
    return ", ".join(dict.fromkeys(dataset for dataset, _ in lines)) or "nothing"


def _lines(summary: Summary) -> dict[tuple[str, str], Line]:
    return {(dataset.name, line.label): line for dataset in summary.datasets for line in dataset.lines}


def _difference(ours: Line, theirs: Line) -> list[str]:
    from featbench.report.table import percent, seconds, tested

    before, after = ours.mean("test_accuracy"), theirs.mean("test_accuracy")
    moved = "" if before is None or after is None else f"{100 * (after - before):+.1f}"
    slow, fast = ours.training_seconds, theirs.training_seconds
    ratio = f"{fast / slow:.2f}" if slow and fast else ""
    shown = [tested(ours), tested(theirs)] if moved == "" else [percent(before), percent(after)]
    return [*shown, moved, seconds(slow), seconds(fast), ratio]
