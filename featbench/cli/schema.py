"""``featbench schema``: the JSON Schema of an experiment, for editors."""

from __future__ import annotations

import json

import typer

__all__ = ["schema"]


def schema() -> None:
    """Print the JSON Schema of an experiment file."""
    from featbench.config.schema import experiment_schema

    typer.echo(json.dumps(experiment_schema(), indent=2, ensure_ascii=False))
