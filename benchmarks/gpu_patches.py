"""Patches with augmentation and a bottleneck: the part ``patches`` of `benchmarks.gpu`; not yet measured.

What Thiry et al. 2021 (arXiv:2101.07528) have beside visual words: training images are joined by copies, and the
classifier goes through few channels that all cells share. Nothing is searched, and test images are judged once.
The rows of CIFAR-10 with 2,000 words, 16 cells and mirror images take 26 GB of memory.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from featbench.classifiers import Bottleneck
from featbench.extractors import BagOfVisualWords
from featbench.images import augmented
from featbench.imagesets import Dataset
from featbench.preprocessing import Standardize
from featbench.words.device import features

__all__ = ["accuracy"]

_GRID = 4  # cells a side
_AUGMENT = "flip"


def accuracy(data: Dataset, device: str, words: int) -> dict[str, Any]:
    """Learn from the training images and their copies, and tell the share of test images that is right.

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
    right = float((model.predict(X_test) == data.test.labels).mean())
    return {
        "words": words, "cells": _GRID**2, "augment": _AUGMENT, "model": repr(model), "accuracy": right,
        "images": len(X_test), "features_s": described - start, "scaling_s": scaled - described,
        "training_s": trained - scaled,
    }  # fmt: skip
