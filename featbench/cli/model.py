"""``featbench model export CELL DIR`` and ``featbench model predict DIR IMAGES…``: the winner labels files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featbench.cli.console import notice, print_rows
from featbench.cli.progress import FileProgress
from featbench.errors import DataError
from featbench.text import counted, csv_cell, first_few

if TYPE_CHECKING:
    from featbench.model import Exported, Labelled

__all__ = ["app"]

app = typer.Typer(help="Export a row of a run as a model, and label files with it.", no_args_is_help=True)


@app.command("export")
def export_model(
    cell: Annotated[
        Path,
        typer.Argument(
            metavar="CELL", help="RUN/cells/<cell>.json, or RUN for the row that validation recommends."
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to: a new or empty folder.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a model that is there.")] = False,
) -> None:
    """Write a row of a run as a model: pixels to label, JSON and arrays."""
    from featbench.model import export

    notice("Fitting again: a cell keeps figures and predictions, no fitted pipeline.")
    _tell(export(cell, folder, force=force))


def _tell(done: Exported) -> None:
    manifest, test = done.manifest, done.manifest["test"]
    shape = " × ".join(str(side) for side in manifest["image"]["shape"])
    rows = [
        ["model", str(done.folder)],
        ["pipeline", manifest["pipeline"]],
        ["classes", str(len(manifest["classes"]))],
        ["images", f"{shape}, {manifest['image']['resize']}"],
        ["test accuracy", f"{test['accuracy']:.1%} [{test['low']:.1%}, {test['high']:.1%}]"],
        ["size", f"{done.n_bytes / 1e6:,.1f} MB" if done.n_bytes >= 1e5 else f"{done.n_bytes / 1e3:.0f} kB"],
    ]  # fmt: skip
    print_rows(["", ""], rows)
    notice(f"Checked: {manifest['check']}.")
    notice(f"Label files: featbench model predict {done.folder} IMAGES…")


@app.command("predict")
def predict(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that `featbench model export` wrote.")
    ],
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGES…", help="Image files, and folders of them, however nested."),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="A CSV file instead of a table.")
    ] = None,
) -> None:
    """Label image files with a model; files that cannot be read are named, the others labelled."""
    from featbench.model import label_files, load
    from featbench.model.labelling import list_files

    model = load(folder)
    files, problems = list_files(images)
    progress = FileProgress()
    found: list[Labelled] = []
    progress.begin(len(files), 0)
    progress.stage("labelling")
    try:
        for labelled in label_files(model, files):
            found.append(labelled)
            if labelled.problem is not None:
                problems.append(f"{labelled.file}: {labelled.problem}")
            progress.advance(len(found), len(problems))
    finally:
        progress.end()
    rows = [
        [f.file, f.label, "" if f.confidence is None else f"{f.confidence:.4f}"]
        for f in found
        if f.label is not None
    ]
    _show(rows, output)
    if model.measure == "margin":
        notice("Confidence is a margin: the label's score minus the second highest, 0 where they are equal.")
    if problems:
        named = first_few([p.rstrip(".") for p in problems], 10)
        raise DataError(
            f"{counted(len(problems), 'file or folder', 'files or folders')} could not be labelled: {named}."
        )


def _show(rows: list[list[str]], output: Path | None) -> None:
    headings = ["file", "label", "confidence"]
    if output is None:
        print_rows(headings, rows, [False, False, True])
        return
    from featbench.store import write_atomic

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows([csv_cell(file), csv_cell(label), confidence] for file, label, confidence in rows)
    write_atomic(output, text.getvalue())
    notice(f"{counted(len(rows), 'image')} labelled: {output}")
