"""The files of a run that are derived from its cells: CSV, JSON, Markdown."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import Any

from featbench.report.ranking import ranking_of, told_ranking
from featbench.report.summary import DatasetSummary, Summary
from featbench.report.table import caption, columns_of, footnotes, verdict
from featbench.report.work import HEADINGS, MEANING, work_of
from featbench.results import COLUMNS as CSV_COLUMNS
from featbench.results import to_row
from featbench.stats import Ranking
from featbench.store import to_json
from featbench.text import csv_cell, markdown_cell

__all__ = ["as_csv", "as_json", "as_markdown", "rank_lines"]


def as_csv(*summaries: Summary) -> str:
    """Return a row a cell; text that a spreadsheet would take for a formula is disarmed.

    Of several runs a column of its own, the first, has each run's name.
    """
    several = len(summaries) > 1
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ("run",) * several + CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for summary in summaries:
        for record in summary.records:
            row = {"run": str(summary.run["name"])} if several else {}
            row |= to_row(record)
            writer.writerow({k: csv_cell(v) if isinstance(v, str) else v for k, v in row.items()})
    return buffer.getvalue()


def as_json(summary: Summary) -> str:
    """Return the run, the rows, the recommendation of each data set and the ledger."""
    recommended: dict[str, Any] = {}
    for dataset in summary.datasets:
        line = dataset.recommended
        recommended[dataset.name] = line.label if line else None
    lines = [(dataset.name, line) for dataset in summary.datasets for line in dataset.lines]
    ranking = ranking_of(summary.datasets)
    return to_json(
        {
            "run": summary.run,
            "recommended": recommended,
            "beside_recommended": [
                {"dataset": name, "label": line.label, **line.versus.to_json()}
                for name, line in lines
                if line.versus
            ],
            "references": [
                {"dataset": name, "label": line.label, **line.claim.to_json()}
                for name, line in lines
                if line.claim
            ],
            "ranking": ranking and dataclasses.asdict(ranking),
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
        columns = columns_of([dataset])
        lines.append("| " + " | ".join(c.heading for c in columns) + " |")
        lines.append("|" + "|".join("---:" if c.numeric else "---" for c in columns) + "|")
        for line in dataset.lines:
            lines.append("| " + " | ".join(markdown_cell(c.show(line)) for c in columns) + " |")
        lines += ["", *_work_lines(dataset)]
    lines += rank_lines(ranking_of(summary.datasets))
    lines += [f"- {markdown_cell(note)}" for note in footnotes(summary)]
    meanings = "; ".join(f"*{c.heading}* {c.meaning}" for c in columns_of(summary.datasets))
    lines += ["", f"Columns: {meanings}.", ""]
    return "\n".join(lines)


def rank_lines(ranking: Ranking | None) -> list[str]:
    """Return the average ranks over several data sets as Markdown, if there are several."""
    if ranking is None:
        return []
    rows = [
        f"| {markdown_cell(name)} | {rank:.2f} |"
        for name, rank in zip(ranking.names, ranking.ranks, strict=True)
    ]
    title = f"## Over {ranking.n_datasets} data sets"
    return [
        title,
        "",
        markdown_cell(told_ranking(ranking)),
        "",
        "| pipeline | average rank |",
        "|---|---:|",
        *rows,
        "",
    ]


def _work_lines(dataset: DatasetSummary) -> list[str]:
    """Return a table of the phases whose floor is known, if there are any."""
    found = work_of(dataset)
    if not found:
        return []
    rows = ["| " + " | ".join(map(markdown_cell, work.cells())) + " |" for work in found]
    heading = ["| " + " | ".join(HEADINGS) + " |", "|---|---|" + "---:|" * (len(HEADINGS) - 2)]
    return [MEANING, "", *heading, *rows, ""]
