"""Images under a title: what is said of each, and the choices that the reader has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from featbench.text import printable

__all__ = ["Gallery", "Group", "Shot"]


@dataclass(frozen=True)
class Shot:
    """One image with what is said of it.

    Attributes
    ----------
    image : str
        Its key.
    text : str
        The caption.
    what : str
        What it is, for those who cannot see it.
    mark : str
        ``"wrong"``, ``"right"``, ``"query"`` or nothing.
    heat : sequence of sequence of float
        Laid over the image, by row and column: -1 to 1; empty for none.
    """

    image: str
    text: str
    what: str
    mark: str = ""
    heat: Sequence[Sequence[float]] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the attributes that say something, under short names."""
        told = {
            "i": self.image,
            "t": printable(self.text),
            "a": printable(self.what),
            "m": self.mark,
            "h": self.heat,
        }
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True)
class Group:
    """Images that stand in one row, with a heading or none."""

    heading: str
    shots: tuple[Shot, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the group in JSON's types."""
        return {"g": printable(self.heading), "s": [shot.to_json() for shot in self.shots]}


@dataclass(frozen=True)
class Gallery:
    """Images under a title, or several sets of them of which the reader chooses one.

    Attributes
    ----------
    title, note : str
        What is shown, and how it is to be read.
    choose : str
        What the reader chooses; nothing where there is one choice.
    choices : tuple of (str, tuple of Group)
    """

    title: str
    note: str
    choose: str
    choices: tuple[tuple[str, tuple[Group, ...]], ...]

    def to_json(self) -> list[list[dict[str, Any]]]:
        """Return the groups in the order of the choices."""
        return [[group.to_json() for group in groups] for _, groups in self.choices]
