"""Pictures of results, as SVG text that stands inside a page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Literal

from featbench.stats import Ranking

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["critical_difference_diagram"]


def critical_difference_diagram(ranking: Ranking) -> str:
    """Draw average ranks on a line, the best to the left, and bars over pipelines that cannot be told apart.

    Parameters
    ----------
    ranking : Ranking

    Returns
    -------
    str
        SVG.
    """
    k, ranks = len(ranking.ranks), ranking.ranks
    half, ties = (k + 1) // 2, ranking.ties()
    bars, step = 0.35 * (len(ties) + 1), 0.5
    figure = _figure(8.5, 1.1 + 0.28 * (bars + step * half) / step)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    ink, width = "#1f2328", k - 1.0
    axes.plot([1, k], [0, 0], color=ink, linewidth=1)
    for place in range(1, k + 1):
        axes.plot([place, place], [0, 0.15], color=ink, linewidth=1)
        axes.text(place, 0.25, str(place), ha="center", va="bottom", fontsize=9)
    shown = min(ranking.critical, width)
    beyond = "" if ranking.critical <= width else ", wider than the ranks can be apart"
    axes.plot([1, 1 + shown], [1.2, 1.2], color="#c2571a", linewidth=2)
    axes.text(1, 1.35, f"critical difference {ranking.critical:.2f}{beyond}", fontsize=9, color="#c2571a")
    for number, (first, last) in enumerate(ties):
        y = -0.35 * (number + 1)
        axes.plot([ranks[first] - 0.03, ranks[last] + 0.03], [y, y], color="#2563a8", linewidth=3.5)
    for i, (name, rank) in enumerate(zip(ranking.names, ranks, strict=True)):
        left = i < half
        y = -bars - step * ((i if left else k - 1 - i) + 0.5)
        end = 1 - 0.05 * width if left else k + 0.05 * width
        axes.plot([rank, rank, end], [0, y, y], color="#8a8f98", linewidth=0.8)
        text = f"{name}  {rank:.2f}" if left else f"{rank:.2f}  {name}"
        text = text.replace("$", r"\$")  # a name is no formula
        axes.text(
            end + (-0.01 if left else 0.01) * width,
            y,
            text,
            ha="right" if left else "left",
            va="center",
            fontsize=9,
            color=ink,
        )
    return _svg(figure)


def _figure(width: float, height: float, layout: Literal["constrained"] | None = None) -> Figure:
    """Return an empty figure by the object interface: no window system, no state shared with the user's own plots."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout)


def _svg(figure: Figure) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    text = io.StringIO()
    FigureCanvasSVG(figure)
    # Of a figure without a layout, what stands beyond the axes belongs to the picture: names may be long.
    box = None if figure.get_layout_engine() else "tight"
    figure.savefig(text, format="svg", bbox_inches=box, metadata={"Date": None, "Creator": None})
    return _inline(text.getvalue())


def _inline(svg: str) -> str:
    """Strip what only a file needs, and the fixed size, so that the picture fits its column."""
    opening, body = svg[svg.index("<svg") :].split(">", 1)
    return re.sub(r' (width|height)="[^"]*"', "", opening) + ">" + body
