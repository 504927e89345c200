"""How much of the machine phases used: what they could not do without, over the time they took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from featbench.report.summary import DatasetSummary
from featbench.results import rates

__all__ = ["HEADINGS", "MEANING", "Work", "work_of"]

HEADINGS = ("phase", "of", "s", "GFLOP", "GFLOP/s", "of peak", "GB", "GB/s", "of peak")
MEANING = (
    "Counted are the operations and bytes that a phase cannot do without, by its definition. Peaks are this machine's: "
    "a product of float32 matrices and a copy in memory. Whole numbers of 8 bits, and what stays in a cache, can go "
    "beyond; a peak that was measured while others worked (~) is too low."
)
_PHASES = {
    "transform_train": "extract, training",
    "transform_test": "extract, test",
    "fit": "fit",
    "predict": "predict",
}


@dataclass(frozen=True)
class Work:
    """One phase.

    Attributes
    ----------
    phase, of : str
        What was done, and of which extractor or pipeline.
    seconds : float
    gflop, gb : float
        Of the floor, in units of 10⁹.
    gflop_s, gb_s : float
        Over the seconds.
    peak_gflop_s, peak_gb_s : float or None
        Of the machine; None where a record does not tell.
    quiet : bool
        Whether the peaks are those of a machine at rest.
    """

    phase: str
    of: str
    seconds: float
    gflop: float
    gb: float
    gflop_s: float
    gb_s: float
    peak_gflop_s: float | None
    peak_gb_s: float | None
    quiet: bool

    def cells(self) -> list[str]:
        """Return the texts of a row under `HEADINGS`."""
        from featbench.report.table import figure

        return [
            self.phase,
            self.of,
            figure(self.seconds),
            figure(self.gflop),
            figure(self.gflop_s),
            self._share(self.gflop_s, self.peak_gflop_s),
            figure(self.gb),
            figure(self.gb_s),
            self._share(self.gb_s, self.peak_gb_s),
        ]

    def _share(self, achieved: float, peak: float | None) -> str:
        if not peak:
            return ""
        share = 100 * achieved / peak
        return f"{share:.{share < 10:d}f} %" + ("" if self.quiet else " ~")


def work_of(dataset: DatasetSummary) -> list[Work]:
    """Return the phases whose floor is known, of the first finished cell of each line; those that are shared once."""
    found: dict[tuple[str, str], Work] = {}
    for line in dataset.lines:
        for record in line.done[:1]:
            for name, told in _PHASES.items():
                timing = record["phases"].get(name)
                achieved = rates(timing)
                if timing is not None and achieved is not None:
                    of = record["extractor"] if name.startswith("transform") else line.label
                    found.setdefault((name, of), _work(told, of, timing, achieved, record))
    return list(found.values())


def _work(
    phase: str, of: str, timing: Mapping[str, Any], achieved: tuple[float, float], record: Mapping[str, Any]
) -> Work:
    peaks = (record.get("environment") or {}).get("peaks") or {}
    cost = timing["cost"]
    return Work(
        phase,
        of,
        timing["seconds"],
        cost["operations"] / 1e9,
        cost["bytes"] / 1e9,
        *achieved,
        peaks.get("gflop_s"),
        peaks.get("gb_s"),
        peaks.get("quiet", True),
    )
