"""How often a row is right by how sure it says it is."""

from __future__ import annotations

from collections.abc import Sequence

from featbench.report.charts.chart import LINES, SOFT, Chart, spec
from featbench.report.failures import Bin, calibration_error, reliability
from featbench.report.seen import Row

__all__ = ["calibration_chart"]


def calibration_chart(rows: Sequence[Row]) -> Chart | None:
    """Return a reliability curve of each row that gives probabilities; margins say nothing of how often it is right."""
    choices = []
    for row in rows:
        judged = row.judged
        if judged.kind == "probability" and judged.confidence is not None:
            bins = reliability(judged.confidence, judged.right)
            told = f"{row.name}: confidence is off by {100 * calibration_error(bins):.1f} points on average"
            choices.append((told, _curve(bins)))
    return Chart("Calibration of confidence", "row", tuple(choices)) if choices else None


def _curve(bins: Sequence[Bin]) -> dict[str, object]:
    values = [{"c": 100 * b.confidence, "a": 100 * b.accuracy, "n": b.n} for b in bins]
    percent = {"type": "quantitative", "scale": {"domain": [0, 100]}}
    x = {**percent, "field": "c", "title": "confidence, %"}
    y = {**percent, "field": "a", "title": "of these labelled right, %"}
    diagonal = {"values": [{"c": 0, "a": 0}, {"c": 100, "a": 100}]}
    tooltip = [
        {"field": "c", "title": "confidence, %", "format": ".1f"},
        {"field": "a", "title": "right, %", "format": ".1f"},
        {"field": "n", "title": "images", "format": ","},
    ]
    size = {"field": "n", "type": "quantitative", "legend": None, "scale": {"range": [30, 400]}}
    return spec(
        values,
        320,
        layer=[
            {
                "data": diagonal,
                "mark": {"type": "line", "color": SOFT, "strokeDash": [4, 4], "aria": False},
                "encoding": {"x": x, "y": y},
            },
            {"mark": {"type": "line", "color": LINES[0]}, "encoding": {"x": x, "y": y}},
            {
                "mark": {"type": "point", "filled": True, "color": LINES[0], "opacity": 1},
                "encoding": {"x": x, "y": y, "size": size, "tooltip": tooltip},
            },
        ],
    )
