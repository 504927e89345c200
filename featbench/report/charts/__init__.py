"""Charts of a report as Vega-Lite specifications, in JSON's types; the page draws them."""

from __future__ import annotations

from typing import Any

from featbench.report.charts.chart import Chart
from featbench.report.charts.cost import cost_chart
from featbench.report.charts.failures import agreement_chart, class_chart, confusion_chart
from featbench.report.charts.learning import loss_chart, size_chart
from featbench.report.charts.selection import selection_chart
from featbench.report.summary import DatasetSummary
from featbench.store import Store

__all__ = ["CHARTS", "Chart", "charts_of"]

CHARTS = ("cost", "selection", "confusion", "per_class", "agreement", "sizes", "losses")
"""Every chart by its name."""


def charts_of(dataset: DatasetSummary, store: Store) -> dict[str, Any]:
    """Return the charts of a data set by name; those that have nothing to show are left out.

    Parameters
    ----------
    dataset : DatasetSummary
    store : Store
        Where predictions lie; only read.

    Returns
    -------
    dict of str to Chart

    Raises
    ------
    StoreError
        A file of predictions is damaged.
    """
    found: dict[str, Chart | None] = {
        "cost": cost_chart(dataset),
        "selection": selection_chart(dataset),
        "confusion": confusion_chart(dataset),
        "per_class": class_chart(dataset),
        "agreement": agreement_chart(dataset, store),
        "sizes": size_chart(dataset),
        "losses": loss_chart(dataset),
    }
    return {name: chart for name, chart in found.items() if chart is not None}
