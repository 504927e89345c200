"""``featbench init``: the packaged configs, to be changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from featbench.cli.console import notice

__all__ = ["init"]


def init(
    folder: Annotated[Path, typer.Argument(help="Where to put them.")] = Path("configs"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Copy the packaged configs into a folder; files that are there are kept."""
    from featbench.config.packaged import packaged_configs
    from featbench.store import write_atomic

    kept = 0
    for name, source in packaged_configs().items():
        target = folder / f"{name}.yaml"
        if target.exists() and not force:
            kept += 1
            continue
        write_atomic(target, source.read_bytes())
        typer.echo(str(target))
    if kept:
        notice(f"{kept} files were there already and were kept; --force overwrites them.")
