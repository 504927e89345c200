"""How fast a finished row labels images: one after another, and all test images in one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from featbench.base import Extractor
from featbench.images import chunks, take
from featbench.sealed import SealedDataset
from featbench.timing import Latency, Timing, latency
from featbench.timing.rates import BATCHES, placed
from featbench.types import ImageArray

__all__ = ["latency_of", "placement_of", "speed", "throughput"]

_IMAGES = 200  # that latency is measured on, at the most


def latency_of(
    extractor: Extractor | None, label_one: Callable[[ImageArray], Any], data: SealedDataset
) -> Latency | None:
    """Return how long one image takes from pixels to label; None of rows that look at no image."""
    if extractor is None:
        return None
    images = _first_test_images(data, _IMAGES)
    return latency(lambda i: label_one(images[i : i + 1]), len(images))


def placement_of(extractor: Extractor | None, data: SealedDataset) -> dict[str, Any] | None:
    """Return where a network or a GPU makes the features, and how fast; None of other extractors."""
    if extractor is None or extractor.placement() is None:
        return None
    return placed(extractor, _first_test_images(data, max(BATCHES)))


def speed(n_test: int, phases: Mapping[str, Timing], delay: Latency | None) -> dict[str, Any]:
    """Return what a record tells of speed."""
    if delay is None:
        return {"images_per_s": None, "latency_ms_p50": None, "latency_ms_p95": None}
    return {
        "images_per_s": throughput(n_test, phases),
        "latency_ms_p50": delay.p50_ms,
        "latency_ms_p95": delay.p95_ms,
        "latency_n": delay.n,
    }


def throughput(n_test: int, phases: Mapping[str, Timing]) -> float:
    """Return how many test images a second go from pixels to label, in one batch."""
    return n_test / sum(phases[name].seconds for name in ("transform_test", "preprocess_test", "predict"))


def _first_test_images(data: SealedDataset, most: int) -> ImageArray:
    few = np.arange(min(most, len(data.test_labels)), dtype=np.int64)
    return np.concatenate(list(chunks(take(data.test_images, few), len(few))))
