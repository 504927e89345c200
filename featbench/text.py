"""Text from strangers, made harmless for the place where it is shown.

Class names, file names and error messages may hold anything: terminal escapes, markup, formulas. What
they hold is kept in the data and disarmed where it is shown.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["clipped", "counted", "csv_cell", "first_few", "first_line", "markdown_cell", "printable"]

_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~!"})


def printable(text: str) -> str:
    r"""Return `text` with control and direction-changing characters written as ``\x1b``.

    Line breaks and tabs become spaces, so that a name stays on its line.
    """
    shown = []
    for character in text:
        if character in "\n\r\t":
            shown.append(" ")
        elif unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            code = ord(character)
            shown.append(f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
        else:
            shown.append(character)
    return "".join(shown)


def csv_cell(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula: ``=cmd()`` gets an apostrophe before it."""
    text = printable(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def markdown_cell(text: str) -> str:
    """Return `text` for a cell of a Markdown table, its markup escaped."""
    return printable(text).translate(_MARKDOWN)


def first_few(sentences: Sequence[str], most: int = 3) -> str:
    """Return the first of many sentences, and how many more there are."""
    more = f"; and {len(sentences) - most} more" if len(sentences) > most else ""
    return "; ".join(sentences[:most]) + more


def first_line(error: Exception) -> str:
    """Return what an error says first, at most 200 characters; its class where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def counted(n: int, one: str, several: str = "") -> str:
    """Return ``1 row`` or ``3 rows``."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def clipped(names: Iterable[object], most: int = 60) -> list[str]:
    """Return printable names, cut where they are long, none twice: equal names would be one place on an axis."""
    found: list[str] = []
    for name in names:
        text = printable(str(name))
        short = text if len(text) <= most else text[: most - 1] + "…"
        found.append(short if short not in found else f"{short} ({len(found) + 1})")
    return found
