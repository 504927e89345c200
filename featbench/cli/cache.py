"""``featbench cache ls | verify | prune``: features that runs have kept, and the room that they take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from featbench.cache import Cache, Entry, read_size, told_size
from featbench.cli.console import notice, print_rows
from featbench.errors import StoreError
from featbench.text import counted

__all__ = ["app"]

app = typer.Typer(help="List kept features, verify them, make room.", no_args_is_help=True)

CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="The cache [default: FEATBENCH_CACHE, or the user's folder for caches].",
    ),
]


@app.command("ls")
def ls(folder: CacheOption = None) -> None:
    """List entries, the one used last at the end: what they are, their size, what they saved."""
    cache = Cache(folder)
    entries = cache.entries()
    headings = ["key", "features", "data", "rows", "size", "made in s", "made", "used"]
    numeric = [False, False, False, False, True, True, False, False]
    print_rows(headings, [_row(entry) for entry in entries], numeric)
    size = told_size(sum(entry.n_bytes for entry in entries))
    notice(f"{cache.root}: {counted(len(entries), 'entry', 'entries')}, {size} of {told_size(cache.limit)}")
    damaged = cache.damaged()
    if damaged:
        notice(
            f"{counted(len(damaged), 'damaged entry', 'damaged entries')} set aside; pruning removes them."
        )


def _row(entry: Entry) -> list[str]:
    used = time.strftime("%Y-%m-%d %H:%M", time.gmtime(entry.used))
    size = told_size(entry.n_bytes)
    try:
        told = entry.description()
        rows = ", ".join(f"{name} {n:,} × {d:,}" for name, (n, d) in told["rows"].items())
        made = str(told["made"])[:16].replace("T", " ")
        return [entry.key[:12], str(told["label"]), str(told["dataset"]), rows, size, _cost(told), made, used]
    except (StoreError, KeyError, TypeError, ValueError, AttributeError):
        return [entry.key[:12], "cannot be read", "", "", size, "", "", used]


def _cost(told: Mapping[str, Any]) -> str:
    """Return the seconds that a hit saves: those of all phases of making the features."""
    return f"{sum(timing['seconds'] for timing in told['phases'].values()):.2f}"


@app.command("verify")
def verify(folder: CacheOption = None) -> int:
    """Hold every file of every entry against its checksum, and set aside what is damaged; 1 where there was any."""
    cache, rows = Cache(folder), []
    for entry in cache.entries():
        try:
            entry.verify(again=True)
        except (StoreError, OSError) as error:
            if not entry.folder.is_dir():  # another process removed it meanwhile
                continue
            cache.set_aside(entry)
            rows.append([entry.key[:12], str(error)])
        else:
            rows.append([entry.key[:12], "ok"])
    print_rows(["key", "state"], rows)
    n_damaged = sum(state != "ok" for _, state in rows)
    if n_damaged:
        notice(f"{counted(n_damaged, 'damaged entry', 'damaged entries')} set aside; a run makes them again.")
    return 1 if n_damaged else 0


@app.command("prune")
def prune(
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="SIZE", help="Such as 10GB; 0 empties it [default: its limit]."),
    ] = None,
    folder: CacheOption = None,
) -> None:
    """Remove entries, damaged ones and those used longest ago first, until the others take no more than SIZE."""
    cache = Cache(folder)
    removed = cache.prune(None if to is None else read_size(to, "--to"))
    left = cache.entries()
    size = told_size(sum(entry.n_bytes for entry in left))
    removed_told = counted(len(removed), "entry", "entries")
    notice(f"{cache.root}: {removed_told} removed, {len(left):,} left, {size}")
