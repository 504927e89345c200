"""Runs of a few seconds, and their cells."""

from __future__ import annotations

from pathlib import Path

from featbench.config.document import parse
from featbench.config.reading import read_experiment
from featbench.runner import run


def run_text(text: str, name: str, folder: Path) -> Path:
    return run(read_experiment(parse(text, f"{name}.yaml"), name), output=folder / name).root


def cell_of(root: Path, name: str) -> Path:
    return next((root / "cells").glob(f"*-{name}-*.json"))
