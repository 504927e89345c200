"""What charts have in common: their choices, their colours, texts that are safe to show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from featbench.text import printable

__all__ = ["ACCENT", "INK", "LINES", "PAPER", "SOFT", "WARM", "Chart", "clean", "spec"]

# The page's colours, which follow light and dark.
INK, SOFT, PAPER = "var(--ink)", "var(--soft)", "var(--paper)"
ACCENT, WARM = "var(--accent)", "var(--warm)"
LINES = tuple(f"var(--c{i})" for i in range(8))
"""Colours of series, in their order."""


@dataclass(frozen=True)
class Chart:
    """A chart, or several of which the reader chooses one.

    Attributes
    ----------
    title : str
        What it shows, for those who cannot see it too.
    choose : str
        What the reader chooses; nothing where there is one choice.
    choices : tuple of (str, dict)
        A name and a Vega-Lite specification each; the first is drawn first.
    """

    title: str
    choose: str
    choices: tuple[tuple[str, Mapping[str, Any]], ...]

    def to_json(self) -> list[Mapping[str, Any]]:
        """Return the specifications in the order of the choices."""
        return [{"description": f"{self.title}: {name}", **chart} for name, chart in self.choices]


def spec(values: Iterable[Mapping[str, Any]], height: int, **more: Any) -> dict[str, Any]:
    """Return a specification as wide as its figure.

    Parameters
    ----------
    values : iterable of dict
        The data, a row each.
    height : int
        Pixels.
    **more
        Further keys of Vega-Lite.

    Returns
    -------
    dict
    """
    return {"width": "container", "height": height, "data": {"values": list(values)}, **more}


def clean(text: object) -> str:
    """Return a text without control characters."""
    return printable(str(text))
