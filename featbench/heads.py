"""Rows of extractors that classify by themselves: their scores beside their features, from one fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featbench.base import Extractor
from featbench.base.own_head import OwnHead, ScoresOf
from featbench.config import Cell
from featbench.config.rows import OWN_HEAD
from featbench.images import ImageBatch
from featbench.spill import transform_all
from featbench.timing import Timing, measure
from featbench.types import FeatureMatrix

if TYPE_CHECKING:
    from featbench.feature_cache import Made
    from featbench.stages import Features

__all__ = ["Skipped", "behind", "headless", "scored", "with_head"]


class Skipped(Exception):  # noqa: N818 - nothing is wrong: the pair does not fit
    """An extractor and a data set, or a classifier, that cannot be combined, with the reason."""


def scored(
    extractor: Extractor, images: Mapping[str, Sequence[ImageBatch]], scratch: Path | None
) -> tuple[dict[str, FeatureMatrix], dict[str, Timing]]:
    """Return the scores of images by an extractor's own classifier, and what each part of them took.

    Parameters
    ----------
    extractor : Extractor
        Fitted; one without a classifier of its own gives nothing.
    images : mapping of str to list of ImageBatch
        By the name of the part, such as ``"test"``.
    scratch : Path or None
        Folder on whose disk rows lie that memory does not hold.

    Returns
    -------
    rows : dict of str to ndarray of float32, (n, n_classes)
        ``test_scores`` of the part ``test``.
    phases : dict of str to Timing
        ``scores_test`` of the part ``test``.
    """
    rows: dict[str, FeatureMatrix] = {}
    phases: dict[str, Timing] = {}
    if isinstance(extractor, OwnHead):
        head = ScoresOf.fitted(extractor)
        for part, batches in images.items():
            told = measure(partial(transform_all, head, batches, scratch))
            rows[f"{part}_scores"], phases[f"scores_{part}"] = told
    return rows, phases


def with_head(features: Features, made: Made, *, unseen: bool) -> Features:
    """Return features with those of the extractor's own classifier beside them, where it has one.

    Parameters
    ----------
    features : Features
    made : Made
        That they are of.
    unseen : bool
        Whether selection has rows of its own.
    """
    if not isinstance(made.extractor, OwnHead):
        return features
    own = {name: timing for name, timing in made.phases.items() if not name.startswith("scores_")}
    clocks = {f"transform_{part}": made.phases[f"scores_{part}"] for part in ("train", "test")}
    changed: dict[str, Any] = {
        "extractor": ScoresOf.fitted(made.extractor),
        "train": made.rows["train_scores"],
        "test": made.rows["test_scores"],
        "selection_rows": made.rows["selection_scores" if unseen else "train_scores"],
        "phases": {**own, **clocks},
    }
    return replace(features, phases=own, head=replace(features, **changed))


def behind(features: Features, cell: Cell) -> Features:
    """Return what a cell's classifier gets: features, or the scores of the extractor's own classifier.

    Raises
    ------
    Skipped
        It wants scores, and the extractor has none.
    """
    if cell.classifier.name != OWN_HEAD:
        return features
    if features.head is None:
        raise headless(cell)
    return features.head


def headless(cell: Cell) -> Skipped:
    """Return why a cell that wants scores is left out where its extractor has none."""
    label = cell.extractor.label if cell.extractor else ""
    return Skipped(f"{label} has no classifier of its own; own_head needs one, such as cnn without maps.")
