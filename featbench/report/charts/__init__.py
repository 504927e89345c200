"""Charts of a report as Vega-Lite specifications, in JSON's types; the page draws them."""

from __future__ import annotations

from featbench.report.charts.agreement import agreement_chart
from featbench.report.charts.calibration import calibration_chart
from featbench.report.charts.chart import Chart
from featbench.report.charts.cost import cost_chart
from featbench.report.charts.failures import class_chart, confusion_chart
from featbench.report.charts.layout import layout_chart
from featbench.report.charts.learning import loss_chart, size_chart
from featbench.report.charts.selection import selection_chart
from featbench.report.embedded import Images
from featbench.report.seen import Seen
from featbench.report.summary import DatasetSummary

__all__ = ["Chart", "charts_of"]


def charts_of(dataset: DatasetSummary, seen: Seen, images: Images) -> dict[str, Chart]:
    """Return the charts of a data set by name; those that have nothing to show are left out.

    Parameters
    ----------
    dataset : DatasetSummary
    seen : Seen
        What its rows have kept.
    images : Images
        Takes in what charts show of it.

    Returns
    -------
    dict of str to Chart
    """
    found: dict[str, Chart | None] = {
        "cost": cost_chart(dataset),
        "selection": selection_chart(dataset),
        "confusion": confusion_chart(dataset),
        "per_class": class_chart(dataset),
        "agreement": agreement_chart(seen.rows),
        "map": layout_chart(seen, images),
        "sizes": size_chart(dataset),
        "losses": loss_chart(dataset),
        "calibration": calibration_chart(seen.rows),
    }
    return {name: chart for name, chart in found.items() if chart is not None}
