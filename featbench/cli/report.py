"""``featbench report DIR…``: the tables and the page of runs, made anew from their cells."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featbench.cli.console import notice, print_summary
from featbench.text import counted

if TYPE_CHECKING:
    from featbench.report.summary import Summary

__all__ = ["report"]


class Format(StrEnum):
    """How a report is printed."""

    HTML = "html"
    MD = "md"
    CSV = "csv"
    LATEX = "latex"
    JSON = "json"


def report(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders that `featbench run` wrote; finished or not.")
    ],
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="Print the report in this format instead, and leave the folders as they are."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write what --format asks for to this file.")
    ] = None,
    no_images: Annotated[
        bool,
        typer.Option(
            "--no-images",
            help="Show no image of the data sets on the page, where these may not be passed on.",
        ),
    ] = False,
    check_references: Annotated[
        bool,
        typer.Option(
            "--check-references",
            help="Exit with 1 where a row is to reproduce a published figure and is not within its tolerance.",
        ),
    ] = False,
) -> int:
    """Make results.csv, .json, .md and report.html anew, and print the table."""
    from featbench.errors import ConfigError
    from featbench.report import summarize_run, write_results
    from featbench.store import Store

    if output is not None and form is None:
        raise ConfigError("--output: needs a --format. Without one each folder gets its own files.")
    stores = [Store(folder) for folder in dict.fromkeys(folders)]
    for store in stores:
        store.read_run()  # refuses a foreign folder before anything is written
    if form is None:
        summaries = [write_results(store, pictures=not no_images) for store in stores]
        for store, summary in zip(stores, summaries, strict=True):
            print_summary(summary)
            notice(f"Report: {store.root / 'report.html'}")
    else:
        summaries = [summarize_run(store) for store in stores]
        _write(summaries, form, output, pictures=not no_images)
    return _check(summaries) if check_references else 0


def _write(summaries: list[Summary], form: Format, output: Path | None, *, pictures: bool) -> None:
    from featbench.report.formats import as_text
    from featbench.store import write_atomic

    text = as_text(summaries, form.value, pictures=pictures)
    if output is None:
        sys.stdout.write(text)
    else:
        write_atomic(output, text)


def _check(summaries: list[Summary]) -> int:
    """Say how every claim stands; return 1 where one fails."""
    from featbench.report.claims import check_claims

    checked = [check_claims(summary) for summary in summaries]
    held, failed = ([s for found in checked for s in found[i]] for i in (0, 1))
    for sentence in held:
        notice(f"ok: {sentence}")
    for sentence in failed:
        notice(f"not reproduced: {sentence}")
    if not held and not failed:
        notice(
            "No row of these runs is to reproduce a published figure; `reproduces` in an experiment says which."
        )
    else:
        do = "does" if len(failed) == 1 else "do"
        notice(f"{counted(len(held), 'claim holds', 'claims hold')}, {len(failed):,} {do} not.")
    return 1 if failed else 0
