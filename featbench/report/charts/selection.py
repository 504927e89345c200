"""Validation accuracy over each hyperparameter that was searched: every fold a dot, the mean and its deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from featbench.report.charts.chart import INK, LINES, Chart, clean, spec
from featbench.report.summary import DatasetSummary, Line

__all__ = ["selection_chart"]

_WIDE = 20  # largest over smallest value from which an axis is logarithmic
_LEAST = 2  # values of a hyperparameter that make a curve


def selection_chart(dataset: DatasetSummary) -> Chart | None:
    """Return a curve for each hyperparameter of each kind of pipeline; rows that differ in metric alone share one."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in dataset.lines:
        if line.done and (line.done[0].get("selection") or {}).get("folds", 1):
            record = line.done[0]
            kind = str(
                ((record.get("spec") or {}).get("classifier") or {}).get("name") or record.get("classifier")
            )
            size = f" · {line.size:,.0f} images" if np.isfinite(line.size) else ""
            key = f"{record.get('extractor')} → {kind}{size}"
            for name in _searched(record["selection"]):
                groups.setdefault((key, name), []).append(line)
    choices = [(clean(f"{key}: {name}"), _spec(lines, name)) for (key, name), lines in groups.items()]
    return (
        Chart("Validation accuracy over hyperparameters", "pipeline and hyperparameter", tuple(choices))
        if choices
        else None
    )


def _searched(selection: Mapping[str, Any]) -> list[str]:
    """Return the hyperparameters that took several values on folds."""
    candidates, scores = selection["candidates"], selection["scores"]
    if not scores or not all(scores):
        return []
    return [name for name in candidates[0] if len({str(c.get(name)) for c in candidates}) >= _LEAST]


def _spec(lines: Sequence[Line], name: str) -> dict[str, Any]:
    values = [value for line in lines for value in _values(line, name, several=len(lines) > 1)]
    means = {v["series"]: max(w["mean"] for w in values if w["series"] == v["series"]) for v in values}
    shown = sorted(means, key=lambda series: -means[series])[: len(LINES)]
    values = [value for value in values if value["series"] in shown]
    numbers = [v["x"] for v in values if isinstance(v["x"], (int, float)) and not isinstance(v["x"], bool)]
    x: dict[str, Any] = {"field": "x", "title": clean(name)}
    if len(numbers) < len(values):
        x |= {"type": "nominal", "axis": {"labelAngle": 0}}
    elif min(numbers) > 0 and max(numbers) >= _WIDE * min(numbers):
        x |= {
            "type": "quantitative",
            "scale": {"type": "log", "nice": False, "padding": 12},
            "axis": {"format": "~g"},
        }
    else:
        x |= {
            "type": "quantitative",
            "scale": {"zero": False, "nice": False, "padding": 12},
            "axis": {"format": "~g"},
        }
    y: dict[str, Any] = {"type": "quantitative", "title": "validation accuracy, %", "scale": {"zero": False}}
    # One series needs no legend.
    legend = {"orient": "top", "title": None, "columns": 1, "labelLimit": 420} if len(shown) > 1 else None
    colour = {
        "field": "series",
        "type": "nominal",
        "legend": legend,
        "scale": {"domain": shown, "range": list(LINES[: len(shown)])},
    }
    tooltip = [
        {"field": "series", "title": "row"},
        {"field": "x", "title": clean(name)},
        {"field": "fold", "title": "fold"},
        {"field": "y", "title": "fold, %", "format": ".2f"},
        {"field": "mean", "title": "mean, %", "format": ".2f"},
        {"field": "deviation", "title": "deviation", "format": ".2f"},
        {"field": "chosen", "title": "chosen"},
    ]
    shared = {"x": x, "color": colour}
    once = [{"filter": "datum.fold == 1"}]
    return spec(
        values,
        320,
        layer=[
            {
                "transform": [{"filter": "datum.fold == 1 && datum.chosen"}],
                "mark": {"type": "rule", "strokeDash": [4, 4], "opacity": 0.8},
                "encoding": shared,
            },
            {
                "transform": once,
                "mark": {"type": "rule", "strokeWidth": 1.5},
                "encoding": {**shared, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "transform": once,
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {**shared, "y": {**y, "field": "mean"}},
            },
            {
                "mark": {
                    "type": "point",
                    "filled": True,
                    "size": 42,
                    "opacity": 0.75,
                    "stroke": INK,
                    "strokeWidth": 0.4,
                },
                "encoding": {**shared, "y": {**y, "field": "y"}, "tooltip": tooltip},
            },
        ],
    )


def _values(line: Line, name: str, *, several: bool) -> list[dict[str, Any]]:
    """Return a row a fold of the first finished cell; other values of candidates are series of their own."""
    selection = line.done[0]["selection"]
    values = []
    for number, (candidate, scores) in enumerate(
        zip(selection["candidates"], selection["scores"], strict=True)
    ):
        others = ", ".join(
            f"{k} = {v}" for k, v in candidate.items() if k != name and k in _searched(selection)
        )
        series = "; ".join(part for part in (line.label if several or not others else "", others) if part)
        folds = 100 * np.asarray(scores, dtype=float)
        mean, deviation = float(folds.mean()), float(folds.std(ddof=1)) if len(folds) > 1 else 0.0
        x = candidate[name]
        for fold, score in enumerate(folds, 1):
            values.append(
                {
                    "x": x if isinstance(x, (int, float)) and not isinstance(x, bool) else clean(x),
                    "y": float(score),
                    "fold": fold,
                    "series": clean(series),
                    "mean": mean,
                    "deviation": deviation,
                    "low": mean - deviation,
                    "high": mean + deviation,
                    "chosen": number == selection["chosen"],
                }
            )
    return values
