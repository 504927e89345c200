"""Reports in other formats, each read by somebody else's parser: Markdown, CSV, LaTeX, JSON."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexWalker

from featbench.errors import ConfigError
from featbench.report import summarize_run
from featbench.report.formats import as_text
from featbench.report.latex import latex_text
from featbench.report.summary import Summary
from featbench.report.table import columns_of
from featbench.results import COLUMNS, frame
from featbench.store import Store

sys.path.append(str(Path(__file__).parent.parent / "records"))
from made_up import cell, folder

HOSTILE = ["<script>alert(1)</script>", "[/red]", "=cmd()", "../../x", "a|b", "a&b", r"\input{/x} $x$ 50% #1 _a_ {b} ^c ~d", "`a*b*`"]  # fmt: skip
LATEX = r"a & b % c $ d # e _ f { g } h ~ i ^ j \ k < l > m | n [ o ] p -- q --- r '' s ,, t"


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    return run(tmp_path, "run", *HOSTILE)


def run(tmp_path: Path, name: str, *labels: str, dataset: str = "a_set") -> Summary:
    cells = [
        cell(
            f"{label} → svm", 0.6 - 0.02 * i, dataset=dataset, cell_id=f"{name}-{i}", warnings=["50 % & more"]
        )
        for i, label in enumerate(labels)
    ]
    cells.append(
        cell(
            "no → svm",
            dataset=dataset,
            status="failed",
            test_accuracy=None,
            reason="why_not",
            cell_id=f"{name}-x",
        )
    )
    return summarize_run(Store(folder(tmp_path / name, *cells, reproduces={f"{name}-0": "airbench94"})))


def shown(summary: Summary, headings: Any = None) -> list[list[str]]:
    (dataset,) = summary.datasets
    columns = [c for c in columns_of([dataset]) if headings is None or c.heading in headings]
    return [[c.heading for c in columns], *([c.show(line) for c in columns] for line in dataset.lines)]


def same_text(cells: list[list[str]]) -> list[list[str]]:
    """Return cells as any reader may space them."""
    return [[" ".join(text.split()) for text in row] for row in cells]


def test_markdown_has_the_table_that_was_meant(summary: Summary) -> None:
    rows: list[list[str]] = []
    in_cell = False
    for token in MarkdownIt("commonmark").enable("table").parse(as_text([summary], "md")):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            in_cell = True
        elif token.type == "inline" and in_cell:
            children = token.children or []
            assert {child.type for child in children} <= {"text", "text_special"}
            rows[-1].append("".join(child.content for child in children))
            in_cell = False
    assert same_text(rows) == same_text(shown(summary))


def test_pandas_reads_the_csv_back_equal(summary: Summary) -> None:
    read = pd.read_csv(io.StringIO(as_text([summary], "csv")))
    wanted = frame(summary.records)
    assert list(read.columns) == list(COLUMNS)
    for column in COLUMNS:
        told, meant = read[column], wanted[column].replace("", None)
        if pd.api.types.is_numeric_dtype(told):
            np.testing.assert_array_equal(told.to_numpy(float), meant.to_numpy(float), err_msg=column)
        else:
            # A formula is disarmed by an apostrophe, which is all that differs.
            pairs = zip(told, meant, strict=True)
            assert all((pd.isna(a) and pd.isna(b)) or a.removeprefix("'") == b for a, b in pairs), column
    assert read["test_accuracy"].notna().sum() == len(HOSTILE)
    assert not read["extractor"].fillna("").str.startswith("=").any()


SIGNS = str.maketrans({"⋆": "★", "⋅": "·", "ˆ": "^"})


def tables(text: str) -> list[list[list[str]]]:
    """Parse LaTeX, strictly, and return the cells of each tabular as text."""
    found: list[list[list[str]]] = []

    def walk(nodes: Any) -> None:
        for node in nodes or ():
            if isinstance(node, LatexEnvironmentNode) and node.environmentname == "tabular":
                body = "".join(part.latex_verbatim() for part in node.nodelist)
                for layout in (r"\toprule", r"\midrule", r"\bottomrule", r"\raggedright "):
                    body = body.replace(layout, "")
                rows = [row for row in body.split("\\\\\n") if row.strip()]
                found.append([[read(c) for c in row.strip("\n").split(" & ")] for row in rows])
            walk(getattr(node, "nodelist", None))

    nodes, _, length = LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    assert length == len(text)
    walk(nodes)
    return found


def read(latex: str) -> str:
    # Signs of LaTeX itself that the parser does not know by name, or prints as others.
    for name, sign in (("less", "<"), ("greater", ">"), ("bar", "|"), ("asciigrave", "`"), ("quotedbl", '"')):
        latex = latex.replace(rf"\text{name}{{}}", sign)
    text = LatexNodes2Text(math_mode="text", strict_latex_spaces=True).latex_to_text(latex)
    return str(text).translate(SIGNS)


def test_latex_parses_to_the_table_that_was_meant(summary: Summary) -> None:
    headings = ("pipeline", "val %", "test %", "vs ★", "published", "train s")
    text = as_text([summary], "latex")
    (table,) = tables(text)
    # The parser prints a minus as a hyphen.
    meant = [[cell.replace("−", "-") for cell in row] for row in shown(summary, headings)]
    assert same_text(table) == same_text(meant)
    assert r"\begin{tabular}{@{}p{0.30\linewidth}rrrrr@{}}" in text
    assert r"\label{tab:run-a-set}" in text
    assert text.count(r"\begin{") == text.count(r"\end{")


def test_latex_prints_text_as_it_is() -> None:
    escaped = latex_text(LATEX)
    assert read(escaped) == LATEX
    assert r"\input" not in latex_text(r"\input{/etc/passwd}")


def test_scripts_beyond_latin_are_printed_by_an_engine_that_can() -> None:
    assert latex_text("café, Łódź & œuvre") == r"café, Łódź \& œuvre"
    assert latex_text("★ 日本 × a_ω") == (
        r"$\star$ \ifdefined\Umathchar 日本\else U+65E5 U+672C\fi{} $\times$ "
        r"a\_\ifdefined\Umathchar ω\else U+03C9\fi{}"
    )


DOCUMENT = r"""\documentclass{article}
\IfFileExists{booktabs.sty}{\usepackage{booktabs}}
  {\newcommand{\toprule}{\hline}\newcommand{\midrule}{\hline}\newcommand{\bottomrule}{\hline}}
\usepackage[T1]{fontenc}
\begin{document}
%s
\end{document}
"""
AWKWARD = [
    *HOSTILE,
    r"\end{table}",
    r"\\ \hline",
    "* --- `` ''",
    "café Łódź ¿§µ",
    "日本語 😀 Ωμέγα кот שלום a\u0301",
    "",
]
# One of every sign that is printed as it is.
PLAIN = " ".join(sign for sign in map(chr, (*range(0x20, 0x7F), *range(0xA1, 0x180))) if sign.isprintable())


@pytest.mark.long
@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="no pdflatex: apt-get install texlive-latex-base"
)
def test_pdflatex_takes_every_table(tmp_path: Path) -> None:
    runs = [run(tmp_path, f"r{i}", *AWKWARD, dataset=f"a_set 50%&#\\ {i}") for i in range(3)]
    report = Path(__file__).parents[2] / "reports" / "cifar10-whole"
    texts = [as_text(runs, "latex"), as_text([summarize_run(Store(report))], "latex")]
    texts += [latex_text(PLAIN), *(f"x{latex_text(sign)}x\n\n" for sign in "★≈→−±×·†≥≤χ²…–—‘’‚“”„•‰‹›€™")]
    (tmp_path / "all.tex").write_text(DOCUMENT % "\n".join(texts), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    told = (tmp_path / "all.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, told[-3000:]
    assert "Overfull" not in told  # no table is wider than the page
    assert "Missing character" not in told


def test_json_of_one_run_and_of_several(tmp_path: Path, summary: Summary) -> None:
    one = json.loads(as_text([summary], "json"))
    assert one["references"][0]["reference"] == "airbench94"
    runs = [run(tmp_path, f"r{i}", "a", "b", "c", dataset=f"set{i}") for i in range(3)]
    several = json.loads(as_text(runs, "json"))
    assert [r["run"]["name"] for r in several["runs"]] == ["r0", "r1", "r2"]
    assert several["ranking"]["n_datasets"] == 3
    assert "## Over 3 data sets" in as_text(runs, "md")
    assert len(tables(as_text(runs, "latex"))) == 4
    csv = pd.read_csv(io.StringIO(as_text(runs, "csv")))
    assert csv.groupby("run").size().to_dict() == {"r0": 4, "r1": 4, "r2": 4}
    with pytest.raises(ConfigError, match="a page is of one run"):
        as_text(runs, "html")
