"""How rows learn: accuracy over the number of images, loss over the final fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featbench.report.charts.chart import LINES, Chart, clean, spec
from featbench.report.summary import DatasetSummary, Line
from featbench.text import clipped

__all__ = ["loss_chart", "size_chart"]


def size_chart(dataset: DatasetSummary) -> Chart | None:
    """Return accuracy over the number of training images, of pipelines that were run with several."""
    pipelines: dict[str, list[Line]] = {}
    for line in dataset.lines:
        if line.done and not line.is_baseline:
            pipelines.setdefault(line.pipeline, []).append(line)
    several = {name: lines for name, lines in pipelines.items() if len(lines) > 1}
    if not several:
        return None
    shown = list(several)[: len(LINES)]
    choices = []
    for judged, told in (("test", "test"), ("val", "validation")):
        values = [
            _point(name, line, judged)
            for name in shown
            for line in several[name]
            if line.mean(f"{judged}_accuracy") is not None
        ]
        if values:
            choices.append((f"{told} accuracy", _sizes(values, shown, f"{told} accuracy, %")))
    return (
        Chart("Accuracy over the number of training images", "accuracy", tuple(choices)) if choices else None
    )


def _point(name: str, line: Line, judged: str) -> dict[str, Any]:
    accuracy, deviation = line.mean(f"{judged}_accuracy"), line.deviation(f"{judged}_accuracy")
    low, high = line.mean(f"{judged}_low"), line.mean(f"{judged}_high")
    assert accuracy is not None
    if deviation is not None:
        low, high = accuracy - deviation, accuracy + deviation
    return {
        "row": clean(name),
        "n": line.mean("n_train"),
        "a": 100 * accuracy,
        "low": 100 * (accuracy if low is None else low),
        "high": 100 * (accuracy if high is None else high),
    }


def _sizes(values: Sequence[dict[str, Any]], shown: Sequence[str], what: str) -> dict[str, Any]:
    x = {
        "field": "n",
        "type": "quantitative",
        "title": "training images",
        "scale": {"type": "log", "nice": False, "padding": 12},
        "axis": {"format": "~s"},
    }
    y = {"type": "quantitative", "title": what, "scale": {"zero": False}}
    shared = {"x": x, "color": _colour("row", [clean(name) for name in shown])}
    tooltip = [
        {"field": "row"},
        {"field": "n", "title": "training images", "format": ","},
        {"field": "a", "title": what, "format": ".2f"},
    ]
    return spec(
        values,
        320,
        layer=[
            {
                "mark": {"type": "rule", "opacity": 0.6},
                "encoding": {**shared, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {"mark": {"type": "line"}, "encoding": {**shared, "y": {**y, "field": "a"}}},
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": {**shared, "y": {**y, "field": "a"}, "tooltip": tooltip},
            },
        ],
    )


def loss_chart(dataset: DatasetSummary) -> Chart | None:
    """Return the loss of the final fit of each row whose first finished cell has kept it."""
    lines = [line for line in dataset.lines if line.done and len(line.done[0].get("loss_curve") or ()) > 1]
    names = clipped((line.label for line in lines), 90)
    choices = [(name, _losses(line.done[0]["loss_curve"])) for name, line in zip(names, lines, strict=True)]
    return Chart("Loss over the final fit", "row", tuple(choices)) if choices else None


def _losses(curve: Sequence[Sequence[float]]) -> dict[str, Any]:
    values = [{"i": i, "loss": loss} for i, loss in curve]
    losses = [value["loss"] for value in values]
    positive = min(losses) > 0 and max(losses) > 20 * min(losses)
    return spec(
        values,
        280,
        mark={"type": "line", "color": LINES[0], "point": {"color": LINES[0], "size": 24}},
        encoding={
            "x": {"field": "i", "type": "quantitative", "title": "iteration, epoch or try"},
            "y": {
                "field": "loss",
                "type": "quantitative",
                "title": "loss",
                "scale": {"type": "log"} if positive else {"zero": False},
            },
            "tooltip": [
                {"field": "i", "title": "iteration, epoch or try"},
                {"field": "loss", "title": "loss", "format": ".5g"},
            ],
        },
    )


def _colour(field: str, shown: Sequence[str]) -> dict[str, Any]:
    legend = {"orient": "top", "title": None, "columns": 1, "labelLimit": 420} if len(shown) > 1 else None
    return {
        "field": field,
        "type": "nominal",
        "legend": legend,
        "scale": {"domain": list(shown), "range": list(LINES[: len(shown)])},
    }
