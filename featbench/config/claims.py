"""``reproduces``: which rows of an experiment are to reproduce which published figures.

What is claimed decides no result: it is no part of a cell's `spec`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from featbench.config.document import Document
from featbench.config.experiment import Experiment
from featbench.config.filters import read_rule
from featbench.config.rows import Cell, EnsembleCell
from featbench.config.rules import Rule, unmatched
from featbench.errors import ConfigError, Shown, UnknownNameError, must_be
from featbench.references import find_reference

__all__ = ["claims_of", "read_claims"]

_KEY = "reproduces"
# What --set may say without making another pipeline of a row.
_SAME_ROWS = ("timing", "executor", "seeds", "evidence", "images", _KEY)


def read_claims(document: Document, experiment: Experiment) -> Experiment:
    """Add to an experiment what its file is to reproduce.

    What ``--set`` changes is another experiment: it claims nothing, unless ``--set reproduces=…`` says so.

    Parameters
    ----------
    document : Document
        The parsed file.
    experiment : Experiment
        Without claims.

    Returns
    -------
    Experiment

    Raises
    ------
    ConfigError
        Everything that is wrong with ``reproduces``, a line each: a figure that is not in the registry, rules that
        match no row, a row that is to reproduce two figures, a name alone where there are several rows.
    """
    if _KEY not in document.data:
        return experiment
    given = document.data[_KEY]
    problems: list[str] = []
    claims = _read(document, given, problems)
    if problems:
        raise ConfigError("\n".join(problems))
    if _is_another(document):
        return experiment
    found = dataclasses.replace(experiment, reproduces=tuple(claims))
    _check(document, found)
    return found


def claims_of(experiment: Experiment, cells: Iterable[Cell | EnsembleCell]) -> dict[str, str]:
    """Return the names of published figures by the cells that are to reproduce them.

    Parameters
    ----------
    experiment : Experiment
    cells : iterable of Cell or EnsembleCell
        Those of it that are run. A learning curve's smaller sets claim nothing.

    Returns
    -------
    dict of str to str
        Empty of a quick look.
    """
    if experiment.quick:
        return {}
    return {
        cell.cell_id: name
        for cell in cells
        for name, rule in experiment.reproduces
        if _may_claim(cell) and (rule is None or rule.matches(cell))
    }


def _read(document: Document, given: Any, problems: list[str]) -> list[tuple[str, Rule | None]]:
    if isinstance(given, str):
        _check_name(document, (_KEY,), given, problems)
        return [(given, None)]
    if not isinstance(given, dict) or not given:
        wanted = "a published figure, or figures with the rows that are meant, {FIGURE: {extractor: hog}}"
        problems.append(must_be(document.where((_KEY,)), _KEY, wanted, given))
        return []
    claims: list[tuple[str, Rule | None]] = []
    for name, item in given.items():
        _check_name(document, (_KEY, name), name, problems)
        rule = read_rule(document, (_KEY, name), item, problems, "the rows")
        claims.append((name, rule))
    return claims


def _check_name(document: Document, path: tuple[str, ...], name: str, problems: list[str]) -> None:
    try:
        find_reference(name, document.where(path))
    except UnknownNameError as error:
        problems.append(str(error))


def _is_another(document: Document) -> bool:
    """Tell whether ``--set`` made other rows; where a data set lies makes none."""
    paths = [path for path in document.overrides if path[0] not in _SAME_ROWS and path[-1] != "root"]
    return bool(paths) and not any(path[0] == _KEY for path in document.overrides)


def _may_claim(cell: Cell | EnsembleCell) -> bool:
    baseline = isinstance(cell, Cell) and cell.extractor is None
    return not baseline and cell.train_size is None


def _check(document: Document, experiment: Experiment) -> None:
    cells = [cell for cell in experiment.cells() if _may_claim(cell)]
    pipelines = list(dict.fromkeys(cell.label for cell in cells))
    for name, rule in experiment.reproduces:
        place = document.where((_KEY,) if rule is None else (_KEY, name))
        if rule is None and len(pipelines) > 1:
            got = Shown(f"{len(pipelines)}: {', '.join(pipelines[:3])}…")
            remedy = f"Write {{{name}: {{label: ROW}}}}, the row as tables call it."
            raise ConfigError(must_be(place, "the rows that are meant", "one", got, remedy))
        if rule is not None and not any(rule.matches(cell) for cell in cells):
            raise ConfigError(f"{place}: {rule} matches no row. {unmatched([rule], cells)}")
    for cell in cells:
        names = [name for name, rule in experiment.reproduces if rule is None or rule.matches(cell)]
        if len(names) > 1:
            got = Shown(f"{' and '.join(names)} of {cell.label}")
            raise ConfigError(must_be(document.where((_KEY,)), "what a row reproduces", "one figure", got))
