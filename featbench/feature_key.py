"""What features are made of: all that decides them, and nothing else."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from featbench.base import Extractor, Fold
from featbench.config import Component
from featbench.images import ImageBatch, chunks, image_shape
from featbench.keys import files_of
from featbench.saved import fingerprint_plugin
from featbench.sealed import SealedDataset
from featbench.sources import source_of

__all__ = ["made_of"]

_FORMAT = 1  # of an entry; another is never found
_CHUNK_BYTES = 64 << 20
# They put rows together, and import what has nothing to do with that.
_STAGES = ("featbench.stages", "featbench.heads")

_fingerprints: WeakKeyDictionary[SealedDataset, tuple[str, str]] = WeakKeyDictionary()


def made_of(
    component: Component, extractor: Extractor, data: SealedDataset, seed: int, fold: Fold | None
) -> dict[str, Any]:
    """Return everything that decides features, in JSON's types.

    Parameters
    ----------
    component : Component
    extractor : Extractor
        What `component` builds, not fitted. The seed is in its parameters, where it draws anything.
    data : SealedDataset
        Whose pixels count, and the training labels of an extractor that learns from them.
    seed : int
        Counts where crops are drawn.
    fold : Fold or None
        What an extractor that learns from labels is fitted without, and judged on.

    Raises
    ------
    InputError
        The extractor's parameters are no plain values, or its code cannot be known; see `source_of`.
    """
    source = source_of(_classes(extractor), also=("featbench.spill",))
    train, test = _images(data)
    learns = extractor.uses_labels
    return {
        "format": _FORMAT,
        "extractor": fingerprint_plugin(extractor),
        "dtype": str(extractor.feature_dtype),
        "files": files_of(component),
        "code": source.digest,
        "stages": [_source_alone(module) for module in _STAGES],
        "versions": source.versions,
        "train_images": train,
        "test_images": test,
        "augment": [component.augment, seed if component.augment.endswith("crops") else None],
        "labels": _hash(data.train.labels) if learns else None,
        "fold": [_hash(fold.train), _hash(fold.validation)] if fold else None,
    }


def _source_alone(module: str) -> str:
    """Return a hash of a module's own source, not of what it imports."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()


def _classes(value: Any) -> Iterator[type[Any]]:
    """Yield the class of a plug-in and of those that its parameters hold."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        yield type(value)
        value = list(value.get_params(deep=False).values())
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    for item in items:
        yield from _classes(item)


def _hash(numbers: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(numbers, dtype="<i8").data).hexdigest()


def _images(data: SealedDataset) -> tuple[str, str]:
    """Return hashes of the training and of the test images, once for each data set in hand."""
    if data not in _fingerprints:
        _fingerprints[data] = _fingerprint(data.train.images), _fingerprint(data.test_images)
    return _fingerprints[data]


def _fingerprint(images: ImageBatch) -> str:
    shape = [int(side) for side in image_shape(images)]
    digest = hashlib.sha256(json.dumps([len(images), *shape]).encode())
    for chunk in chunks(images, max(1, _CHUNK_BYTES // math.prod(shape))):
        digest.update(np.ascontiguousarray(chunk).data)
    return digest.hexdigest()
