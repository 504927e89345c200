"""``featbench run``: from a YAML file to a table."""

from __future__ import annotations

import sys
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
ForceOption = Annotated[bool, typer.Option("--force", help="Run every row again, finished ones too.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print results.json instead of the table.")]


def run(
    config: Annotated[str, typer.Argument(help="A YAML file, or the name of a packaged config.")],
    overrides: SetOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> int:
    """Run an experiment and print its table of accuracy and cost."""
    from featbench.runner import run as run_experiment

    result = run_experiment(
        config, output=output, overrides=overrides or (), force=force, progress=TerminalProgress()
    )
    return finish(result, as_json=as_json)


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
