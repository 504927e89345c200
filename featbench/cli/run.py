"""``featbench run``: from a YAML file to a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featbench.cli.console import notice, print_summary
from featbench.cli.progress import TerminalProgress
from featbench.text import counted

if TYPE_CHECKING:
    from featbench.runner import Run

__all__ = ["finish", "run"]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Override a key, such as classifier.reg=1e-3. Repeatable."
    ),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder for the results [default: runs/NAME].")
]
FilterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=PATTERN",
        help="Run only the rows that match, such as 'extractor=hog*' or classifier=svm,softmax. Repeatable.",
    ),
]
QuickOption = Annotated[
    bool,
    typer.Option("--quick", help="Run everything once on a small sample; test labels stay closed."),
]
DryOption = Annotated[
    bool, typer.Option("--dry-run", help="List the rows, what is there and what the rest will cost.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Run every row again, finished ones too.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print results.json instead of the table.")]


def run(
    config: Annotated[str, typer.Argument(help="A YAML file, or the name of a packaged config.")],
    overrides: SetOption = None,
    filters: FilterOption = None,
    quick: QuickOption = False,
    dry: DryOption = False,
    output: OutputOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> int:
    """Run an experiment and print its table of accuracy and cost."""
    if dry:
        return _plan(config, output, overrides or (), filters or (), quick=quick)
    from featbench.runner import run as run_experiment

    result = run_experiment(
        config,
        output=output,
        overrides=overrides or (),
        filters=filters or (),
        quick=quick,
        force=force,
        progress=TerminalProgress(),
    )
    return finish(result, as_json=as_json)


def _plan(
    config: str, output: Path | None, overrides: Sequence[str], filters: Sequence[str], *, quick: bool
) -> int:
    from featbench.cli.planned import print_planned
    from featbench.dry_run import dry_run

    print_planned(dry_run(config, output=output, overrides=overrides, filters=filters, quick=quick))
    return 0


def finish(result: Run, *, as_json: bool) -> int:
    """Print the table of a run and where its files lie; return 1 where a row failed or none was measured."""
    from featbench.report import as_json as to_json
    from featbench.report import summarize_run
    from featbench.store import Store

    root = result.root
    summary = summarize_run(Store(root))
    if as_json:
        sys.stdout.write(to_json(summary))
    else:
        print_summary(summary)
    if result.n_reused:
        were = counted(result.n_reused, "row was", "rows were")
        notice(f"{were} in the folder already and not run again; --force runs all.")
    notice(f"Report: {root / 'report.html'}; tables: {root / 'results.csv'}, .json, .md")
    if result.n_failed:
        notice(f"{counted(result.n_failed, 'row')} failed; tracebacks are in {root / 'cells'}.")
    return 1 if result.n_failed or not result.n_done else 0
