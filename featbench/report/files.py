"""The files of a run that are derived from its cells: CSV, JSON, Markdown."""

from __future__ import annotations

import csv
import io
from typing import Any

from featbench.report.summary import DatasetSummary, Summary
from featbench.report.table import COLUMNS, caption, footnotes, verdict
from featbench.report.work import HEADINGS, MEANING, work_of
from featbench.results import COLUMNS as CSV_COLUMNS
from featbench.results import to_row
from featbench.store import to_json
from featbench.text import csv_cell, markdown_cell

__all__ = ["as_csv", "as_json", "as_markdown"]


def as_csv(summary: Summary) -> str:
    """Return a row a cell; text that a spreadsheet would take for a formula is disarmed."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in summary.records:
        row = to_row(record)
        writer.writerow({k: csv_cell(v) if isinstance(v, str) else v for k, v in row.items()})
    return buffer.getvalue()


def as_json(summary: Summary) -> str:
    """Return the run, the rows, the recommendation of each data set and the ledger."""
    recommended: dict[str, Any] = {}
    for dataset in summary.datasets:
        line = dataset.recommended
        recommended[dataset.name] = line.label if line else None
    return to_json(
        {
            "run": summary.run,
            "recommended": recommended,
            "rows": [to_row(record) for record in summary.records],
            "cells": [_without_traceback(record) for record in summary.records],
            "openings": summary.openings,
            "missing": summary.n_missing,
        }
    )


def _without_traceback(record: Any) -> dict[str, Any]:
    # A traceback names folders of the machine; it stays in the cell's own file.
    return {key: value for key, value in record.items() if key != "traceback"}


def as_markdown(summary: Summary) -> str:
    """Return a table a data set, its verdict, and the notes."""
    lines = [f"# {markdown_cell(str(summary.run['name']))}", ""]
    for dataset in summary.datasets:
        lines += [markdown_cell(caption(dataset)) + ".", "", markdown_cell(verdict(dataset)), ""]
        lines.append("| " + " | ".join(c.heading for c in COLUMNS) + " |")
        lines.append("|" + "|".join("---:" if c.numeric else "---" for c in COLUMNS) + "|")
        for line in dataset.lines:
            lines.append("| " + " | ".join(markdown_cell(c.show(line)) for c in COLUMNS) + " |")
        lines += ["", *_work_lines(dataset)]
    lines += [f"- {markdown_cell(note)}" for note in footnotes(summary)]
    lines += ["", "Columns: " + "; ".join(f"*{c.heading}* {c.meaning}" for c in COLUMNS) + ".", ""]
    return "\n".join(lines)


def _work_lines(dataset: DatasetSummary) -> list[str]:
    """Return a table of the phases whose floor is known, if there are any."""
    found = work_of(dataset)
    if not found:
        return []
    rows = ["| " + " | ".join(map(markdown_cell, work.cells())) + " |" for work in found]
    heading = ["| " + " | ".join(HEADINGS) + " |", "|---|---|" + "---:|" * (len(HEADINGS) - 2)]
    return [MEANING, "", *heading, *rows, ""]
