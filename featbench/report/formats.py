"""One text of one run or several, in the format that it is wanted in."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from featbench.errors import ConfigError
from featbench.report.files import as_csv, as_json, as_markdown, rank_lines
from featbench.report.html import as_html
from featbench.report.latex import as_latex, rank_table
from featbench.report.ranking import ranking_of
from featbench.report.summary import Summary
from featbench.stats import Ranking
from featbench.store import to_json

__all__ = ["as_text"]


def as_text(summaries: Sequence[Summary], form: str, *, pictures: bool = True) -> str:
    """Return the report of runs; of several with the ranks over all their data sets.

    Parameters
    ----------
    summaries : sequence of Summary
        One or more.
    form : str
        ``"html"``, ``"md"``, ``"csv"``, ``"latex"`` or ``"json"``.
    pictures : bool, optional
        Whether a page may show images of the data sets.

    Returns
    -------
    str

    Raises
    ------
    ConfigError
        One page of several runs.
    """
    several = len(summaries) > 1
    ranking = (
        ranking_of([dataset for summary in summaries for dataset in summary.datasets]) if several else None
    )
    if form == "html":
        if several:
            raise ConfigError(
                "--format html: a page is of one run. Put the folders into one with `featbench records merge`, or "
                "leave --format out, and each gets its page."
            )
        return as_html(summaries[0], pictures=pictures)
    if form == "csv":
        return as_csv(*summaries)
    if form == "json":
        return _json(summaries, ranking) if several else as_json(summaries[0])
    if form == "md":
        return "\n".join([*map(as_markdown, summaries), *rank_lines(ranking)])
    return "\n".join([*map(as_latex, summaries), *([rank_table(ranking)] if ranking else [])])


def _json(summaries: Sequence[Summary], ranking: Ranking | None) -> str:
    runs = [json.loads(as_json(summary)) for summary in summaries]
    return to_json({"runs": runs, "ranking": ranking and dataclasses.asdict(ranking)})
