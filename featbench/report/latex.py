"""Tables for a paper: ``tabular`` with booktabs' rules, all text escaped."""

from __future__ import annotations

import re

from featbench.report.apart import notes_beside
from featbench.report.ranking import told_ranking
from featbench.report.summary import DatasetSummary, Summary
from featbench.report.table import caption, columns_of, verdict
from featbench.stats import Ranking
from featbench.text import printable

__all__ = ["as_latex", "latex_text", "rank_table"]

# What a column of a page is wide enough for.
_SHOWN = ("pipeline", "val %", "test %", "vs ★", "published", "train s", "images/s", "dim")

_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    "[": "{[}", "]": "{]}",  # after a row's end a bracket would be an option
    "★": r"$\star$", "≈": r"$\approx$", "→": r"$\rightarrow$", "−": "$-$", "±": r"$\pm$", "×": r"$\times$",
    "·": r"$\cdot$", "†": r"$\dagger$", "≥": r"$\geq$", "≤": r"$\leq$", "χ": r"$\chi$", "²": "$^2$", "…": r"\ldots{}",
}  # fmt: skip
_TRANSLATION = str.maketrans(_SIGNS)


def latex_text(text: str) -> str:
    r"""Return `text` so that LaTeX prints it as it is; scripts beyond Latin need XeLaTeX or LuaLaTeX.

    ``\textquotedbl`` is of the T1 encoding of fonts: ``\usepackage[T1]{fontenc}``.
    """
    return printable(text).translate(_TRANSLATION)


def as_latex(summary: Summary) -> str:
    r"""Return a ``table`` a data set, the verdict its caption; a document needs booktabs and T1 fonts.

    Parameters
    ----------
    summary : Summary

    Returns
    -------
    str
    """
    head = r"% needs \usepackage{booktabs} and \usepackage[T1]{fontenc}"
    return "\n".join([head, *(_table(str(summary.run["name"]), dataset) for dataset in summary.datasets)])


def rank_table(ranking: Ranking) -> str:
    """Return average ranks over several data sets as a table."""
    rows = [[name, f"{rank:.2f}"] for name, rank in zip(ranking.names, ranking.ranks, strict=True)]
    return _floating(["pipeline", "average rank"], "lr", rows, told_ranking(ranking), "ranks")


def _table(run: str, dataset: DatasetSummary) -> str:
    columns = [c for c in columns_of([dataset]) if c.heading in _SHOWN]
    rows = [[c.show(line) for c in columns] for line in dataset.lines]
    told = " ".join([f"{caption(dataset)}.", verdict(dataset), *notes_beside(dataset)])
    slug = re.sub(r"[^a-z0-9]+", "-", f"{run}-{dataset.name}".lower()).strip("-")
    layout = "".join("r" if c.numeric else "l" for c in columns)
    return _floating([c.heading for c in columns], layout, rows, told, slug)


def _floating(headings: list[str], layout: str, rows: list[list[str]], told: str, slug: str) -> str:
    lines = [
        r"\begin{table}",
        rf"\caption{{{latex_text(told)}}}",
        rf"\label{{tab:{slug}}}",
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
        _row(headings),
        r"\midrule",
        *(_row(cells) for cells in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return " & ".join(map(latex_text, cells)) + r" \\"
