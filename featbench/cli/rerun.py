"""``featbench rerun RESULT.json``: a result made again, and what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from featbench.cli.console import notice, print_rows
from featbench.cli.progress import TerminalProgress

__all__ = ["rerun"]


def rerun(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="RUN/cells/<cell>.json")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A new or empty folder [default: runs/rerun-CELL]."),
    ] = None,
) -> int:
    """Make a result again from the description that it holds, and say what differs."""
    from featbench.rerun import rerun as make_again

    done = make_again(result, output, TerminalProgress())
    print_rows(["what", "then", "now"], [[d.what, d.before, d.after] for d in done.differences])
    label = done.record["label"]
    if done.record["status"] not in ("ok", "skipped"):
        notice(
            f"{label}: {done.record['status']} when made again; the traceback is in {done.root / 'cells'}."
        )
        return 1
    if done.same and done.record["status"] == "skipped":
        notice(f"{label}: skipped again: {done.record['reason']}")
    elif done.same:
        notice(f"{label}: the result is the same: predictions, figures and chosen hyperparameters.")
    else:
        notice(f"{label}: the result is another one.")
    notice(f"Made again in {done.root}.")
    return 0 if done.same else 1
