"""``featbench report DIR…``: the tables and the page of runs, made anew from their cells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from featbench.cli.console import notice, print_summary

__all__ = ["report"]


def report(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders that `featbench run` wrote; finished or not.")
    ],
) -> None:
    """Make results.csv, .json, .md and report.html anew, and print the table."""
    from featbench.report import write_results
    from featbench.store import Store

    for folder in folders:
        store = Store(folder)
        store.read_run()  # refuses a foreign folder before anything is written
        print_summary(write_results(store))
        notice(f"Report: {folder / 'report.html'}")
