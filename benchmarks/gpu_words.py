"""Visual words on a GPU against our own on the processor: the parts ``kmeans`` and ``words`` of `benchmarks.gpu`.

The features of CIFAR-10's training images with 1,600 and 4,000 words, and the recipe `patches` with 2,000 words before
least squares; not yet measured. Times are seconds; float32 with TF32 off, least squares in float64.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.rows import Row, peak_memory
from featbench.extractors import BagOfVisualWords
from featbench.imagesets import Dataset
from featbench.numerics.torch_device import full_precision
from featbench.types import FeatureMatrix, ImageArray, Labels
from featbench.words import KMeans
from featbench.words.building import Parts
from featbench.words.coding import code
from featbench.words.device import features

__all__ = ["SAMPLES", "kmeans", "told"]

_PROMISED = 1e-4  # of a row's length, from the processor's
_COMPARED = 256  # images that the processor writes in words as well
SAMPLES, _ITERATIONS = 400_000, 10
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # shares of the mean variance
_HELD_OUT = 5  # one part in so many of the training images


def told(
    data: Dataset, place: str, words: tuple[int, ...] = (1600, 4000), patches: int = 2000
) -> Iterator[dict[str, Any]]:
    """Measure and tell one row after another.

    Parameters
    ----------
    data : Dataset
        CIFAR-10, whole or some of it.
    place : str
        ``"cuda"``; ``"cpu"`` runs the same lines on torch's own processor.
    words, patches : optional
        How many words, for trying it out.
    """
    import torch

    device = place if place == "cuda" else f"torch:{place}"
    train, test = (np.asarray(part.images[:]) for part in (data.train, data.test))
    with full_precision(torch, place):
        for n_words in words:
            bag = BagOfVisualWords(
                recipe="coates_ng", codebook={"words": n_words}, samples=8 * len(train)
            ).fit(train)
            yield asdict(_features(torch, device, f"coates_ng, {n_words:,} words", bag, train)[0])
        bag = BagOfVisualWords(recipe="patches", codebook={"words": patches}).fit(train)
        row, X_train = _features(torch, device, f"patches, {patches:,} words", bag, train)
        yield asdict(row)
        start = time.perf_counter()
        X_test = features(test, bag._fitted(), X_train.shape[1], device)
        accuracy, penalty = _least_squares(
            torch, place, (X_train, data.train.labels), (X_test, data.test.labels)
        )
        yield {
            "work": "patches: least squares", "accuracy": accuracy, "images": len(test), "penalty": penalty,
            "seconds": time.perf_counter() - start,
        }  # fmt: skip


def _timed(torch: Any, place: str, work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the shorter of two runs, and what the work returned."""
    seconds, result = float("inf"), None
    for _ in range(2):
        start = time.perf_counter()
        result = work()
        if place == "cuda":
            torch.cuda.synchronize()
        seconds = min(seconds, time.perf_counter() - start)
    return seconds, result


def _features(
    torch: Any, device: str, work: str, bag: BagOfVisualWords, images: ImageArray
) -> tuple[Row, FeatureMatrix]:
    parts, n_out, place = bag._fitted(), bag.n_features_out_, device.removeprefix("torch:")
    features(images[:8], parts, n_out, device)  # starts the device
    seconds, X = _timed(torch, place, lambda: features(images, parts, n_out, device))
    few = images[:_COMPARED]
    code(few[:8], parts, n_out, 0)  # compiles
    peer, (expected, _) = _timed(torch, place, lambda: code(few, parts, n_out, 0))
    off = np.linalg.norm(X[: len(few)] - expected, axis=1) / np.linalg.norm(expected, axis=1)
    row = Row(
        f"{len(images):,} images, {work}",
        seconds,
        f"processor, from {len(few)} images",
        peer / len(few) * len(images),
        equality=f"within {off.max():.0e}",
        differs=bool(off.max() > _PROMISED),
        peak_mb=peak_memory(lambda: features(few, parts, n_out, device)),
        cores=len(os.sched_getaffinity(0)),
        limit=_bare(torch, place, parts) * len(images),
        limited_by="matrix products",
    )
    return row, X


def _bare(torch: Any, place: str, parts: Parts) -> float:
    """Return the seconds an image that the products of 729 patches with all words alone take."""
    words = torch.tensor(parts.codebook.words_, device=place).T
    X = torch.rand((64 * 729, len(words)), device=place)
    return _timed(torch, place, lambda: X @ words)[0] / 64


def kmeans(torch: Any, place: str, images: ImageArray, n_words: int, samples: int = SAMPLES) -> Row:
    """Measure our k-means on the processor beside plain Lloyd iterations of torch on the device."""
    bag = BagOfVisualWords(recipe="coates_ng", codebook={"name": "random_patches", "words": n_words}).fit(
        images[:2000]
    )
    parts = bag._fitted()
    X = parts.descriptor.describe(images[:1000], parts.sampling.places(images[:1000], 0))[:samples]
    for step in parts.normalization:
        X = step.transform(X)
    start = time.perf_counter()
    ours = KMeans(words=n_words, iterations=_ITERATIONS, init="random").fit(X)
    seconds = time.perf_counter() - start
    first = X[np.random.default_rng(0).choice(len(X), n_words, replace=False)]
    peer, inertia = _timed(torch, place, lambda: _lloyd(torch, place, X, first))
    ratio = float(ours.inertia_[-1]) / inertia
    return Row(
        f"k-means, {len(X):,} × {X.shape[1]}, {n_words:,} words, processor",
        seconds,
        "plain Lloyd of torch, device",
        peer,
        equality=f"inertia × {ratio:.3f}",
        differs=not 0.98 < ratio < 1.02,
        peak_mb=peak_memory(lambda: None),
        cores=len(os.sched_getaffinity(0)),
        limit=float("nan"),
        limited_by="not known",
    )


def _lloyd(torch: Any, place: str, X: FeatureMatrix, words: FeatureMatrix) -> float:
    """Return the mean squared distance that the last iteration began with."""
    rows, means = torch.tensor(X, device=place), torch.tensor(words, device=place)
    own, inertia = (rows * rows).sum(dim=1), 0.0
    for _ in range(_ITERATIONS):
        sums, counts = torch.zeros_like(means), torch.zeros(len(means), device=place)
        total = torch.zeros((), dtype=torch.float64, device=place)
        for part, square in zip(rows.split(2**15), own.split(2**15), strict=True):
            least, nearest = ((means * means).sum(dim=1) - 2 * part @ means.T).min(dim=1)
            total += (least + square).double().sum()
            sums.index_add_(0, nearest, part)
            counts.index_add_(0, nearest, torch.ones_like(square))
        inertia = float(total) / len(rows)
        means = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], means)
    return inertia


def _least_squares(
    torch: Any, place: str, train: tuple[FeatureMatrix, Labels], test: tuple[FeatureMatrix, Labels]
) -> tuple[float, float]:
    """Return the test accuracy of ridge regression on ±1, its penalty chosen among five on one held-out part."""
    X, y = train
    n = len(X) - len(X) // _HELD_OUT
    mean, scale = X[:n].mean(axis=0), 1 / np.maximum(X[:n].std(axis=0), 1e-6)

    def placed(rows: FeatureMatrix) -> Any:
        return (torch.tensor(rows, device=place) - mean_) * scale_

    mean_, scale_ = (torch.tensor(values, device=place) for values in (mean, scale))

    def moments(start: int, stop: int) -> tuple[Any, Any]:
        squares = torch.zeros((X.shape[1], X.shape[1]), dtype=torch.float64, device=place)
        targets = torch.zeros((X.shape[1], int(y.max()) + 1), dtype=torch.float64, device=place)
        for first in range(start, stop, 4096):
            rows = placed(X[first : min(first + 4096, stop)])
            wanted = (
                2 * torch.eye(targets.shape[1], device=place)[torch.tensor(y[first : first + len(rows)])] - 1
            )
            squares += (rows.T @ rows).double()
            targets += (rows.T @ wanted).double()
        return squares, targets

    def accuracy(squares: Any, targets: Any, penalty: float, rows: FeatureMatrix, labels: Labels) -> float:
        added = penalty * squares.diagonal().mean()
        factor = torch.linalg.cholesky(
            squares + added * torch.eye(len(squares), dtype=torch.float64, device=place)
        )
        weights = torch.cholesky_solve(targets, factor).float()
        means = torch.tensor(2 * np.bincount(y[:n], minlength=weights.shape[1]) / n - 1, device=place).float()
        scores = [placed(part) @ weights + means for part in np.array_split(rows, -(-len(rows) // 4096))]
        found = torch.cat([part.argmax(dim=1) for part in scores]).cpu().numpy()
        return float((found == labels).mean())

    squares, targets = moments(0, n)
    chosen = max(_PENALTIES, key=lambda penalty: accuracy(squares, targets, penalty, X[n:], y[n:]))
    more = moments(n, len(X))
    squares, targets = squares + more[0], targets + more[1]
    return accuracy(squares, targets, chosen, *test), chosen
