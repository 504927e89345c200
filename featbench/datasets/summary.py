"""What is told about a data set: classes, counts, sizes, fingerprint, duplicates across the split."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from featbench.datasets.duplicates import count_duplicates
from featbench.images import chunks, image_shape
from featbench.imagesets import Dataset, ImageSet

__all__ = ["fingerprint", "summarize"]

_CHUNK = 4096  # images; 12 MB at 32 × 32 × 3


def summarize(dataset: Dataset) -> dict[str, Any]:
    """Describe a loaded data set in JSON's types.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    dict
        ``name``, ``source``, ``shareable``, ``official_split``, ``notes`` as the data set has them; ``classes``
        (names), ``image_shape``, ``n_train`` and ``n_test``, ``train_counts`` and ``test_counts`` (images a
        class), ``train_groups`` and ``test_groups`` (number, or None), ``fingerprint``, and ``duplicates``
        with ``exact``, ``near`` and ``compared``.
    """
    duplicates = count_duplicates(dataset)
    notes = list(dataset.notes)
    n_test = len(dataset.test)
    if 0 < duplicates.compared < n_test:
        notes.append(
            f"near duplicates were looked for among {duplicates.compared:,} of {n_test:,} test images"
        )
    return {
        "name": dataset.name,
        "source": dataset.source,
        "shareable": dataset.shareable,
        "official_split": dataset.official_split,
        "notes": notes,
        "classes": list(dataset.classes),
        "image_shape": [int(side) for side in image_shape(dataset.train.images)],
        **_counts("train", dataset.train, len(dataset.classes)),
        **_counts("test", dataset.test, len(dataset.classes)),
        "fingerprint": fingerprint(dataset),
        "duplicates": {
            "exact": duplicates.exact,
            "near": duplicates.near,
            "compared": duplicates.compared,
        },
    }


def _counts(part: str, images: ImageSet, n_classes: int) -> dict[str, Any]:
    return {
        f"n_{part}": len(images),
        f"{part}_counts": np.bincount(images.labels, minlength=n_classes).tolist(),
        f"{part}_groups": None if images.groups is None else len(np.unique(images.groups)),
    }


def fingerprint(dataset: Dataset) -> str:
    """Return 64 hexadecimal digits that change when a pixel, a label, a group or a class name does.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    str
        SHA-256 over class names, shapes, labels, groups and pixels of both parts. Names of files do not
        enter, nor does the order of bytes on the machine.
    """
    digest = hashlib.sha256(json.dumps(dataset.classes).encode("ascii"))
    for part in (dataset.train, dataset.test):
        header = [len(part), *image_shape(part.images), part.groups is not None]
        digest.update(json.dumps([int(value) for value in header]).encode("ascii"))
        digest.update(part.labels.astype("<i8").tobytes())
        if part.groups is not None:
            digest.update(part.groups.astype("<i8").tobytes())
        for chunk in chunks(part.images, _CHUNK):
            digest.update(np.ascontiguousarray(chunk).data)
    return digest.hexdigest()
