"""How far times of a run can be trusted: marks in the table, and notes under it."""

from __future__ import annotations

from featbench.report.summary import TRAINING, Line, Summary
from featbench.timing import Share

__all__ = ["LABELLING", "marked", "notes_of_machine"]

LABELLING = ("transform_test", "preprocess_test", "predict")
"""Phases from pixels to labels."""

_MARK = "~"
_APART = 0.1  # that the fixed loop may take longer at one end of a run than at the other


def marked(text: str, line: Line, *phases: str) -> str:
    """Return a figure with ``~`` behind it where it may not be that of a machine at rest."""
    return f"{text} {_MARK}" if text and not line.is_baseline and line.unsteady(*phases) else text


def notes_of_machine(summary: Summary) -> list[str]:
    """Say what the machine did meanwhile, and what the mark means where there is one."""
    notes = []
    told = summary.run.get("machine") or {}
    first, last = told.get("loop_ms") or (1.0, 1.0)
    if max(first, last) > (1 + _APART) * min(first, last):
        how = "slower" if last > first else "faster"
        percent = 100 * (max(first, last) / min(first, last) - 1)
        notes.append(
            f"The machine was {percent:.0f} % {how} after the run than before it: throttled, or busy with other work. "
            "Times of its rows are not comparable."
        )
    load = Share(**told["load"]) if told.get("load") else Share(0.0, 0.0)
    if load.disturbs:
        stolen = f", and its host {100 * load.stolen:.0f} % for other guests" if load.stolen else ""
        notes.append(
            f"Other processes took {100 * load.others:.0f} % of the processors' time during the run{stolen}: times are "
            "longer than on a machine at rest."
        )
    lines = [line for dataset in summary.datasets for line in dataset.lines if not line.is_baseline]
    at_once = max((line.at_once for line in lines), default=1)
    if at_once > 1:
        notes.append(
            f"Rows were made while {at_once} blocks ran at once on a machine, each with its share of the cores: their "
            "times are not those of a machine that does one thing."
        )
    if any(line.unsteady(*TRAINING, *LABELLING) for line in lines):
        notes.append(
            f"{_MARK}: repeats of a phase differ by more than was asked for, or other work took the processors "
            "meanwhile; the column noisy and the cells' files say which."
        )
    return notes
