"""``featbench data list | prepare NAME | verify NAME``: which images there are, and whether they are right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from featbench.cli.console import notice, print_rows
from featbench.datasets import DATASETS
from featbench.errors import ConfigError, FeatbenchError, must_be

__all__ = ["app"]

app = typer.Typer(help="List data sets, fetch them, verify them.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="A name that `featbench data list` shows.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A parameter of the data set, such as root=pictures.")
]
SeedOption = Annotated[int, typer.Option(help="Draws the split where the data set has none of its own.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]


@app.command("list")
def list_datasets() -> None:
    """List the data sets, what they are, and where their images lie."""
    print_rows(["name", "what", "where"], [_row(name) for name in DATASETS.rows()])


def _row(name: str) -> list[str]:
    from featbench.datasets.opening import make_loader
    from featbench.docstrings import read_docstring

    try:
        what = read_docstring(DATASETS.load(name)).summary
    except FeatbenchError as error:
        return [name, "cannot be imported", str(error)]
    try:
        loader = make_loader(name, {})
    except ConfigError:  # a required parameter
        return [name, what, f"where you say: `featbench info {name}`"]
    if not hasattr(loader, "find"):
        return [name, what, "in the installation"]
    folder = loader.find()
    return [name, what, str(folder) if folder else f"not here yet: `featbench data prepare {name}`"]


@app.command("prepare")
def prepare(name: NameArgument, settings: SetOption = None, seed: SeedOption = 0) -> None:
    """Fetch a data set where it has to be fetched, and read it once, so that a run finds it ready."""
    from featbench.datasets.opening import open_dataset

    dataset = open_dataset(name, _parameters(settings), seed=seed)
    n_train, n_test = len(dataset.train), len(dataset.test)
    notice(
        f"{dataset.name} is ready: {n_train:,} training and {n_test:,} test images of "
        f"{len(dataset.classes)} classes."
    )
    for note in dataset.notes:
        notice(f"· {note}")


@app.command("verify")
def verify(
    name: NameArgument, settings: SetOption = None, seed: SeedOption = 0, as_json: JsonOption = False
) -> None:
    """Read every file of a data set, check it, and tell what it holds; nothing is downloaded."""
    from featbench.datasets.opening import make_loader, open_dataset
    from featbench.datasets.summary import summarize

    parameters = _parameters(settings)
    if hasattr(make_loader(name, parameters), "download"):
        parameters["download"] = False
    summary = summarize(open_dataset(name, parameters, seed=seed))
    if as_json:
        typer.echo(json.dumps(summary, indent=1))
    else:
        _show(summary)


def _parameters(settings: Sequence[str] | None) -> dict[str, Any]:
    from featbench.config.document import parse_value

    parameters = {}
    for setting in settings or ():
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            wanted = "of the form key=value, such as root=pictures"
            raise ConfigError(must_be("--set", "a parameter", wanted, setting))
        parameters[key.strip()] = parse_value(text, f"--set {setting}")
    return parameters


def _show(summary: Mapping[str, Any]) -> None:
    shape = " × ".join(str(side) for side in summary["image_shape"])
    duplicates = summary["duplicates"]
    rows = [
        ["name", summary["name"]],
        ["source", summary["source"]],
        ["images", f"{shape}, uint8"],
        ["split", "the data set's own" if summary["official_split"] else "drawn by the seed"],
        *([part, _part(summary, part)] for part in ("train", "test")),
        ["exact duplicates", f"{duplicates['exact']} test images stand in the training set too"],
        ["near duplicates", f"{duplicates['near']} of {duplicates['compared']} test images compared"],
        ["fingerprint", summary["fingerprint"]],
        *(["note", note] for note in summary["notes"]),
    ]
    print_rows(["", ""], rows)
    counts = zip(summary["classes"], summary["train_counts"], summary["test_counts"], strict=True)
    print_rows(["class", "train", "test"], [[c, str(a), str(b)] for c, a, b in counts], [False, True, True])


def _part(summary: Mapping[str, Any], part: str) -> str:
    groups = summary[f"{part}_groups"]
    return f"{summary[f'n_{part}']:,} images{f' in {groups:,} groups' if groups else ''}"
