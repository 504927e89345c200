"""What ``featbench run --dry-run`` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from featbench.cli.console import notice, print_rows
from featbench.cli.progress import spoken
from featbench.text import counted

if TYPE_CHECKING:
    from featbench.dry_run import Planned
    from featbench.timing import Share

__all__ = ["print_planned"]

_NUMERIC = {"features s", "classifier s", "MB"}


def print_planned(rows: Sequence[Planned], load: Share | None = None) -> None:
    """Print a line a row on standard output, and what they take together on standard error.

    Parameters
    ----------
    rows : sequence of Planned
    load : Share or None, optional
        What others did on the processors while figures were reckoned.
    """
    from featbench.report.table import figure

    lines = [
        {
            "row": row.cell.label,
            "data set": row.dataset,
            "split": str(row.cell.split),
            "seed": str(row.cell.seed),
            "result": row.result,
            "features": "cached" if row.kept else "",
            "features s": figure(None if row.features is None else row.features.seconds),
            "classifier s": figure(row.row.seconds if row.row and row.row.seconds else None),
            "MB": figure(row.megabytes),
            "reckoned from": row.note or _source(row),
        }
        for row in rows
    ]
    # What is the same in all rows is no column.
    alone = ("data set", "split", "seed", "features")
    headings = [h for h in lines[0] if h not in alone or len({line[h] for line in lines}) > 1]
    numeric = [heading in _NUMERIC for heading in headings]
    print_rows(headings, [[line[h] for h in headings] for line in lines], numeric)
    _print_total(rows)
    if load is not None and load.disturbs:
        notice(
            "Other work took the processors meanwhile: on a machine at rest what was probed may take far less."
        )


def _source(row: Planned) -> str:
    """Return what a row's figures come from; apart where that differs."""
    told = {"features": row.features, "classifier": row.row}
    sources = {name: cost.source for name, cost in told.items() if cost is not None}
    if len(set(sources.values())) < 2:
        return "".join(set(sources.values()))
    return "; ".join(f"{name}: {source}" for name, source in sources.items())


def _print_total(rows: Sequence[Planned]) -> None:
    missing = [row for row in rows if not row.there]
    there = counted(len(rows) - len(missing), "row is", "rows are")
    if not missing:
        notice(f"All {there} in the folder already; nothing would be run.")
        return
    unknown = [row for row in missing if row.row is None]
    told = " for how long is not known"
    if any(row.seconds for row in missing):
        seconds = sum(row.seconds for row in missing)
        told = f" about {spoken(seconds)}" if seconds >= 1 else " under a second"
        if unknown:
            told += f", not counting {counted(len(unknown), 'row')} without a figure"
    notice(
        f"{there} in the folder already, {len(missing):,} would be run:{told}. "
        "Repeats for the clock are in it. Nothing was written."
    )
