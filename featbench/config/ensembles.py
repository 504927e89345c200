"""Ensembles of an experiment: which of its rows vote, named as tables name them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from featbench.config.document import Document, KeyPath
from featbench.config.experiment import Experiment
from featbench.config.rows import VOTES, Cell, Ensemble, EnsembleCell
from featbench.config.rules import with_arrows
from featbench.config.validation import unknown_key
from featbench.errors import ConfigError, Shown, must_be, nearest
from featbench.text import first_few

__all__ = ["read_ensembles"]

_KEYS = ("cells", "best", "vote")


def read_ensembles(document: Document, experiment: Experiment) -> Experiment:
    """Add to an experiment the ensembles that its file asks for.

    A row is named by its label, ``hog → standardize → svm``, where ``->`` is as good as the arrow; preprocessing
    and parameters may be left out where one row alone is meant.

    Parameters
    ----------
    document : Document
        The parsed file.
    experiment : Experiment
        Without ensembles.

    Returns
    -------
    Experiment

    Raises
    ------
    ConfigError
        Everything that is wrong with ``ensembles``, a line each.
    """
    if "ensembles" not in document.data:
        return experiment
    items = document.data["ensembles"]
    if not isinstance(items, list) or not items:
        wanted = "a list such as [{cells: [hog -> svm, hue -> knn]}, {best: 3}]"
        raise ConfigError(must_be(document.where(("ensembles",)), "ensembles", wanted, items))
    rows = _rows(experiment)
    problems: list[str] = []
    read = [
        _read(document, ("ensembles", i), item, rows, problems, validated=experiment.selection != "none")
        for i, item in enumerate(items)
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    found = dataclasses.replace(experiment, ensembles=tuple(e for e in read if e))
    standing = {cell.ensemble for cell in found.cells() if isinstance(cell, EnsembleCell)}
    for i, ensemble in enumerate(found.ensembles):
        if ensemble not in standing:
            place = document.where(("ensembles", i))
            raise ConfigError(f"{place}: of {ensemble.label} some rows are excluded wherever others stand.")
    return found


def _rows(experiment: Experiment) -> dict[int, Cell]:
    """Return every pipeline that stands somewhere, by its position, which data sets, splits and sizes share."""
    rows: dict[int, Cell] = {}
    for dataset, seed, split, size in product(
        experiment.datasets, experiment.seeds, range(experiment.splits or 1), experiment.train_sizes
    ):
        rows = {**experiment.pipelines(dataset, split, seed, size), **rows}
    return dict(sorted(rows.items()))


def _read(
    document: Document,
    path: KeyPath,
    item: Any,
    rows: Mapping[int, Cell],
    problems: list[str],
    *,
    validated: bool,
) -> Ensemble | None:
    if not isinstance(item, dict) or ("cells" in item) == ("best" in item):
        wanted = "either {cells: [hog -> svm, hue -> knn]} or {best: 3}, with vote: soft or hard where wanted"
        problems.append(must_be(document.where(path), "the ensemble", wanted, item))
        return None
    wrong = [unknown_key(document, (*path, key), key, _KEYS) for key in item if key not in _KEYS]
    vote = item.get("vote", "soft")
    if vote not in VOTES:
        constraint = "one of " + ", ".join(VOTES)
        wrong.append(must_be(document.where((*path, "vote")), "vote", constraint, vote))
    ensemble = None
    if "best" in item:
        wrong += _best_problems(document, (*path, "best"), item["best"], len(rows), validated=validated)
        ensemble = Ensemble(tuple(rows), (), item["best"], vote)
    else:
        found = _read_cells(document, (*path, "cells"), item["cells"], rows, wrong)
        written = [with_arrows(str(name)) for name in found]
        ensemble = Ensemble(tuple(sorted(found.values())), tuple(written), None, vote)
    problems.extend(wrong)
    return None if wrong else ensemble


def _best_problems(
    document: Document, path: KeyPath, best: Any, n_rows: int, *, validated: bool
) -> list[str]:
    place = document.where(path)
    if n_rows < 2:
        remedy = "Add extractors, preprocesses or classifiers."
        return [must_be(place, "the rows", "two or more where some are to vote", n_rows, remedy)]
    if isinstance(best, bool) or not isinstance(best, int) or not 2 <= best <= n_rows:
        return [must_be(place, "best", f"an integer from 2 to {n_rows}, the rows that there are", best)]
    if not validated:
        remedy = "Select by {folds: 5} or {holdout: 0.2}, or name the rows with 'cells'."
        return [must_be(place, "selection", "a way to tell which rows are best", "none", remedy)]
    return []


def _read_cells(
    document: Document, path: KeyPath, names: Any, rows: Mapping[int, Cell], problems: list[str]
) -> dict[str, int]:
    """Return the position of each row that is named."""
    if not isinstance(names, list) or len(names) < 2:
        wanted = "a list of two rows or more, such as [hog -> svm, hue -> knn]"
        problems.append(must_be(document.where(path), "cells", wanted, names))
        return {}
    known = _names(rows)
    found: dict[str, int] = {}
    for i, name in enumerate(names):
        place = document.where((*path, i))
        if not isinstance(name, str):
            problems.append(must_be(place, "a row", "its name, such as hog -> svm", name))
            continue
        positions = known.get(with_arrows(name), [])
        if len(positions) != 1:
            problems.append(_not_one(place, name, positions, rows, known))
        elif positions[0] in found.values():
            label = Shown(f"{rows[positions[0]].pipeline} twice")
            problems.append(must_be(place, "the rows", "different from each other", label))
        else:
            found[name] = positions[0]
    return found


def _not_one(
    place: str, name: str, positions: Sequence[int], rows: Mapping[int, Cell], known: Mapping[str, Any]
) -> str:
    """Say that a name is that of no row, or of several."""
    if positions:
        meant = first_few([rows[position].pipeline for position in positions], 5)
        return f"{place}: {name!r} names {len(positions)} rows. Write which is meant: {meant}."
    suggestion = nearest(with_arrows(name), known)
    hint = f"Did you mean {suggestion!r}? " if suggestion else ""
    return f"{place}: no row is called {name!r}. {hint}Rows: {first_few([row.pipeline for row in rows.values()], 10)}."


def _names(rows: Mapping[int, Cell]) -> dict[str, list[int]]:
    """Return the rows that each name stands for; a whole label stands for its row alone."""
    names: dict[str, list[int]] = {}
    for position, row in rows.items():
        assert row.extractor is not None
        for name in dict.fromkeys(
            f"{extractor}{preprocess} → {classifier}"
            for extractor in (row.extractor.label, row.extractor.short)
            for preprocess in (f" → {row.preprocess}", "")
            for classifier in (row.classifier.label, row.classifier.short)
        ):
            names.setdefault(name, []).append(position)
    return {**names, **{row.pipeline: [position] for position, row in rows.items()}}
