"""Which rows say the same of the same images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featbench.report.charts.chart import ACCENT, INK, PAPER, Chart, spec
from featbench.report.failures import agreement
from featbench.report.seen import Row
from featbench.text import clipped

__all__ = ["agreement_chart"]

_MOST = 24  # rows beside each other
_AXIS = {"labelLimit": 200, "domain": False, "ticks": False, "grid": False}


def agreement_chart(rows: Sequence[Row]) -> Chart | None:
    """Return how often rows say the same of an image, of the first rows that judged the same ones."""
    rows = rows[:_MOST]
    if len(rows) < 2:
        return None
    same, both_wrong = agreement([row.judged for row in rows])
    names = clipped((f"{i}. {row.name}" for i, row in enumerate(rows, 1)), 48)
    values: list[dict[str, Any]] = [
        {
            "a": names[i],
            "b": str(j + 1),
            "other": names[j],
            "s": round(100 * float(same[i, j]), 2),
            "w": round(100 * float(both_wrong[i, j]), 2),
        }
        for i in range(len(rows))
        for j in range(len(rows))
        if i != j
    ]
    squares = spec(values, 28 * len(rows), layer=_squares(values, names))
    return Chart("Test images of which two rows say the same, %", "", (("all", squares),))


def _squares(values: Sequence[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    least, most = min(v["s"] for v in values), max(v["s"] for v in values)
    numbers = [str(i + 1) for i in range(len(names))]
    x = {
        "field": "b",
        "type": "nominal",
        "sort": numbers,
        "title": None,
        "axis": {**_AXIS, "labelAngle": 0, "orient": "top"},
    }
    y = {"field": "a", "type": "nominal", "sort": list(names), "title": None, "axis": _AXIS}
    opacity = {
        "field": "s",
        "type": "quantitative",
        "legend": None,
        "scale": {"domain": [least, max(most, least + 1)], "range": [0.08, 0.9]},
    }
    tooltip = [
        {"field": "a", "title": "row"},
        {"field": "other", "title": "and row"},
        {"field": "s", "title": "say the same, %"},
        {"field": "w", "title": "of the images that either misses, both miss, %"},
    ]
    dark = {"test": f"datum.s > {(least + most) / 2!r}", "value": PAPER}
    return [
        {
            "mark": {"type": "rect", "color": ACCENT, "stroke": PAPER},
            "encoding": {"x": x, "y": y, "opacity": opacity, "tooltip": tooltip},
        },
        {
            "mark": {"type": "text", "fontSize": 11, "aria": False},
            "encoding": {
                "x": x,
                "y": y,
                "tooltip": tooltip,  # numbers lie over their squares
                "text": {"field": "s", "format": ".0f"},
                "color": {"condition": dark, "value": INK},
            },
        },
    ]
