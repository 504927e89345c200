"""Reading rules: ``exclude`` of an experiment file, ``--filter`` of the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from featbench.config.document import Document, KeyPath
from featbench.config.experiment import Experiment
from featbench.config.rows import Cell, EnsembleCell
from featbench.config.rules import KEYS, Rule, keep, unmatched
from featbench.config.validation import unknown_key
from featbench.errors import ConfigError, Shown, must_be, nearest

__all__ = ["filtered", "parse_filter", "read_exclusions", "read_rule", "without_voters"]


def read_exclusions(document: Document, experiment: Experiment) -> Experiment:
    """Add to an experiment what its file excludes.

    Parameters
    ----------
    document : Document
        The parsed file.
    experiment : Experiment
        Without exclusions and ensembles.

    Returns
    -------
    Experiment

    Raises
    ------
    ConfigError
        Everything that is wrong with ``exclude``, a line each: an exclusion that matches no row, too, and several
        that leave none.
    """
    if "exclude" not in document.data:
        return experiment
    items = document.data["exclude"]
    if not isinstance(items, list) or not items:
        wanted = "a list such as [{extractor: raw, classifier: svm}]"
        raise ConfigError(must_be(document.where(("exclude",)), "exclude", wanted, items))
    problems: list[str] = []
    rules = [read_rule(document, ("exclude", i), item, problems) for i, item in enumerate(items)]
    cells = list(experiment.cells())
    rows = [cell for cell in cells if isinstance(cell, Cell) and cell.extractor is not None]
    for i, rule in enumerate(rules):
        if rule is not None and not any(rule.matches(row) for row in rows):
            place = document.where(("exclude", i))
            problems.append(f"{place}: {rule} excludes nothing. {unmatched([rule], cells)}")
    if problems:
        raise ConfigError("\n".join(problems))
    found = tuple(rule for rule in rules if rule is not None)
    if all(any(rule.matches(row) for rule in found) for row in rows):
        got = Shown(f"all {len(rows)} of them")
        where = document.where(("exclude",))
        raise ConfigError(must_be(where, "what is excluded", "fewer than all rows", got))
    return dataclasses.replace(experiment, exclude=found)


def read_rule(
    document: Document, path: KeyPath, item: Any, problems: list[str], what: str = "the exclusion"
) -> Rule | None:
    """Read patterns for the keys of rows.

    Parameters
    ----------
    document : Document
        For the places that messages name.
    path : KeyPath
        Where `item` stands.
    item : object
        A mapping of keys to a pattern, or a list of patterns, each.
    problems : list of str
        Receives a sentence for everything that is wrong.
    what : str, optional
        What messages call it.

    Returns
    -------
    Rule or None
        None where there were problems.
    """
    if not isinstance(item, dict) or not item:
        wanted = "a mapping such as {extractor: raw, classifier: svm}"
        problems.append(must_be(document.where(path), what, wanted, item))
        return None
    wrong = [unknown_key(document, (*path, key), key, KEYS) for key in item if key not in KEYS]
    patterns = []
    for key, value in item.items():
        values = value if isinstance(value, list) else [value]
        if not values or any(isinstance(v, (bool, float, dict, list)) or v is None for v in values):
            wanted = "a name as a table shows it, * standing for anything, or a list of such"
            wrong.append(must_be(document.where((*path, key)), key, wanted, value))
        patterns.append((key, tuple(str(v) for v in values)))
    problems.extend(wrong)
    return None if wrong else Rule(tuple(patterns))


def parse_filter(text: str) -> Rule:
    """Read ``extractor=hog*`` or ``classifier=svm,softmax``.

    Parameters
    ----------
    text : str
        A key and its patterns, separated by commas; a comma in brackets is part of a name.

    Returns
    -------
    Rule

    Raises
    ------
    ConfigError
        Not of this form, or a key that rows do not have.
    """
    where = f"--filter {text}"
    key, equals, values = text.partition("=")
    key, patterns = key.strip(), tuple(_separated(values))
    if not equals or not key or not all(patterns):
        wanted = "of the form key=pattern, such as 'extractor=hog*' or classifier=svm,softmax"
        raise ConfigError(must_be("--filter", "a filter", wanted, text))
    if key not in KEYS:
        suggestion = nearest(key, KEYS)
        hint = f"Did you mean {suggestion!r}? " if suggestion else ""
        raise ConfigError(f"{where}: unknown key {key!r}. {hint}Known: {', '.join(KEYS)}.")
    return Rule(((key, patterns),))


def _separated(text: str) -> list[str]:
    """Split at commas that stand in no brackets."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def filtered(experiment: Experiment, filters: Sequence[str]) -> list[Cell | EnsembleCell]:
    """Return the cells of an experiment that every filter keeps.

    Parameters
    ----------
    experiment : Experiment
    filters : sequence of str
        As `parse_filter` reads them; all cells where there are none.

    Returns
    -------
    list of Cell or EnsembleCell
        With the rows of chance and majority.

    Raises
    ------
    ConfigError
        A filter that cannot be read, or filters that leave nothing; what there is, is told.
    """
    cells = list(experiment.cells())
    rules = [parse_filter(text) for text in filters]
    if not rules:
        return cells
    kept = keep(cells, rules)
    if not kept:
        told = " ".join(f"--filter {text}" for text in filters)
        several = [rule.patterns[0][0] for rule in rules]
        twice = next((key for key in several if several.count(key) > 1), None)
        hint = f" Several values of one key go into one filter: {twice}=A,B." if twice else ""
        raise ConfigError(f"{told}: leaves no row. {unmatched(rules, cells)}{hint}")
    return kept


def without_voters(experiment: Experiment, kept: Sequence[Cell | EnsembleCell]) -> tuple[str, ...]:
    """Return the ensembles that are no longer there because rows that vote in them are not.

    Parameters
    ----------
    experiment : Experiment
    kept : sequence of Cell or EnsembleCell
        What filters left of it.

    Returns
    -------
    tuple of str
        Labels of those of which other rows are there.
    """
    there = {cell.cell_id for cell in kept}
    gone = (c for c in experiment.cells() if isinstance(c, EnsembleCell) and c.cell_id not in there)
    voters = ((cell.label, [member.cell_id in there for member in cell.members]) for cell in gone)
    return tuple(dict.fromkeys(label for label, stand in voters if any(stand) and not all(stand)))
