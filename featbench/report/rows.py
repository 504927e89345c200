"""The table of the page: its cells with what they are sorted by, bars, and a legend of the marks that occur."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from featbench.report.summary import DatasetSummary, Line
from featbench.report.table import Column, columns_of

__all__ = ["table_of"]

_FIRST_NUMBER = re.compile(r"[+\-−]?\d[\d,]*(?:\.\d+)?")
_MINOR = ("chosen", "train %", "fit s", "images/s", "dim", "model MB")  # hidden on a phone until asked for
_NO_BAR = ("vs ★", "published", "dim")
MARKS = (
    ("★", "what validation chose"),
    ("≈", "cannot be told from ★ on the test images"),
    ("†", "counts features from the cache as what they cost when they were made"),
    ("~", "not the time of a machine at rest, or not known well enough"),
    ("!", "outside the tolerance of the published figure"),
    ("shared", "times of features that rows share are measured once and count in each"),
)


def table_of(dataset: DatasetSummary) -> dict[str, Any]:
    """Return columns, rows and legend of a data set, as the page's template takes them.

    Parameters
    ----------
    dataset : DatasetSummary

    Returns
    -------
    dict
    """
    columns = columns_of([dataset])
    texts = [[column.show(line) for column in columns] for line in dataset.lines]
    numbers = [
        [_number(text) if c.numeric else None for c, text in zip(columns, row, strict=True)] for row in texts
    ]
    tops = [_top(column, [row[i] for row in numbers]) for i, column in enumerate(columns)]
    tested = next(i for i, column in enumerate(columns) if column.heading == "test %") + 1
    rows = []
    for line, row, values in zip(dataset.lines, texts, numbers, strict=True):
        cells: list[dict[str, Any]] = [
            {
                "text": text,
                "numeric": column.numeric,
                "value": "" if value is None else value,
                "share": _share(value, top),
                "hidden": False,
            }
            for column, text, value, top in zip(columns, row, values, tops, strict=True)
        ]
        cells.insert(tested, {"text": "", "numeric": True, "value": "", "share": None, "hidden": True})
        accuracy = line.mean("test_accuracy")
        test = None if accuracy is None else round(100 * accuracy, 4)
        rows.append({"label": line.label, "kind": _kind(line), "test": test, "cells": cells})
    return {"columns": _headings(columns, tested), "rows": rows, "legend": _legend(dataset, texts)}


def _headings(columns: Sequence[Column], tested: int) -> list[dict[str, Any]]:
    """Return the columns, with that of differences from a row of the reader's choice behind the test accuracy."""
    told = [
        {
            "heading": c.heading,
            "meaning": c.meaning,
            "numeric": c.numeric,
            "key": c.heading,
            "minor": c.heading in _MINOR,
        }
        for c in columns
    ]
    meaning = "points of test accuracy more than the row to compare with"
    told.insert(
        tested, {"heading": "Δ test", "meaning": meaning, "numeric": True, "key": "delta", "minor": False}
    )
    return [{**column, "index": i} for i, column in enumerate(told)]


def _kind(line: Line) -> str:
    if line.recommended:
        return "recommended"
    if line.is_baseline:
        return "baseline"
    return "tie" if line.versus is not None and line.versus.tie else ""


def _number(text: str) -> float | None:
    """Return the first number of a cell, by which it is sorted."""
    found = _FIRST_NUMBER.search(text)
    return float(found.group().replace(",", "").replace("−", "-")) if found else None


def _top(column: Column, values: Sequence[float | None]) -> float | None:
    """Return what a full bar means: all images for an accuracy, the largest figure of any other column."""
    if not column.numeric or column.heading in _NO_BAR:
        return None
    return 100.0 if column.heading.endswith("%") else max((v for v in values if v is not None), default=None)


def _share(value: float | None, top: float | None) -> str | None:
    return None if value is None or not top or value < 0 else f"{min(1.0, value / top):.3f}"


def _legend(dataset: DatasetSummary, texts: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    # A label may hold any sign; only the first of its cell is a mark.
    shown = "".join(row[0][:2] + "".join(row[2:]) for row in texts)
    shared = any(t.get("shared") for line in dataset.lines for r in line.done for t in r["phases"].values())
    return [(mark, meaning) for mark, meaning in MARKS if (shared if mark == "shared" else mark in shown)]
