"""What a run tells while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from featbench.config import Cell, EnsembleCell

__all__ = ["SILENT", "Progress"]


class Progress(Protocol):
    """What a run tells while it goes on; the command line draws it."""

    def begin(self, cells: Sequence[Cell | EnsembleCell]) -> None:
        """Tell which cells the run consists of."""

    def stage(self, text: str) -> None:
        """Tell what is being worked on."""

    def cell(
        self, cell: Cell | EnsembleCell, record: dict[str, Any], seconds: float, *, reused: bool
    ) -> None:
        """Tell that a cell is done, or was there already."""

    def end(self) -> None:
        """Tell that no more will come."""


class _Silent:
    def begin(self, cells: Sequence[Cell | EnsembleCell]) -> None: ...
    def stage(self, text: str) -> None: ...
    def cell(
        self, cell: Cell | EnsembleCell, record: dict[str, Any], seconds: float, *, reused: bool
    ) -> None: ...
    def end(self) -> None: ...


SILENT: Progress = _Silent()
"""Tells nobody."""
