"""One page that stands alone: no script, no network, everything escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from featbench.report.figures import critical_difference_diagram, selection_curve
from featbench.report.ranking import ranking_of, told_ranking
from featbench.report.summary import DatasetSummary, Line, Summary
from featbench.report.table import caption, columns_of, footnotes, verdict
from featbench.report.work import HEADINGS, MEANING, work_of
from featbench.text import printable

__all__ = ["as_html"]

_MAX_CLASSES = 40  # a larger confusion matrix is unreadable on a page


def as_html(summary: Summary) -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    summary : Summary

    Returns
    -------
    str
        Text from data sets is escaped by the template engine and freed of control characters.
    """
    environment = Environment(
        loader=PackageLoader("featbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    return environment.get_template("page.html").render(
        run=summary.run,
        work={"headings": HEADINGS, "meaning": MEANING},
        datasets=[_dataset(dataset) for dataset in summary.datasets],
        ranks=_ranks(summary),
        footnotes=footnotes(summary),
        environment=_facts(summary.run.get("environment") or {}),
        openings=summary.openings,
    )


def _dataset(dataset: DatasetSummary) -> dict[str, Any]:
    columns = columns_of([dataset])
    curves = [(line.label, selection_curve(line)) for line in dataset.lines]
    return {
        "caption": caption(dataset),
        "verdict": verdict(dataset),
        "columns": columns,
        "lines": [{"line": line, "cells": [c.show(line) for c in columns]} for line in dataset.lines],
        # matplotlib escapes the text that it draws, and nothing else goes in.
        "curves": [(label, Markup(svg)) for label, svg in curves if svg],  # noqa: S704
        "confusion": _confusion(dataset.recommended, dataset.data),
        "work": [work.cells() for work in work_of(dataset)],
        "data": dataset.data,
    }


def _ranks(summary: Summary) -> dict[str, Any] | None:
    ranking = ranking_of(summary.datasets)
    if ranking is None:
        return None
    # matplotlib escapes the text that it draws, and nothing else goes in.
    diagram = Markup(critical_difference_diagram(ranking))  # noqa: S704
    return {"n": ranking.n_datasets, "told": told_ranking(ranking), "diagram": diagram}


def _confusion(line: Line | None, data: Mapping[str, Any]) -> dict[str, Any] | None:
    classes = list(data.get("classes") or ())
    if line is None or not 2 <= len(classes) <= _MAX_CLASSES or "scores" not in line.done[0]:
        return None
    rows = line.done[0]["scores"]["confusion"]
    shaded = [[(count, count / max(1, sum(row))) for count in row] for row in rows]
    return {"label": line.label, "classes": classes, "rows": list(zip(classes, shaded, strict=True))}


def _facts(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = []
    for name, value in environment.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        if value is not None:
            facts.append((name, str(value)))
    return facts
