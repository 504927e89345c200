"""Patches with augmentation and a bottleneck: the accuracy that ``gpu words`` ends with; not yet measured.

What Thiry et al. 2021 (arXiv:2101.07528) have beside visual words: training images are joined by copies, and the
classifier goes through few channels that all cells share. Nothing is searched, and test images are judged once.
The rows of CIFAR-10 with 2,000 words, 16 cells and mirror images take 26 GB of memory.
"""

from __future__ import annotations

import time

import numpy as np

from featbench.classifiers import Bottleneck
from featbench.extractors import BagOfVisualWords
from featbench.images import augmented
from featbench.imagesets import Dataset
from featbench.preprocessing import Standardize
from featbench.words.device import features

__all__ = ["tell"]

_GRID = 4  # cells a side
_AUGMENT = "flip"


def tell(data: Dataset, device: str, words: int) -> None:
    """Learn from the training images and their copies, and print the share of test images that is right.

    Parameters
    ----------
    data : Dataset
    device : str
        ``"cuda"`` or ``"torch:cpu"``.
    words : int
    """
    images, labels = np.asarray(data.train.images[:]), data.train.labels
    start = time.perf_counter()
    pooling = {"name": "grid", "cells": _GRID, "how": "mean"}
    bag = BagOfVisualWords(recipe="patches", codebook={"words": words}, pooling=pooling).fit(images)
    parts, d = bag._fitted(), bag.n_features_out_
    batches = augmented(images, _AUGMENT, 0)
    X = np.empty((len(batches) * len(images), d), dtype=np.float32)
    for i, batch in enumerate(batches):
        X[i * len(images) : (i + 1) * len(images)] = features(np.asarray(batch), parts, d, device)
    X_test = features(np.asarray(data.test.images[:]), parts, d, device)
    described = time.perf_counter()
    scale = Standardize(copy=False).fit(X)
    X, X_test = scale.transform(X), scale.transform(X_test)
    scaled = time.perf_counter()
    model = Bottleneck(cells=_GRID**2, batch_size=128, device=device)
    model.fit(X, np.resize(labels, len(X)))
    trained = time.perf_counter()
    accuracy = float((model.predict(X_test) == data.test.labels).mean())
    print(
        f"patches, {words:,} words, {_GRID**2} cells, {_AUGMENT}, {model!r}: {accuracy:.2%} of {len(X_test):,} test "
        f"images; features {described - start:.0f} s, scaling {scaled - described:.0f} s, "
        f"training {trained - scaled:.0f} s",
        flush=True,
    )
