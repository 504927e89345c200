"""Progress on standard error, with a time left that is told only when it is known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from featbench.results import FAILED
from featbench.text import printable

if TYPE_CHECKING:
    from featbench.config import Cell, EnsembleCell

__all__ = ["Estimate", "FileProgress", "TerminalProgress", "spoken"]

# Without a terminal, seconds between two lines about files.
_LINE_EVERY_S = 10.0


class Estimate:
    """How long the rest will take, from what the parts took that are done.

    A cell's seconds belong to its classifier, and those of the first cell on an extractor's features
    include the features; what was never seen is taken for the mean of its kind.

    Parameters
    ----------
    cells : sequence of Cell or EnsembleCell
        All of the run, in order.
    """

    def __init__(self, cells: Sequence[Cell | EnsembleCell]) -> None:
        self._left = [self._key(before, cell) for before, cell in zip([None, *cells], cells, strict=False)]
        self._seen: dict[tuple[str, str], list[float]] = {}

    @staticmethod
    def _key(before: Cell | EnsembleCell | None, cell: Cell | EnsembleCell) -> tuple[str, str]:
        from featbench.config import EnsembleCell

        if isinstance(cell, EnsembleCell):
            return "", "ensemble of rows"
        same = before is not None and (
            before.dataset, before.split, before.seed, before.train_size, getattr(before, "extractor", None),
        ) == (cell.dataset, cell.split, cell.seed, cell.train_size, cell.extractor)  # fmt: skip
        if cell.extractor is None:
            return "none", cell.classifier.name
        return "" if same else cell.extractor.label, cell.classifier.name

    def done(self, seconds: float, *, reused: bool) -> None:
        """Note that the next cell is done; one that was there already teaches nothing."""
        key = self._left.pop(0)
        if not reused:
            self._seen.setdefault(key, []).append(seconds)

    def seconds_left(self) -> float | None:
        """Return the seconds that the rest will take, or None before a cell with an extractor is done."""
        seen = [s for (extractor, _), times in self._seen.items() for s in times if extractor != "none"]
        if not seen:
            return None
        typical = sum(seen) / len(seen)
        return sum(self._mean(key, typical) for key in self._left)

    def _mean(self, key: tuple[str, str], typical: float) -> float:
        times = self._seen.get(key)
        return sum(times) / len(times) if times else typical


class TerminalProgress:
    """A line that moves on a terminal; elsewhere a line a finished cell."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._estimate = Estimate([])
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=None, left="")
        self._n_done = 0
        self._n = 0

    def begin(self, cells: Sequence[Cell | EnsembleCell]) -> None:
        """Start the line."""
        self._estimate = Estimate(cells)
        self._n = len(cells)
        self._bar.update(self._task, total=len(cells))
        if self._console.is_terminal:
            self._bar.start()

    def stage(self, text: str) -> None:
        """Show what is being worked on."""
        self._bar.update(self._task, description=printable(text)[:60])

    def cell(
        self, cell: Cell | EnsembleCell, record: dict[str, Any], seconds: float, *, reused: bool
    ) -> None:
        """Move on by a cell."""
        self._estimate.done(seconds, reused=reused)
        self._n_done += 1
        left = self._estimate.seconds_left()
        told = "" if left is None or self._n_done == self._n else f"about {spoken(left)} left"
        self._bar.update(self._task, advance=1, left=told)
        if not self._console.is_terminal:
            there = "failed in an earlier run" if record["status"] in FAILED else "already there"
            what = there if reused else f"{record['status']} in {seconds:.1f} s"
            line = f"[{self._n_done}/{self._n}] {cell.label}: {what}{'; ' + told if told else ''}"
            self._console.print(printable(line), markup=False, soft_wrap=True)

    def end(self) -> None:
        """Clear the line."""
        if self._console.is_terminal:  # elsewhere rich would leave an empty line
            self._bar.stop()


class FileProgress:
    """A line that moves with every chunk of files on a terminal; elsewhere a line every ten seconds."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=None, told="")
        self._n = self._first = 0
        self._start = self._spoke = time.monotonic()

    def begin(self, n_files: int, n_done: int) -> None:
        """Start the line, where an earlier sitting left off."""
        self._n, self._first = n_files, n_done
        self._bar.update(self._task, total=n_files, completed=n_done)
        if self._console.is_terminal:
            self._bar.start()

    def stage(self, text: str) -> None:
        """Show what is being worked on."""
        self._bar.update(self._task, description=text)
        self._start = time.monotonic()

    def advance(self, n_done: int, n_left_out: int) -> None:
        """Move on to so many files."""
        now = time.monotonic()
        speed = (n_done - self._first) / max(now - self._start, 1e-9)
        told = f"{speed:,.0f} images/s"
        if n_done < self._n:
            told += f", about {spoken((self._n - n_done) / speed)} left"
        if n_left_out:
            told += f", {n_left_out:,} cannot be used"
        self._bar.update(self._task, completed=n_done, told=told)
        if not self._console.is_terminal and now - self._spoke >= _LINE_EVERY_S:
            self._spoke = now
            self._console.print(f"[{n_done:,}/{self._n:,}] {told}", markup=False, soft_wrap=True)

    def end(self) -> None:
        """Clear the line."""
        if self._console.is_terminal:  # elsewhere rich would leave an empty line
            self._bar.stop()


def spoken(seconds: float) -> str:
    """Return ``40 s``, ``5 min`` or ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
