from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featbench.text import csv_cell, first_few, markdown_cell, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain né", "plain né"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc", "a b c"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x00", "\\x00"),
        ("犬 → 猫", "犬 → 猫"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_nothing_printable_moves_the_cursor(text: str) -> None:
    assert all(c.isprintable() or c == " " or c.isspace() for c in printable(text))
    assert "\x1b" not in printable(text)


@pytest.mark.parametrize("formula", ["=cmd()", "+1", "-1", "@SUM(A1)"])
def test_formulas_are_text_in_a_spreadsheet(formula: str) -> None:
    assert csv_cell(formula) == "'" + formula


@given(st.text())
def test_csv_survives_any_text(text: str) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([csv_cell(text), "next"])
    assert next(csv.reader(io.StringIO(buffer.getvalue()))) == [csv_cell(text), "next"]


def test_markdown_is_escaped() -> None:
    assert markdown_cell("<script>|[/red]*") == "\\<script\\>\\|\\[/red\\]\\*"


def test_the_first_few_are_named_and_the_rest_are_counted() -> None:
    assert first_few(["a", "b", "c"]) == "a; b; c"
    assert first_few(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more"
