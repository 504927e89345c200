"""What the terminal shows: tables for people, tab-separated lines for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from featbench.text import printable

if TYPE_CHECKING:
    from featbench.report.summary import Summary

__all__ = ["notice", "print_error", "print_rows", "print_summary"]

_MOST_NOTES = 8
# Under so many columns of the terminal, columns of the table are left out, those that matter least first.
_LEFT_OUT = {
    130: {"chosen", "fit s", "dim", "model MB", "peak MB", "train %", "vs ★"},
    90: {"val %", "images/s"},
    60: {"train s"},
}


def notice(text: str) -> None:
    """Say something on standard error, where it is in nobody's way."""
    Console(stderr=True, highlight=False).print(Text(printable(text)), soft_wrap=True)


def print_error(text: str) -> None:
    """Print an error, a line a problem, on standard error."""
    console = Console(stderr=True, highlight=False)
    for number, line in enumerate(text.splitlines()):
        prefix = Text("error: ", style="bold red") if number == 0 else Text("       ")
        console.print(prefix + Text(printable(line)), soft_wrap=True)


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool] = ()) -> None:
    """Print a table; without a terminal, a line of tab-separated cells a row.

    Parameters
    ----------
    headings : sequence of str
        One a column.
    rows : sequence of sequence of str
        Shown as they are, control characters disarmed; nothing in them is markup.
    numeric : sequence of bool, optional
        Which columns stand to the right.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        for row in (headings, *rows):
            sys.stdout.write("\t".join(printable(cell) for cell in row) + "\n")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        right = number < len(numeric) and numeric[number]
        # What names a row is folded and never dropped; a figure is worth nothing without it.
        table.add_column(
            heading,
            justify="right" if right else "left",
            no_wrap=right,
            overflow="fold",
            min_width=0 if right else 16,
        )
    for row in rows:
        starred = any(cell.startswith("★") for cell in row)
        table.add_row(*(Text(printable(cell)) for cell in row), style="bold" if starred else None)
    console.print(table)


def print_summary(summary: Summary) -> None:
    """Print each data set's table and verdict on standard output, the notes on standard error."""
    from featbench.report.table import caption, columns_of, footnotes, verdict

    console = Console(highlight=False)
    narrow = [
        headings for width, headings in _LEFT_OUT.items() if console.is_terminal and console.width < width
    ]
    for dataset in summary.datasets:
        columns = [c for c in columns_of([dataset]) if c.heading not in set().union(*narrow)]
        if console.is_terminal:
            console.print(Text(printable(caption(dataset)), style="bold"))
        rows = [[column.show(line) for column in columns] for line in dataset.lines]
        print_rows([c.heading for c in columns], rows, [c.numeric for c in columns])
        notice(verdict(dataset))
    notes = footnotes(summary)
    for note in notes[:_MOST_NOTES]:
        notice(f"· {note}")
    if len(notes) > _MOST_NOTES:
        notice(f"· and {len(notes) - _MOST_NOTES} more notes, which the report holds")
