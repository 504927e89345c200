"""Pictures of results, as SVG text that stands inside a page."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from featbench.report.summary import Line

__all__ = ["selection_curve"]


def selection_curve(line: Line) -> str | None:
    """Draw validation accuracy over the searched hyperparameter: every fold a dot, the mean a line.

    Parameters
    ----------
    line : Line
        Its first finished cell is drawn.

    Returns
    -------
    str or None
        SVG; None where not exactly one number was searched, over three values or more.
    """
    if not line.done:
        return None
    selection = line.done[0]["selection"]
    name, values = _searched(selection)
    scores = 100 * np.asarray(selection["scores"], dtype=float)
    if name is None or scores.size == 0:
        return None
    # The object interface: no window system, no state shared with the user's own plots.
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 2.8), layout="constrained")
    axes = figure.add_subplot()
    order = np.argsort(values)
    x, scores = np.asarray(values, dtype=float)[order], scores[order]
    axes.plot(x, scores, "o", color="#8a8f98", markersize=3.5)
    mean, deviation = scores.mean(axis=1), scores.std(axis=1, ddof=1 if scores.shape[1] > 1 else 0)
    axes.errorbar(x, mean, deviation, color="#2563a8", linewidth=1.5, capsize=3)
    best = values[selection["chosen"]]
    axes.axvline(best, color="#c2571a", linewidth=1, linestyle="--")
    if x.min() > 0 and x.max() / x.min() >= 50:
        axes.set_xscale("log")
    axes.set_xlabel(f"{name} (chosen: {best:g})")
    axes.set_ylabel("validation accuracy, %")
    axes.spines[["top", "right"]].set_visible(False)
    text = io.StringIO()
    FigureCanvasSVG(figure)
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(text.getvalue())


def _searched(selection: Mapping[str, Any]) -> tuple[str | None, list[float]]:
    names = list(selection["candidates"][0])
    if len(names) != 1 or len(selection["candidates"]) < 3:
        return None, []
    values = [candidate[names[0]] for candidate in selection["candidates"]]
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    return (names[0], values) if numbers else (None, [])


def _inline(svg: str) -> str:
    """Strip what only a file needs, and the fixed size, so that the picture fits its column."""
    opening, body = svg[svg.index("<svg") :].split(">", 1)
    return re.sub(r' (width|height)="[^"]*"', "", opening) + ">" + body
