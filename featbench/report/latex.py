"""Tables for a paper: ``tabular`` with booktabs' rules, all text escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping

from featbench.report.apart import notes_beside
from featbench.report.ranking import told_ranking
from featbench.report.summary import DatasetSummary, Summary
from featbench.report.table import caption, columns_of, verdict
from featbench.stats import Ranking
from featbench.text import printable

__all__ = ["as_latex", "latex_text", "rank_table"]

# What a page is wide enough for: shares of its width, of which names of pipelines get the rest.
_SHARES = {"val %": 0.07, "test %": 0.22, "vs ★": 0.09, "train s": 0.09, "images/s": 0.11, "dim": 0.08}
_BESIDE_PUBLISHED = {"val %": 0.07, "test %": 0.22, "vs ★": 0.09, "published": 0.23, "train s": 0.09}

_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    "[": "{[}", "]": "{]}",  # after a row's end a bracket would be an option
    "★": r"$\star$", "≈": r"$\approx$", "→": r"$\rightarrow$", "−": "$-$", "±": r"$\pm$", "×": r"$\times$",
    "·": r"$\cdot$", "†": r"$\dagger$", "≥": r"$\geq$", "≤": r"$\leq$", "χ": r"$\chi$", "²": "$^2$", "…": r"\ldots{}",
}  # fmt: skip
_TRANSLATION = str.maketrans(_SIGNS)
_PLAIN = str.maketrans(dict.fromkeys(_SIGNS, " "))

# Two of these become one sign, such as a dash.
_LIGATURES = re.compile(r"([-',])(?=\1)")
# What pdfLaTeX has no sign for in T1 fonts: tried one by one, up to U+2270.
_FOREIGN = re.compile(
    r"[^\x20-\x7e\xa0-\u0125\u0128-\u0137\u0139-\u013e\u0141-\u0148\u014a-\u0165\u0168-\u017e‐-―‘’‚“”„•‰‹›€™]+"
)


def latex_text(text: str) -> str:
    r"""Return `text` so that LaTeX prints it as it is.

    ``\textquotedbl`` is of the T1 encoding of fonts: ``\usepackage[T1]{fontenc}``. Scripts beyond Latin are printed by
    XeLaTeX and LuaLaTeX, with a font that has them; pdfLaTeX prints ``U+65E5`` in their place.
    """
    parts, start = [], 0
    shown = printable(text)
    for found in _FOREIGN.finditer(shown.translate(_PLAIN)):
        parts += [_latin(shown[start : found.start()]), _foreign(shown[found.start() : found.end()])]
        start = found.end()
    return "".join([*parts, _latin(shown[start:])])


def _latin(text: str) -> str:
    return _LIGATURES.sub(r"\1{}", text.translate(_TRANSLATION))


def _foreign(text: str) -> str:
    codes = " ".join(f"U+{ord(sign):04X}" for sign in text)
    # Of the primitives of XeTeX and LuaTeX one that pdfTeX lacks.
    return rf"\ifdefined\Umathchar {text}\else {codes}\fi{{}}"


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
    return _floating({"average rank": 0.2}, rows, told_ranking(ranking), "ranks")


def _table(run: str, dataset: DatasetSummary) -> str:
    columns = columns_of([dataset])
    claims = any(c.heading == "published" for c in columns)
    shares = _BESIDE_PUBLISHED if claims else _SHARES
    columns = [c for c in columns if c.heading in ("pipeline", *shares)]
    rows = [[c.show(line) for c in columns] for line in dataset.lines]
    told = " ".join([f"{caption(dataset)}.", verdict(dataset), *notes_beside(dataset)])
    slug = re.sub(r"[^a-z0-9]+", "-", f"{run}-{dataset.name}".lower()).strip("-")
    shown = {c.heading: shares[c.heading] for c in columns[1:]}
    return _floating(shown, rows, told, slug)


def _floating(shares: Mapping[str, float], rows: list[list[str]], told: str, slug: str) -> str:
    """Return a table of names, broken into lines, and of figures, whose columns take so much of the width."""
    layout = rf"@{{}}p{{{1 - sum(shares.values()):.2f}\linewidth}}{'r' * len(shares)}@{{}}"
    lines = [
        r"\begin{table}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{latex_text(told)}}}",
        rf"\label{{tab:{slug}}}",
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
        _row(["pipeline", *shares]),
        r"\midrule",
        *(_row(cells) for cells in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return r"\raggedright " + " & ".join(map(latex_text, cells)) + r" \\"
