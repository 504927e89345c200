"""``featbench try FOLDER``: every extractor before every classifier on a folder of images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from featbench.cli.console import notice
from featbench.cli.progress import TerminalProgress
from featbench.cli.run import ForceOption, JsonOption, OutputOption, finish
from featbench.errors import ConfigError, must_be

__all__ = ["try_experiment", "try_folder"]


def try_folder(
    folder: Annotated[Path, typer.Argument(help="One folder a class, or train/ and test/ above them.")],
    budget: Annotated[str, typer.Option(help="Begin no further row after so long: 90s, 10m, 1h.")] = "10m",
    images: Annotated[
        int, typer.Option(help="Use at most so many images, drawn evenly over classes.")
    ] = 5000,
    output: OutputOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> int:
    """Try every extractor before every classifier on a folder of images, and say which to take."""
    from featbench.config import Document, read_experiment
    from featbench.runner import run

    limit = parse_duration(budget)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-") or "folder"
    experiment = read_experiment(Document("try", try_experiment(folder, images)), f"try-{name}")
    result = run(
        experiment, output=output, force=force, retry_failed=True, progress=TerminalProgress(), budget_s=limit
    )
    if any(r["status"] == "skipped" and "budget" in r.get("reason", "") for r in result.records):
        notice(
            f"The budget of {budget} was spent before every row was made; the same command goes on from there."
        )
    return finish(result, as_json=as_json)


# What is made of others; what is there for comparison; what looks for the optimum that softmax and svm have, by
# other ways; what takes minutes where the others take seconds; what asks for the cells of a pooling; and networks,
# which ask for extras or files.
_LEFT_OUT = {
    "concat", "mapped", "bovw", "ensemble", "chance", "majority", "random_search", "sgd", "sklearn", "mlp",
    "bottleneck", "autoencoder", "cnn", "gram", "onnx", "own_head", "pretrained", "random_cnn",
}  # fmt: skip


def try_experiment(folder: Path, max_images: int) -> dict[str, Any]:
    """Return the experiment that tries everything registered on a folder, cheap rows first."""
    from featbench.classifiers import CLASSIFIERS
    from featbench.extractors import EXTRACTORS

    extractors: list[Any] = [name for name in EXTRACTORS.rows() if name not in _LEFT_OUT]
    extractors.append({"concat": ["hog", "hue"]})
    classifiers: list[Any] = []
    for name in CLASSIFIERS.rows():
        if name == "knn":
            classifiers += [{"name": "knn", "metric": "l1"}, {"name": "knn", "metric": "l2"}]
        elif name not in _LEFT_OUT:
            classifiers.append(name)
    return {
        "dataset": {"name": "folder", "root": str(folder), "max_images": max_images},
        "extractors": extractors,
        "preprocess": "standardize",
        "classifiers": classifiers,
        "selection": {"folds": 5},
        "timing": {"repeats": 3},
    }


def parse_duration(text: str) -> float:
    """Return the seconds of ``90s``, ``10m`` or ``1.5h``.

    Raises
    ------
    ConfigError
        Anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)", text.strip())
    if match is None:
        raise ConfigError(must_be("--budget", "a duration", "a number with s, m or h, such as 10m", text))
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
