"""``featbench compare A B``: row by row, what moved; with a gate, whether it moved too far."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featbench.cli.console import notice, print_rows
from featbench.text import counted, csv_cell, markdown_cell

if TYPE_CHECKING:
    from featbench.report.comparison import Comparison, Pair

__all__ = ["compare"]

_HEADINGS = (
    "data set",
    "pipeline",
    "test % A",
    "test % B",
    "B − A",
    "chance",
    "train s A",
    "train s B",
    "B / A",
)
_TOLD = ("test_accuracy", "val_accuracy", "train_s", "fit_s", "predict_s", "images_per_s", "peak_rss_mb")


class Format(StrEnum):
    """How a comparison is printed."""

    TABLE = "table"
    MD = "md"
    CSV = "csv"
    JSON = "json"


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Folder of the run to compare with.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Folder of the run that is compared.")],
    across_machines: Annotated[
        bool, typer.Option("--across-machines", help="Compare times even where the machines differ.")
    ] = False,
    fail_if: Annotated[
        str | None,
        typer.Option(
            "--fail-if",
            metavar="METRIC:LIMIT,…",
            help="Exit with 1 where a row of B is worse than allowed, such as accuracy:-0.5,predict_s:+10%: points of "
            "an accuracy, percent of all else.",
        ),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TABLE,
) -> int:
    """Compare two runs: accuracies and times of the rows that both have."""
    from featbench.report.comparison import compare_runs
    from featbench.report.gates import failures, parse_gates
    from featbench.store import Store

    gates = parse_gates(fail_if) if fail_if is not None else ()
    comparison = compare_runs(Store(a), Store(b))
    failed = failures(comparison, gates, across_machines=across_machines) if gates else []
    told = {"a": str(a), "b": str(b), **_as_json(comparison, across_machines=across_machines)}
    if form is Format.JSON:
        from featbench.store import to_json

        sys.stdout.write(to_json({**told, "failures": failed}))
    elif form is Format.CSV:
        sys.stdout.write(_as_csv(told["rows"]))
    else:
        rows = [_row(pair, times=across_machines or pair.same_machine) for pair in comparison.pairs]
        _print(form, rows)
    _tell(comparison, across_machines=across_machines)
    for sentence in failed:
        notice(sentence)
    if gates:
        notice(
            f"{counted(len(failed), 'failure')} of the gate {fail_if}."
            if failed
            else f"The gate {fail_if} holds."
        )
    return 1 if failed else 0


def _print(form: Format, rows: list[list[str]]) -> None:
    if form is Format.TABLE:
        print_rows(_HEADINGS, rows, [False, False, True, True, True, False, True, True, True])
        return
    sys.stdout.write("| " + " | ".join(_HEADINGS) + " |\n|---|---|---:|---:|---:|---|---:|---:|---:|\n")
    for row in rows:
        sys.stdout.write("| " + " | ".join(map(markdown_cell, row)) + " |\n")


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures as they are, each of either run in a column of its own."""
    flat = [
        {f"{k}_{run}" if run else k: v for k, held in row.items() for run, v in _apart(held)} for row in rows
    ]
    names = list(dict.fromkeys(name for row in flat for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: csv_cell(v) if isinstance(v, str) else v for k, v in row.items()} for row in flat)
    return text.getvalue()


def _apart(held: Any) -> list[tuple[str, Any]]:
    return list(held.items()) if isinstance(held, dict) else [("", held)]


def _row(pair: Pair, *, times: bool) -> list[str]:
    from featbench.report.steadiness import marked
    from featbench.report.summary import TRAINING
    from featbench.report.table import percent, seconds, tested

    before, after = pair.figures("test_accuracy")
    moved = "" if before is None or after is None else f"{100 * (after - before):+.1f}"
    shown = [percent(before), percent(after)] if moved else [tested(pair.first), tested(pair.second)]
    slow, fast = pair.figures("train_s") if times else (None, None)
    ratio = f"{fast / slow:.2f}" if slow and fast else ""
    trained = [
        marked(seconds(value), line, *TRAINING) for value, line in ((slow, pair.first), (fast, pair.second))
    ]
    return [pair.dataset, pair.label, *shown, moved, pair.chance, *trained, ratio]


def _as_json(comparison: Comparison, *, across_machines: bool) -> dict[str, Any]:
    from featbench.report.gates import Gate

    rows = []
    for pair in comparison.pairs:
        comparable = across_machines or pair.same_machine
        columns = [c for c in _TOLD if comparable or not Gate(c, 0.0).is_time]
        rows.append(
            {
                "dataset": pair.dataset,
                "label": pair.label,
                "status": {"a": pair.first.status, "b": pair.second.status},
                "same_images": pair.same_images,
                "machines": {"a": pair.machines[0], "b": pair.machines[1]},
                "p_value": pair.p_value,
                "chance": pair.chance or None,
                "test": pair.test.method if pair.test else None,
                **{column: dict(zip("ab", pair.figures(column), strict=True)) for column in columns},
            }
        )
    only = [[{"dataset": dataset, "label": label} for dataset, label in keys] for keys in comparison.only]
    return {"rows": rows, "only_in_a": only[0], "only_in_b": only[1]}


def _tell(comparison: Comparison, *, across_machines: bool) -> None:
    """Say what the table does not show."""
    from featbench.report.summary import TRAINING

    for name, only in zip("AB", comparison.only, strict=True):
        if only:
            notice(
                f"Only in {name}: " + "; ".join(f"{label} on {dataset}" for dataset, label in sorted(only))
            )
    other = dict.fromkeys(
        pair.dataset
        for pair in comparison.pairs
        if pair.first.done and pair.second.done and not pair.same_images
    )
    for dataset in other:
        notice(
            f"{dataset}: the two runs saw different images, splits or seeds: their accuracies are not comparable."
        )
    lines = [line for pair in comparison.pairs for line in (pair.first, pair.second)]
    if any(not line.is_baseline and line.unsteady(*TRAINING) for line in lines):
        notice("~: a time that is not that of a machine at rest; the report of its run says more.")
    differing = dict.fromkeys(pair.machines for pair in comparison.pairs if not pair.same_machine)
    for machines in differing:
        told = (
            "are compared as they are" if across_machines else "are left out; --across-machines compares them"
        )
        notice(f"The machines differ ({machines[0]} against {machines[1]}): times {told}.")
