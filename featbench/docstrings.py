"""Reading numpydoc docstrings, so that what a parameter means is written in one place."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Documentation", "read_docstring"]


@dataclass(frozen=True)
class Documentation:
    """What a class's docstring says.

    Attributes
    ----------
    summary : str
        Its first paragraph.
    parameters : dict of str to str
        The meaning of each parameter.
    references : str
        Where it comes from; may be empty.
    """

    summary: str
    parameters: dict[str, str]
    references: str


def read_docstring(cls: type[Any]) -> Documentation:
    """Read the docstring of a plug-in's class.

    Parameters
    ----------
    cls : type

    Returns
    -------
    Documentation
        Empty texts where there is no docstring, or none of that section.
    """
    text = inspect.cleandoc(cls.__doc__ or "")
    summary = " ".join(text.split("\n\n", 1)[0].split())
    sections = _sections(text)
    parameters: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", sections.get("Parameters", "")):
        head, _, body = block.partition("\n")
        meaning = " ".join(body.split())
        for name in re.split(r",\s*", head.partition(" : ")[0].strip()):
            if name:
                parameters[name] = meaning
    return Documentation(summary, parameters, sections.get("References", "").strip())


def _sections(text: str) -> dict[str, str]:
    """Return the text under each underlined heading."""
    pieces = re.split(r"(?m)^([A-Z][A-Za-z ]+)\n-{3,}\n", text)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))
