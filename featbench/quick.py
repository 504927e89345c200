"""A quick look at any grid: every pipeline once, on a small sample, and test labels stay closed.

What costs time is cut down: images to learn from, folds, candidates, repeats, seeds, splits and sizes, and the
samples that extractors learn from. The figures are of the sample and tell which rows run, not which is best.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from featbench.config import Component, Experiment, Folds, Holdout, Selection, Timing
from featbench.config.executor import Local
from featbench.config.space import Candidates, Space
from featbench.config.validation import parameters_of
from featbench.datasets.training_sizes import nested_rows
from featbench.images import take
from featbench.sealed import ClosedLabels, SealedDataset
from featbench.types import Groups, Indices, Labels

__all__ = ["SAMPLE", "quick_experiment", "sample_of"]

SAMPLE = 300  # training images; more where a class would have fewer than _LEAST
_LEAST = 6  # of each class, or groups of images: two in each fold
_TEST = 32  # images without labels, so that predicting them is tried too
_FOLDS = 3
_CANDIDATES = 3
_LEARNED_FROM = 20_000  # `samples` of an extractor that learns from patches
_SHARE = 0.25


def quick_experiment(experiment: Experiment) -> Experiment:
    """Return the experiment with every pipeline once and little to do for each.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    Experiment
        Named ``<name>-quick``, of quick cells: the first seed and split, the sample for the only size, at most 3
        folds (a held-out quarter where nothing was to be validated), at most 3 candidates, every phase once, in one
        process.
    """
    return dataclasses.replace(
        experiment,
        name=f"{experiment.name}-quick",
        seeds=experiment.seeds[:1],
        train_sizes=(None,),
        extractors=tuple(_lighter(extractor) for extractor in experiment.extractors),
        classifiers=tuple((c, _fewer(candidates)) for c, candidates in experiment.classifiers),
        selection=_short(experiment.selection),
        timing=Timing(repeats=1),
        executor=Local(),
        quick=True,
    )


def _lighter(component: Component) -> Component:
    """Return an extractor that learns from fewer samples, where it and its parts draw any."""
    parameter = parameters_of(component.cls).get("samples")
    params: Mapping[str, Any] = component.params
    if parameter is not None:
        params = {**params, "samples": min(params.get("samples", parameter.default), _LEARNED_FROM)}
    parts = tuple(_lighter(part) for part in component.parts)
    return dataclasses.replace(component, params=params, parts=parts)


def _fewer(candidates: Candidates) -> tuple[Mapping[str, Any], ...]:
    """Return a few candidates, evenly spaced; of many not the ends, whose fits take longest and serve least."""
    few = _CANDIDATES if isinstance(candidates, Space) else min(len(candidates), _CANDIDATES)
    places = [(i + 0.5) / few for i in range(few)]
    if isinstance(candidates, Space):
        return tuple(candidates.along(place) for place in places)
    return tuple(candidates[int(place * len(candidates))] for place in places)


def _short(selection: Selection) -> Selection:
    if isinstance(selection, Folds):
        return Folds(folds=min(selection.folds, _FOLDS))
    if isinstance(selection, Holdout) and selection.holdout < 1:
        return Holdout(holdout=selection.holdout)
    # A number of images may be more than the sample; and without any, no figure would be left.
    return Holdout(holdout=_SHARE)


def sample_of(data: SealedDataset, seed: int) -> SealedDataset:
    """Return a small sample of a data set, in which there are no test labels.

    Parameters
    ----------
    data : SealedDataset
        As loaded.
    seed : int
        Draws the sample.

    Returns
    -------
    SealedDataset
        About 300 training images by class, more where classes are many or rare; some test images, whose labels are
        replaced by `ClosedLabels`; the whole's summary, with the sample's size under ``quick``.
    """
    labels, groups = data.train.labels, data.train.groups
    size = min(len(labels), max(SAMPLE, _LEAST * len(np.unique(labels))))
    # Of groups a part will do: folds keep together what there is of them.
    rows = _with_rare(nested_rows(labels, None, size, seed), labels, groups, seed)
    n_test = min(_TEST, len(data.test_labels))
    few = np.linspace(0, len(data.test_labels) - 1, n_test).astype(np.int64)
    return dataclasses.replace(
        data,
        train=data.train.take(rows),
        test_images=take(data.test_images, few),
        test_groups=None,
        test_labels=ClosedLabels(n_test),
        summary={**data.summary, "quick": len(rows)},
    )


def _with_rare(rows: Indices, labels: Labels, groups: Groups | None, seed: int) -> Indices:
    """Add images, each of another group, of classes that have too few for folds."""
    units = np.arange(len(labels)) if groups is None else np.asarray(groups)
    rng = np.random.default_rng(seed)
    taken = np.zeros(len(labels), dtype=bool)
    taken[rows] = True
    for label in np.unique(labels):
        there = np.unique(units[taken & (labels == label)])
        others = rng.permutation(np.setdiff1d(units[labels == label], there))
        for unit in others[: max(0, _LEAST - len(there))]:
            taken[np.flatnonzero((units == unit) & (labels == label))[0]] = True
    return np.flatnonzero(taken)
