"""From a name and parameters to a data set that has been checked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from featbench.datasets import DATASETS
from featbench.errors import ConfigError, DataError, Shown, UnknownNameError, must_be
from featbench.images import check_images, image_shape
from featbench.imagesets import Dataset, DatasetLoader, ImageSet
from featbench.parameters import check_parameters

__all__ = ["check_dataset", "make_loader", "open_dataset"]


def open_dataset(name: str, params: Mapping[str, Any], *, seed: int = 0, where: str = "") -> Dataset:
    """Load a registered data set and check what came.

    Parameters
    ----------
    name : str
        The registered name, such as ``"photos"``.
    params : mapping of str to object
        Parameters of its class.
    seed : int, optional
        Draws the split where the data set has none of its own.
    where : str, optional
        Where the name was read, for messages.

    Returns
    -------
    Dataset

    Raises
    ------
    UnknownNameError
        No such data set or parameter.
    ConfigError
        A required parameter is missing.
    InputError
        A parameter out of its range.
    DataError
        The files are missing or damaged, or what they hold cannot serve.
    """
    dataset = make_loader(name, params, where=where).load(seed)
    check_dataset(dataset)
    return dataset


def make_loader(name: str, params: Mapping[str, Any], *, where: str = "") -> DatasetLoader:
    """Construct a registered loader and check its parameters; nothing is read.

    Parameters and exceptions are those of `open_dataset`.
    """
    cls = DATASETS.load(name, where)
    where = where or f"dataset {name}"
    known = inspect.signature(cls).parameters
    for key in params:
        if key not in known:
            raise UnknownNameError(where, "parameter", key, known)
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in params:
            raise ConfigError(f"{where}: {key!r} is missing. Write it: {{name: {name}, {key}: …}}.")
    loader: DatasetLoader = cls(**params)
    check_parameters(loader)
    return loader


def check_dataset(dataset: Dataset) -> None:
    """Refuse a data set that nothing can be learned from, or that contradicts itself.

    Parameters
    ----------
    dataset : Dataset
        As a loader made it, one of somebody else's perhaps.

    Raises
    ------
    DataError
        An empty part; counts that differ; labels out of range; fewer than two classes to learn; a class
        that is tested and never learned; images of two shapes; a group on both sides of the split.
    """
    for part, images in (("training", dataset.train), ("test", dataset.test)):
        _check_part(dataset, part, images)
    shapes = image_shape(dataset.train.images), image_shape(dataset.test.images)
    if shapes[0] != shapes[1]:
        wanted = f"of the training images' shape, {shapes[0]}"
        raise DataError(must_be(dataset.name, "test images", wanted, Shown(shapes[1]), "Resize them."))
    learned = np.unique(dataset.train.labels)
    if len(learned) < 2:
        only = dataset.classes[learned[0]]
        remedy = "A classifier needs something to tell apart: add images of another class."
        raise DataError(must_be(dataset.name, "training classes", "at least two", [only], remedy))
    unlearned = np.setdiff1d(dataset.test.labels, learned)
    if len(unlearned):
        remedy = "Add training images of it, or take it out of the test set."
        got = Shown(f"no training image of {dataset.classes[unlearned[0]]!r}")
        raise DataError(must_be(dataset.name, "a class that is tested", "trained on", got, remedy))
    _check_groups(dataset)


def _check_part(dataset: Dataset, part: str, images: ImageSet) -> None:
    check_images(images.images, f"{dataset.name}: {part} part")
    n = len(images.images)
    if n == 0:
        raise DataError(must_be(dataset.name, f"the {part} part", "at least one image", Shown("none")))
    for what, rows in (("labels", images.labels), ("groups", images.groups), ("names", images.names)):
        if rows is not None and len(rows) != n:
            wanted = f"as many as the {n} {part} images"
            raise DataError(must_be(dataset.name, f"{part} {what}", wanted, len(rows)))
    labels = images.labels
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(must_be(dataset.name, f"{part} labels", "integers", Shown(labels.dtype)))
    if labels.min() < 0 or labels.max() >= len(dataset.classes):
        bad = labels[(labels < 0) | (labels >= len(dataset.classes))][0]
        wanted = f"from 0 to {len(dataset.classes) - 1}, as there are {len(dataset.classes)} class names"
        raise DataError(must_be(dataset.name, f"{part} labels", wanted, Shown(bad)))


def _check_groups(dataset: Dataset) -> None:
    train, test = dataset.train, dataset.test
    if (train.groups is None) != (test.groups is None):
        remedy = "Give both or none."
        raise DataError(must_be(dataset.name, "groups", "told for both parts", Shown("one only"), remedy))
    if train.groups is None or test.groups is None:
        return
    shared = np.intersect1d(train.groups, test.groups)
    if len(shared):
        rows = [np.flatnonzero(part.groups == shared[0])[0] for part in (train, test)]
        named = [
            part.names[row] if part.names else f"row {row}"
            for part, row in zip((train, test), rows, strict=True)
        ]
        got = Shown(f"{named[0]!r} in training and {named[1]!r} in test, of one group")
        remedy = "Images that belong together would be learned and judged: mend the split or the groups."
        raise DataError(must_be(dataset.name, "a group", "on one side of the split", got, remedy))
