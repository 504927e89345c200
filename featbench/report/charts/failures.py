"""Where rows fail: classes taken for others, and the accuracy of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from featbench.report.charts.chart import ACCENT, INK, PAPER, WARM, Chart, clean, spec
from featbench.report.summary import DatasetSummary, Line
from featbench.text import clipped

__all__ = ["class_chart", "confusion_chart", "confusions"]

_BUDGET = 120_000  # numbers of all matrices on a page, about 4 MB
_LABELLED = 20  # classes up to which a square is large enough for its number


def _judged(dataset: DatasetSummary) -> list[Line]:
    """Return the rows with scores of the data set's classes, the recommended one first."""
    n = len(dataset.data.get("classes") or ())
    matrices = [
        (line.done[0].get("scores") or {}).get("confusion") if line.done else None for line in dataset.lines
    ]
    lines = [line for line, matrix in zip(dataset.lines, matrices, strict=True) if len(matrix or ()) == n > 1]
    return sorted(lines, key=lambda line: not line.recommended)


def confusion_chart(dataset: DatasetSummary) -> Chart | None:
    """Return a confusion matrix a row, of its first finished cell, as many as the page can carry."""
    classes = clipped(dataset.data.get("classes") or (), 24)
    lines = _judged(dataset)[: max(1, _BUDGET // max(1, len(classes) ** 2))]
    names = clipped((line.label for line in lines), 90)
    choices = [(name, _matrix(line, classes)) for name, line in zip(names, lines, strict=True)]
    return Chart("Confusion matrix", "row", tuple(choices)) if choices else None


def _matrix(line: Line, classes: Sequence[str]) -> dict[str, Any]:
    counts = np.asarray(line.done[0]["scores"]["confusion"])
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    # Empty squares of many classes would be most of the file.
    shown = [
        (i, j)
        for i in range(len(classes))
        for j in range(len(classes))
        if len(classes) <= _LABELLED or counts[i, j]
    ]
    values = [
        {"t": classes[i], "p": classes[j], "n": int(counts[i, j]), "s": round(float(shares[i, j]), 3)}
        for i, j in shown
    ]
    few = len(classes) <= _LABELLED
    axis = {"labelLimit": 110, "labelOverlap": not few, "domain": False, "ticks": False, "grid": False}
    x = {
        "field": "p",
        "type": "nominal",
        "sort": list(classes),
        "title": "predicted",
        "axis": {**axis, "labelAngle": -40},
    }
    y = {"field": "t", "type": "nominal", "sort": list(classes), "title": "true", "axis": axis}
    tooltip = [
        {"field": "t", "title": "true"},
        {"field": "p", "title": "predicted"},
        {"field": "n", "title": "images"},
        {"field": "s", "title": "of the class", "format": ".1%"},
    ]
    squares = {
        "mark": {"type": "rect", "stroke": PAPER, "strokeWidth": 1 if few else 0},
        "encoding": {
            "x": x,
            "y": y,
            "tooltip": tooltip,
            "color": {"condition": {"test": "datum.t == datum.p", "value": ACCENT}, "value": WARM},
            # From 0.05, so that an empty square is seen to be one.
            "opacity": {
                "field": "s",
                "type": "quantitative",
                "legend": None,
                "scale": {"domain": [0, 1], "range": [0.05, 1]},
            },
        },
    }
    numbers = {
        "mark": {"type": "text", "fontSize": 11, "aria": False},
        "encoding": {
            "x": x,
            "y": y,
            "tooltip": tooltip,  # numbers lie over their squares
            "text": {"field": "n"},
            "color": {"condition": {"test": "datum.s > 0.5", "value": PAPER}, "value": INK},
        },
    }
    return spec(
        values,
        max(200, min(900, (30 if few else 9) * len(classes))),
        layer=[squares, numbers] if few else [squares],
    )


def class_chart(dataset: DatasetSummary) -> Chart | None:
    """Return the accuracy of each class: of a row, and of the recommended one beside it."""
    classes = clipped(dataset.data.get("classes") or (), 24)
    lines = [line for line in _judged(dataset) if "per_class" in line.done[0]["scores"]]
    lines = lines[: max(1, _BUDGET // max(1, len(classes)))]
    if not lines:
        return None
    first = np.asarray(lines[0].done[0]["scores"]["per_class"], dtype=float)
    names = clipped((line.label for line in lines), 90)
    choices = []
    for name, line in zip(names, lines, strict=True):
        own = np.asarray(line.done[0]["scores"]["per_class"], dtype=float)
        values = [
            {"c": classes[i], "a": round(100 * float(own[i]), 2), "b": round(100 * float(first[i]), 2)}
            for i in range(len(classes))
            if np.isfinite(own[i]) and np.isfinite(first[i])
        ]
        choices.append((name, _bars(values, clean(lines[0].label), beside=line is not lines[0])))
    return Chart("Accuracy of each class", "row", tuple(choices))


def _bars(values: Sequence[dict[str, Any]], best: str, *, beside: bool) -> dict[str, Any]:
    y = {
        "field": "c",
        "type": "nominal",
        "sort": {"field": "a", "order": "descending"},
        "title": None,
        "axis": {"labelLimit": 130, "domain": False, "ticks": False, "grid": False, "labelOverlap": True},
    }
    x = {
        "type": "quantitative",
        "title": "test images of the class that are labelled right, %",
        "scale": {"domain": [0, 100]},
    }
    tooltip = [
        {"field": "c", "title": "class"},
        {"field": "a", "title": "right, %"},
        {"field": "b", "title": f"{best}, %"},
    ]
    bars = {
        "mark": {"type": "bar", "color": ACCENT, "opacity": 0.8, "cornerRadiusEnd": 2},
        "encoding": {"x": {**x, "field": "a"}, "y": y, "tooltip": tooltip},
    }
    ticks = {
        "mark": {"type": "tick", "color": WARM, "thickness": 2},
        "encoding": {"x": {**x, "field": "b"}, "y": y, "tooltip": tooltip},
    }
    return spec(values, max(160, min(900, 26 * len(values))), layer=[bars, ticks] if beside else [bars])


def confusions(line: Line, classes: Sequence[str], most: int = 8) -> list[tuple[str, str, int, int]]:
    """Return what is most often taken for what.

    Parameters
    ----------
    line : Line
        A row with scores.
    classes : sequence of str
    most : int, optional
        How many at the most.

    Returns
    -------
    list of (str, str, int, int)
        The true class, the predicted one, how many images, of how many of the true class.
    """
    counts = np.array(line.done[0]["scores"]["confusion"])
    sizes = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:most]
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, counts.shape), strict=True)]
    return [(classes[i], classes[j], int(counts[i, j]), int(sizes[i])) for i, j in pairs if counts[i, j]]
