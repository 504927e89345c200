"""What a stage will cost, from what it cost at other sizes: a power law through measurements."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featbench.config import Cell
from featbench.sealed import SealedDataset

__all__ = [
    "Cost",
    "PowerLaw",
    "fit_power_law",
    "memory_told",
    "probe",
    "told",
    "told_of_features",
    "told_of_row",
]

# What featbench has lies between constant and cubic; a steeper law is noise of short times.
_STEEPEST = 3.0
_SHORTEST_S = 1e-6  # what a clock tells of nothing, so that a logarithm is there
# A first sample that takes longer is taken for enough: the second would take a multiple.
_LONG_S = 5.0
_LEARNED = ("preprocess", "search", "fit")
_JUDGED = ("preprocess_test", "predict")


@dataclass(frozen=True)
class PowerLaw:
    """Seconds as ``coefficient · n ** exponent``.

    Attributes
    ----------
    coefficient : float
        Seconds at n = 1.
    exponent : float
    sizes : tuple of int
        The n that were measured, ascending.
    """

    coefficient: float
    exponent: float
    sizes: tuple[int, ...]

    def at(self, n: float) -> float:
        """Return the seconds that n take."""
        return self.coefficient * float(n**self.exponent)


def fit_power_law(measured: Iterable[tuple[int, float]]) -> PowerLaw:
    """Fit a power law by least squares of logarithms.

    Parameters
    ----------
    measured : iterable of (int, float)
        n, 1 or more, and its seconds; of the same n several times the median counts.

    Returns
    -------
    PowerLaw
        With an exponent of 0 to 3; of 1 where all n are the same.
    """
    by_size: dict[int, list[float]] = {}
    for n, seconds in measured:
        by_size.setdefault(n, []).append(max(seconds, _SHORTEST_S))
    sizes, exponent = sorted(by_size), 1.0
    x = np.log(sizes)
    y = np.log([float(np.median(by_size[n])) for n in sizes])
    if len(sizes) > 1:
        exponent = float(np.clip(np.polyfit(x, y, 1)[0], 0.0, _STEEPEST))
    return PowerLaw(math.exp(float(np.mean(y - exponent * x))), exponent, tuple(sizes))


def probe(
    stage: Callable[[int], object],
    sizes: Sequence[int],
    clock: Callable[[], float] = time.perf_counter,
) -> PowerLaw:
    """Run a stage on small samples and fit a power law.

    Parameters
    ----------
    stage : callable
        Takes the number of images.
    sizes : sequence of int
        One or two, ascending. The smaller runs twice and its first time does not count: it compiles.
    clock : callable, optional
        Seconds.

    Returns
    -------
    PowerLaw
        Linear where the first size took over 5 s, and the second was left out.
    """
    stage(sizes[0])
    measured = []
    for size in sizes:
        start = clock()
        stage(size)
        measured.append((size, clock() - start))
        if measured[-1][1] > _LONG_S:
            break
    return fit_power_law(measured)


@dataclass(frozen=True)
class Cost:
    """Seconds of a single pass, and what they were reckoned from."""

    seconds: float
    source: str


def told_of_features(cell: Cell, data: SealedDataset, records: Iterable[Mapping[str, Any]]) -> Cost | None:
    """Reckon what an extractor will take from records of it on images of the same size.

    Parameters
    ----------
    cell : Cell
        With an extractor.
    data : SealedDataset
        The cell's: how many images there are.
    records : iterable of mapping
        Of cells, as the store has them.

    Returns
    -------
    Cost or None
        None where no record is of this extractor.
    """
    assert cell.extractor is not None
    spec = cell.extractor.spec()
    alike = [r for r in records if _comparable(r, data) and r["spec"].get("extractor") == spec]
    alike = [r for r in alike if "transform_test" in r["phases"]]
    if not alike:
        return None
    law = fit_power_law((r["n_train"], _seconds(r, "fit_extractor", "transform_train")) for r in alike)
    test = fit_power_law((r["n_test"], _seconds(r, "transform_test")) for r in alike)
    return Cost(law.at(len(data.train)) + test.at(len(data.test_labels)), told("records", law))


def told_of_row(cell: Cell, data: SealedDataset, records: Iterable[Mapping[str, Any]]) -> Cost | None:
    """Reckon what comes after the extractor from records of the same pipeline and selection.

    Parameters
    ----------
    cell : Cell
    data : SealedDataset
        The cell's: how many images there are.
    records : iterable of mapping
        Of cells, as the store has them.

    Returns
    -------
    Cost or None
        None where no record is of this pipeline.
    """
    asked = ("extractor", "preprocess", "classifier", "candidates", "selection")
    spec = {key: value for key, value in cell.spec().items() if key in asked}
    alike = [r for r in records if _comparable(r, data) and {k: r["spec"].get(k) for k in spec} == spec]
    if not alike:
        return None
    law = fit_power_law((r["n_train"], _seconds(r, *_LEARNED)) for r in alike)
    each = fit_power_law((r["n_train"], _seconds(r, *_JUDGED) / r["n_test"]) for r in alike)
    n_train, n_test = len(data.train), len(data.test_labels)
    return Cost(law.at(n_train) + n_test * each.at(n_train), told("records", law))


def memory_told(
    cell: Cell, data: SealedDataset, records: Iterable[Mapping[str, Any]], base_mb: float
) -> float | None:
    """Reckon the peak of resident memory: what the process has, and what records had beyond, by their images.

    Parameters
    ----------
    cell : Cell
    data : SealedDataset
    records : iterable of mapping
    base_mb : float
        Resident memory of the process with the data set in it, in 10⁶ bytes.

    Returns
    -------
    float or None
        In 10⁶ bytes; None where no record is of this extractor and classifier.
    """
    parts = {key: value for key, value in cell.spec().items() if key in ("extractor", "classifier")}
    alike = [r for r in records if _comparable(r, data) and {k: r["spec"].get(k) for k in parts} == parts]
    alike = [r for r in alike if r.get("peak_rss_mb") is not None]
    if not alike:
        return None
    largest = max(alike, key=lambda r: int(r["n_train"]))
    beyond = max(0.0, float(largest["peak_rss_mb"]) - base_mb)
    return base_mb + beyond * len(data.train) / int(largest["n_train"])


def _comparable(record: Mapping[str, Any], data: SealedDataset) -> bool:
    """Tell whether a record is of images of the same size and of as many classes."""
    images = record.get("data") or {}
    return (
        record["status"] == "ok"
        and images.get("image_shape") == data.summary["image_shape"]
        and len(images.get("classes") or ()) == len(data.classes)
    )


def _seconds(record: Mapping[str, Any], *phases: str) -> float:
    return float(sum(record["phases"][p]["seconds"] for p in phases if p in record["phases"]))


def told(source: str, law: PowerLaw) -> str:
    """Return ``records of 100 and 1,000 images``, or that one of them was scaled."""
    sizes = [f"{size:,}" for size in law.sizes]
    several = ", ".join(sizes[:-1]) + " and " if len(sizes) > 1 else ""
    return f"{source} of {several}{sizes[-1]} images{'' if several else ', linearly'}"
