"""Accuracy against what it costs, and the front: rows that no other beats in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from featbench.report.charts.chart import ACCENT, SOFT, WARM, Chart, clean, spec
from featbench.report.summary import DatasetSummary, Line
from featbench.report.table import figure, percent
from featbench.text import clipped

__all__ = ["cost_chart", "front"]

COSTS: tuple[tuple[str, str, Callable[[Line], float | None]], ...] = (
    ("training time", "seconds of training", lambda line: line.training_seconds),
    (
        "latency",
        "milliseconds from pixels to the label of one image",
        lambda line: line.mean("latency_ms_p50"),
    ),
    ("time of the fit", "seconds of the final fit of the classifier", lambda line: line.seconds("fit")),
    ("memory", "peak resident memory, 10⁶ bytes", lambda line: line.mean("peak_rss_mb")),
    ("model size", "size of what is fitted, 10⁶ bytes", lambda line: line.mean("model_mb")),
    ("features", "numbers an image", lambda line: line.mean("dim")),
)
_APART = 0.05  # of the range of accuracies, between rows of the front with their names beside them

_KINDS = ("recommended", "tied with it", "other")


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return which points no other beats: none is as cheap and better, or cheaper and as good.

    Parameters
    ----------
    points : sequence of (float, float)
        Cost, less is better, and accuracy, more is better.

    Returns
    -------
    list of int
        By rising cost; of equal points the first.
    """
    best, found = float("-inf"), []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        if points[i][1] > best:
            best = points[i][1]
            found.append(i)
    return found


def cost_chart(dataset: DatasetSummary) -> Chart | None:
    """Return accuracy over each cost that two rows or more have."""
    judged = "test" if any(line.mean("test_accuracy") is not None for line in dataset.lines) else "val"
    lines = [
        line for line in dataset.lines if not line.is_baseline and line.mean(f"{judged}_accuracy") is not None
    ]
    what = {"test": "test accuracy, %", "val": "validation accuracy, %"}[judged]
    choices = []
    for name, unit, cost in COSTS:
        rows = [(line, value) for line in lines if (value := cost(line)) is not None and value > 0]
        if len(rows) > 1:
            choices.append((name, _spec(_values(rows, judged), unit, what)))
    title = f"{'Test' if judged == 'test' else 'Validation'} accuracy of every row, and the front"
    return Chart(title, "cost", tuple(choices)) if choices else None


def _values(rows: Sequence[tuple[Line, float]], judged: str) -> list[dict[str, Any]]:
    accuracies = [round(100 * (line.mean(f"{judged}_accuracy") or 0.0), 4) for line, _ in rows]
    on_front = front([(cost, accuracy) for (_, cost), accuracy in zip(rows, accuracies, strict=True)])
    named = _apart(on_front, accuracies)
    values = []
    short = clipped((line.label for line, _ in rows), 44)
    for i, (line, cost) in enumerate(rows):
        low, high = (line.mean(f"{judged}_{end}") for end in ("low", "high"))
        tie = line.versus is not None and line.versus.tie
        values.append(
            {
                "row": clean(line.label),
                "short": short[i],
                "cost": cost,
                "accuracy": accuracies[i],
                "front": i in on_front,
                "beside": short[i] if i in named else "",
                "kind": _KINDS[0 if line.recommended else 1 if tie else 2],
                "low": None if low is None else 100 * low,
                "high": None if high is None else 100 * high,
                "told": f"{percent(line.mean(f'{judged}_accuracy'))} %",
                "costs": figure(cost),
            }
        )
    return values


def _apart(on_front: Sequence[int], accuracies: Sequence[float]) -> list[int]:
    """Return rows of the front, best first, whose names do not stand on each other."""
    least = _APART * (max(accuracies) - min(accuracies))
    named: list[int] = []
    for i in reversed(on_front):
        if all(abs(accuracies[i] - accuracies[j]) >= least for j in named):
            named.append(i)
    return named


def _spec(values: Sequence[Mapping[str, Any]], unit: str, what: str) -> dict[str, Any]:
    costs = [value["cost"] for value in values]
    right = f"datum.cost > {(min(costs) * max(costs)) ** 0.5!r}"  # where the axis ends, names go to the left
    scale = (
        {"type": "log", "nice": False, "padding": 24}
        if max(costs) >= 5 * min(costs)
        else {"zero": False, "padding": 24}
    )
    x = {
        "field": "cost",
        "type": "quantitative",
        "scale": scale,
        "axis": {"title": unit, "tickCount": 6, "format": "~g"},
    }
    y = {
        "field": "accuracy",
        "type": "quantitative",
        "scale": {"zero": False, "nice": False, "padding": 16},
        "axis": {"title": what},
    }
    colour = {
        "field": "kind",
        "type": "nominal",
        "legend": {"orient": "top", "title": None},
        "scale": {"domain": list(_KINDS), "range": [WARM, ACCENT, SOFT]},
    }
    tooltip = [
        {"field": "row", "title": "row"},
        {"field": "told", "title": what.split(",")[0]},
        {"field": "costs", "title": unit},
        {"field": "front", "title": "on the front"},
    ]
    return spec(
        values,
        360,
        layer=[
            {
                "transform": [{"filter": "datum.front"}],
                "mark": {
                    "type": "line",
                    "interpolate": "step-after",
                    "color": ACCENT,
                    "strokeWidth": 1.5,
                    "strokeDash": [5, 3],
                },
                "encoding": {"x": x, "y": y, "order": {"field": "cost"}},
            },
            {
                "mark": {"type": "rule", "color": SOFT, "opacity": 0.45},
                "encoding": {"x": x, "y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip},
            },
            {
                "mark": {
                    "type": "text",
                    "align": {"expr": f"{right} ? 'right' : 'left'"},
                    "dx": {"expr": f"{right} ? -9 : 9"},
                    "dy": -9,
                    "aria": False,
                },
                "encoding": {"x": x, "y": y, "text": {"field": "beside"}},
            },
        ],
    )
