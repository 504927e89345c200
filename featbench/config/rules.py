"""Rows by what a table calls them: what ``exclude`` leaves out and ``--filter`` keeps.

A rule has patterns for one key or more, and a row matches where each key's value fits one of its patterns. A
pattern is what a table shows, ``*`` standing for anything and ``->`` for the arrow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from featbench.config.rows import Cell, EnsembleCell
from featbench.errors import nearest
from featbench.text import first_few

__all__ = ["KEYS", "Rule", "keep", "unmatched", "with_arrows"]

KEYS = ("dataset", "extractor", "preprocess", "classifier", "label", "seed", "split", "train_size")

_ARROW = re.compile(r"\s*(?:→|->)\s*")
_MOST_SHOWN = 12


@dataclass(frozen=True)
class Rule:
    """Patterns on what names a row.

    Attributes
    ----------
    patterns : tuple of (str, tuple of str)
        Of each key of `KEYS` that is told, the patterns of which one must fit.
    """

    patterns: tuple[tuple[str, tuple[str, ...]], ...]

    def matches(self, cell: Cell | EnsembleCell) -> bool:
        """Tell whether every key fits; of an ensemble, those of each member, or its own label."""
        return all(_fits(cell, key, patterns) for key, patterns in self.patterns)

    def __str__(self) -> str:
        """Return the rule as an experiment file writes it."""
        return "{" + ", ".join(f"{key}: {_written(patterns)}" for key, patterns in self.patterns) + "}"


def with_arrows(text: str) -> str:
    """Return a label as tables write it, where ``->`` was typed for the arrow."""
    return _ARROW.sub(" → ", text.strip())


def _written(patterns: Sequence[str]) -> str:
    return patterns[0] if len(patterns) == 1 else f"[{', '.join(patterns)}]"


def _fits(cell: Cell | EnsembleCell, key: str, patterns: Sequence[str]) -> bool:
    if isinstance(cell, EnsembleCell) and key != "label":
        return all(_fits(member, key, patterns) for member in cell.members)
    return any(_fits_one(pattern, value) for pattern in patterns for value in _values(cell, key))


def _fits_one(pattern: str, value: str) -> bool:
    # Of all signs that globs know, the asterisk alone: labels have brackets and question marks of their own.
    expression = ".*".join(re.escape(part) for part in with_arrows(pattern).split("*"))
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _values(cell: Cell | EnsembleCell, key: str) -> tuple[str, ...]:
    """Return what a row has for a key; several where it can be called in several ways."""
    if key == "label":
        return tuple(dict.fromkeys((cell.label, cell.pipeline)))
    if key in ("seed", "split"):
        return (str(getattr(cell, key)),)
    if key == "train_size":
        return ("all" if cell.train_size is None else str(cell.train_size),)
    assert isinstance(cell, Cell)
    if key == "preprocess":
        return (cell.preprocess,)
    component = getattr(cell, key)
    return (component.label,) if component is not None else ()


def keep(cells: Iterable[Cell | EnsembleCell], rules: Sequence[Rule]) -> list[Cell | EnsembleCell]:
    """Return the cells that match every rule, in their order.

    The rows of chance and majority stay with the data sets, splits and seeds of which another row does; the members
    of an ensemble stay with it.

    Parameters
    ----------
    cells : iterable of Cell or EnsembleCell
    rules : sequence of Rule

    Returns
    -------
    list of Cell or EnsembleCell
        Empty where none but those of chance and majority would be left.
    """
    cells = list(cells)
    matching = [c for c in cells if not _is_baseline(c) and all(rule.matches(c) for rule in rules)]
    kept = {c.cell_id for c in matching}
    kept |= {m.cell_id for c in matching if isinstance(c, EnsembleCell) for m in c.members}
    places = {(c.dataset.label, c.split, c.seed) for c in matching}
    return [
        c
        for c in cells
        if c.cell_id in kept or (_is_baseline(c) and (c.dataset.label, c.split, c.seed) in places)
    ]


def _is_baseline(cell: Cell | EnsembleCell) -> bool:
    return isinstance(cell, Cell) and cell.extractor is None


def unmatched(rules: Sequence[Rule], cells: Sequence[Cell | EnsembleCell]) -> str:
    """Say why no row matches all rules, and which names there are.

    Parameters
    ----------
    rules : sequence of Rule
        Which no row matches together.
    cells : sequence of Cell or EnsembleCell
        What there is.

    Returns
    -------
    str
        A sentence for each pattern that fits no row; where each fits some, one that says so.
    """
    cells = [cell for cell in cells if not _is_baseline(cell)]
    told: list[str] = []
    for key, patterns in (pair for rule in rules for pair in rule.patterns):
        names = list(dict.fromkeys(v for c in cells if isinstance(c, Cell) for v in _values(c, key)[:1]))
        if key == "label":
            names = [cell.label for cell in cells]
        strange = [p for p in patterns if not any(_fits(cell, key, [p]) for cell in cells)]
        told += [_nothing_fits(key, pattern, names) for pattern in strange]
    if told:
        return " ".join(dict.fromkeys(told))
    return "Each pattern fits some rows, and no row fits all of them."


def _nothing_fits(key: str, pattern: str, names: Sequence[str]) -> str:
    suggestion = nearest(pattern, names)
    starting = [name for name in names if name.startswith(pattern.rstrip("*"))]
    hint = f"Did you mean {suggestion!r}? " if suggestion else ""
    if starting and not pattern.endswith("*"):  # such as svm where there is svm(loss=…)
        hint = f"Did you mean '{pattern}*'? "
    return f"No {key} fits {pattern!r}. {hint}There is: {first_few(names, _MOST_SHOWN)}."
