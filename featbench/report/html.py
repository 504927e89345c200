"""One page that stands alone: its charts, their library and all data inside, no network, everything escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from featbench.report.charts import Chart, charts_of
from featbench.report.charts.failures import confusions
from featbench.report.embedded import Images
from featbench.report.figures import critical_difference_diagram
from featbench.report.galleries import Gallery, galleries_of
from featbench.report.ranking import ranking_of, told_ranking
from featbench.report.rows import table_of
from featbench.report.seen import seen_of
from featbench.report.summary import DatasetSummary, Summary
from featbench.report.table import caption, footnotes, verdict
from featbench.report.trust import facts_of_data, facts_of_machine
from featbench.report.work import HEADINGS, MEANING, work_of
from featbench.text import printable

__all__ = ["as_html"]

_SCRIPTS = ("vega.js", "page.js")


def as_html(summary: Summary, *, pictures: bool = True) -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    summary : Summary
    pictures : bool, optional
        Whether images of the data sets may be shown, and what shows parts of them.

    Returns
    -------
    str
        Text from data sets is escaped by the template engine and freed of control characters. The page's policy
        lets it ask for nothing and run no script but its own two, which it knows by their hashes.

    Raises
    ------
    StoreError
        A file of predictions is damaged.
    """
    environment = Environment(
        loader=PackageLoader("featbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    images = Images()
    shown = [_shown(dataset, summary, images, pictures=pictures) for dataset in summary.datasets]
    return environment.get_template("page.html").render(
        run=summary.run,
        policy=_policy(),
        style=_asset("page.css"),
        scripts=[_asset(name) for name in _SCRIPTS],
        work={"headings": HEADINGS, "meaning": MEANING},
        datasets=[
            _dataset(dataset, summary, *of) for dataset, of in zip(summary.datasets, shown, strict=True)
        ],
        figures={
            f"d{number}-{name}": figure.to_json()
            for number, of in enumerate(shown, 1)
            for figures in of
            for name, figure in figures.items()
        },
        images=images.to_json(),
        ranks=_ranks(summary),
        footnotes=footnotes(summary),
        environment=facts_of_machine(summary.run.get("environment") or {}),
    )


@cache
def _asset(name: str) -> Markup:
    """Return a file of the package's own, which does not end the element that it stands in."""
    text = (files("featbench.report") / "assets" / name).read_text(encoding="utf-8")
    assert not re.search(r"</script|</style|<!--", text, re.IGNORECASE)
    return Markup(text)  # noqa: S704


@cache
def _policy() -> str:
    hashes = (hashlib.sha256(_asset(name).encode()).digest() for name in _SCRIPTS)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}"


def _shown(
    dataset: DatasetSummary, summary: Summary, images: Images, *, pictures: bool
) -> tuple[dict[str, Chart], dict[str, Gallery]]:
    seen = seen_of(dataset, summary.store, images=pictures)
    galleries = galleries_of(seen, images)
    return charts_of(dataset, seen, images), galleries


def _dataset(
    dataset: DatasetSummary, summary: Summary, charts: dict[str, Chart], galleries: dict[str, Gallery]
) -> dict[str, Any]:
    best = dataset.recommended
    failing = best is not None and "confusion" in charts and best.done[0].get("scores")
    return {
        "name": dataset.name,
        "caption": caption(dataset),
        "verdict": verdict(dataset),
        **table_of(dataset),
        "charts": charts,
        "galleries": galleries,
        "best": best.label if best else "",
        "confusions": confusions(best, list(dataset.data["classes"])) if best and failing else [],
        "work": [work.cells() for work in work_of(dataset)],
        "facts": facts_of_data(dataset, summary),
    }


def _ranks(summary: Summary) -> dict[str, Any] | None:
    ranking = ranking_of(summary.datasets)
    if ranking is None:
        return None
    # matplotlib escapes the text that it draws, and nothing else goes in.
    diagram = Markup(critical_difference_diagram(ranking))  # noqa: S704
    return {"n": ranking.n_datasets, "told": told_ranking(ranking), "diagram": diagram}
