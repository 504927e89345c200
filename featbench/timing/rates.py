"""Images a second by how many come at once, and the device that they are measured on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from featbench.base.placement import Placement
from featbench.timing.device import synchronize
from featbench.types import ImageArray

if TYPE_CHECKING:
    from featbench.base import Extractor

__all__ = ["BATCHES", "device_told", "gpu_told", "images_per_s", "placed"]

BATCHES = (1, 8, 64, 512)
_BUDGET_S = 0.3  # for each of them; one call, where that takes longer

_MEASURED: WeakKeyDictionary[Extractor, dict[str, Any]] = WeakKeyDictionary()


def images_per_s(
    transform: Callable[[ImageArray], Any], images: ImageArray, batches: Sequence[int] = BATCHES
) -> dict[str, float]:
    """Return how many images a second are transformed, by how many come at once.

    Parameters
    ----------
    transform : callable
        Of an array of images; from the host to the host.
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        At least one; they come again where there are fewer than a batch.
    batches : sequence of int, optional

    Returns
    -------
    dict of str to float
        By the median of calls in 0.3 s, after one that does not count unless it takes as long by itself.
    """
    told = {}
    for n in batches:
        batch = images[np.resize(np.arange(len(images)), n)]
        samples = [_seconds(transform, batch)]
        if samples[0] < _BUDGET_S:
            samples = []
            while sum(samples) < _BUDGET_S:
                samples.append(_seconds(transform, batch))
        told[str(n)] = n / float(np.median(samples))
    return told


def _seconds(transform: Callable[[ImageArray], Any], batch: ImageArray) -> float:
    synchronize()
    start = time.perf_counter()
    transform(batch)
    synchronize()
    return time.perf_counter() - start


def placed(extractor: Extractor, images: ImageArray) -> dict[str, Any] | None:
    """Return where a fitted extractor runs and how fast, as a record has it; measured once for each extractor.

    Parameters
    ----------
    extractor : Extractor
    images : ndarray of uint8
        Such as it was fitted to; at least one.

    Returns
    -------
    dict or None
        None where it says of no place that it runs there.
    """
    placement = extractor.placement()
    if placement is None:
        return None
    if extractor not in _MEASURED:
        _MEASURED[extractor] = {
            **device_told(placement),
            "images_per_s": images_per_s(extractor.transform, images),
        }
    return _MEASURED[extractor]


def device_told(placement: Placement) -> dict[str, Any]:
    """Return a placement as a record has it: the device's name, its driver, the precision, images at once."""
    from featbench.environment import cpu

    name, driver = gpu_told() if placement.place == "cuda" else (cpu(), None)
    return {
        "device": name,
        "driver": driver,
        "precision": placement.precision,
        "batch_size": placement.batch_size,
    }


@cache
def gpu_told() -> tuple[str | None, str | None]:
    """Return the name and the driver of the GPU in use, each None where nobody tells it."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603
        name, _, driver = done.stdout.splitlines()[0].partition(", ")
    except (OSError, subprocess.SubprocessError, IndexError):
        name = driver = ""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is not None and cuda.is_available():
        name = cuda.get_device_name()  # of the one in use, where a machine has several
    return name or None, driver or None
