"""``featbench records merge DIR…`` and ``featbench records export DIR``: results beyond the folder that they lie in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from featbench.cli.console import notice, print_summary
from featbench.errors import ConfigError, must_be
from featbench.text import counted

__all__ = ["app"]

app = typer.Typer(help="Merge folders of results, and export them to other programs.", no_args_is_help=True)


@app.command("merge")
def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR…", help="Folders that `featbench run` wrote.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new or empty folder.")],
    prefer: Annotated[
        Path | None,
        typer.Option(
            "--prefer", metavar="DIR", help="Whose result counts where two folders differ in a cell."
        ),
    ] = None,
) -> None:
    """Put the cells, arrays and ledgers of several folders into one, and print its table."""
    from featbench.records import merge as merge_folders
    from featbench.report import summarize_run
    from featbench.store import Store

    if len(folders) < 2:
        raise ConfigError(must_be("records merge", "DIR…", "two folders or more", str(folders[0])))
    done = merge_folders(folders, output, prefer)
    print_summary(summarize_run(Store(done.root)))
    notice(
        f"{counted(done.n_cells, 'row')} and {counted(done.n_openings, 'line')} of ledgers are in {done.root}; report: "
        f"{done.root / 'report.html'}"
    )
    if done.n_shared:
        were = counted(done.n_shared, "row was", "rows were")
        notice(
            f"{were} in several folders with the same result; times are those of the first that was given."
        )


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `featbench run` wrote.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FILE",
            help="NAME.parquet, NAME.json or NAME.csv; or mlflow:FOLDER to track runs.",
        ),
    ],
) -> None:
    """Write the rows of a run for other programs."""
    if to.startswith("mlflow:"):
        from featbench.records.tracking import track

        done = track(folder, Path(to.removeprefix("mlflow:")))
        there = f"; {done.n_there} were there" if done.n_there else ""
        notice(
            f"{counted(done.n_written, 'row')} written to {done.folder}, experiment {done.experiment!r}{there}."
        )
        return
    from featbench.records import export as export_rows

    n = export_rows(folder, Path(to))
    notice(f"{counted(n, 'row')} written to {to}.")
