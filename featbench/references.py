"""Published figures, each with its source, its protocol and how far it can be trusted.

They lie in ``references.json`` beside this module. An experiment that is to reproduce one says so by its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from featbench.errors import UnknownNameError

__all__ = ["TRUST", "Reference", "find_reference", "references"]

TRUST = {
    "V": "read in the source",
    "S": "second-hand, citing the source",
    "R": "recalled",
    "M": "measured for featbench by other libraries",
}


@dataclass(frozen=True)
class Reference:
    """One published figure.

    Attributes
    ----------
    name : str
        What an experiment calls it.
    pipeline : str
        What it is a figure of.
    accuracy : float
        Percent.
    tolerance : float
        Points, to either side, within which a figure of ours reproduces it.
    because : str
        Why so many.
    metric : str
        The column that it is held against: ``test_accuracy`` or ``val_accuracy``.
    dataset : str
        As `featbench run` calls it.
    n_train, n_test : int or None
        Images of the data set, as the protocol has it; None where any number will do.
    protocol : str
        What else was done.
    source : str
        Authors, title, place, year.
    url : str or None
        DOI or address; None of what was measured for featbench.
    trust : str
        One of `TRUST`.
    """

    name: str
    pipeline: str
    accuracy: float
    tolerance: float
    because: str
    metric: str
    dataset: str
    n_train: int | None
    n_test: int | None
    protocol: str
    source: str
    url: str | None
    trust: str

    @property
    def told(self) -> str:
        """The source in one line, with its trust."""
        address = f", {self.url}" if self.url else ""
        return f"{self.source}{address} ({TRUST[self.trust]})"


@cache
def references() -> Mapping[str, Reference]:
    """Return every figure of the registry by its name."""
    text = files("featbench").joinpath("references.json").read_text(encoding="utf-8")
    entries: dict[str, dict[str, Any]] = json.loads(text)
    return {name: Reference(name=name, **entry) for name, entry in entries.items()}


def find_reference(name: str, where: str) -> Reference:
    """Return a figure of the registry.

    Parameters
    ----------
    name : str
    where : str
        Where the name was read, for the message.

    Returns
    -------
    Reference

    Raises
    ------
    UnknownNameError
        There is none of that name; the nearest is told.
    """
    known = references()
    if name not in known:
        raise UnknownNameError(where, "published figure", name, known)
    return known[name]
