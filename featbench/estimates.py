"""What a stage will cost, from what it cost at other sizes: measured where that is quick, and else extrapolated."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featbench.config import Cell, Folds, Holdout, Selection
from featbench.sealed import SealedDataset
from featbench.timing import Repeats

__all__ = [
    "Cost",
    "Growth",
    "features_cost",
    "grow",
    "growth",
    "memory_told",
    "repeated",
    "told_of_features",
    "told_of_row",
]

# What featbench has lies between constant and cubic; a steeper law is noise of short times.
_STEEPEST = 3.0
_APART = 2.0  # of two sizes that lie closer, noise makes any law
_SHORTEST_S = 1e-6  # what a clock tells of nothing, so that a logarithm is there
_FACTORS = 4, 3, 2  # between one sample and the next, the largest that can be afforded
_TRIES, _BRIEF_S = 3, 0.05
_TELLING_S = 0.005  # of shorter times a power is noise, and a straight line less wrong
_SAFE = 0.25  # share of what a sample may take, up to which the next is four times as large whatever is told of it
_JUDGED = ("preprocess_test", "predict")


@dataclass(frozen=True)
class Growth:
    """Seconds at some sizes, and what they tell of others.

    Between two sizes, and beyond the largest, two samples decide, of which one is at least twice as large as the
    other where it is for what lies beyond. Where seconds grow slower than sizes, it is a straight line through both,
    with a part that is the same for all sizes, and so it is of a smaller sample of less than 0.005 s; where they grow
    faster, a power law. A single size is scaled.

    Attributes
    ----------
    measured : tuple of (float, float)
        Sizes, ascending, and their seconds; one or more.
    """

    measured: tuple[tuple[float, float], ...]

    @property
    def largest(self) -> float:
        """The largest size that was measured."""
        return self.measured[-1][0]

    def at(self, n: float) -> float:
        """Return the seconds that n take."""
        (x0, s0), (x1, s1) = self._beside(n)
        if x0 == x1:
            return s1 * n / x1
        if s1 <= s0:
            return s1  # of what does not grow the larger sample is less disturbed
        exponent = min(_STEEPEST, math.log(s1 / s0) / math.log(x1 / x0))
        if exponent < 1 or s0 < _TELLING_S:
            return s1 + (s1 - s0) / (x1 - x0) * (n - x1)
        return s1 * float((n / x1) ** exponent)

    def _beside(self, n: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return two samples that tell of n, or one twice."""
        points = self.measured
        last, first = points[-1], points[0]
        if n >= last[0]:
            return next((p for p in reversed(points) if p[0] * _APART <= last[0]), last), last
        if n <= first[0]:
            return first, next((p for p in points if p[0] >= first[0] * _APART), first)
        upper = next(i for i, point in enumerate(points) if point[0] >= n)
        return points[upper - 1], points[upper]


def growth(measured: Iterable[tuple[float, float]]) -> Growth:
    """Return what samples tell; of the same size several times the median counts.

    Parameters
    ----------
    measured : iterable of (float, float)
        Sizes, above 0, and their seconds; one or more.
    """
    by_size: dict[float, list[float]] = {}
    for n, seconds in measured:
        by_size.setdefault(n, []).append(max(seconds, _SHORTEST_S))
    return Growth(tuple((n, float(np.median(by_size[n]))) for n in sorted(by_size)))


def grow(
    stages: Mapping[str, Callable[[int], object]],
    first: int,
    most: int,
    limit_s: float,
    work: Callable[[int], float] = float,
    clock: Callable[[], float] = time.perf_counter,
    fixed_s: float = 0.0,
) -> dict[str, Growth]:
    """Run stages one after another on ever larger samples, as long as the next will not take too long.

    Parameters
    ----------
    stages : mapping of str to callable
        Each takes the number of images.
    first, most : int
        Images of the first sample, which is always taken, and how many there are.
    limit_s : float
        Seconds that all stages may take on one sample, by what those before it tell.
    work : callable, optional
        Takes a number of images to what seconds grow with.
    clock : callable, optional
        Seconds.
    fixed_s : float, optional
        A first sample that takes longer than `limit_s`, and no longer than this, may take so long whatever its size, as
        searches do: a second one, of twice the images, tells.

    Returns
    -------
    dict of str to Growth
        Over `work` of the sizes.
    """
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in stages}
    sizes: list[int] = []

    def told(n: int) -> float:
        return sum(growth(measured).at(work(n)) for measured in samples.values())

    size: int | None = min(first, most)
    while size is not None:
        sizes.append(size)
        for name, stage in stages.items():
            samples[name].append((work(size), _shortest(stage, size, clock)))
        size = _next(sizes, most, (limit_s, fixed_s), told)
    return {name: growth(measured) for name, measured in samples.items()}


def _shortest(stage: Callable[[int], object], size: int, clock: Callable[[], float]) -> float:
    """Return the seconds of a stage; of a short one, which anything may disturb, the least of three."""
    spent: list[float] = []
    while not spent or (len(spent) < _TRIES and sum(spent) < _BRIEF_S):
        start = clock()
        stage(size)
        spent.append(clock() - start)
    return min(spent)


def _next(
    sizes: Sequence[int], most: int, limits: tuple[float, float], told: Callable[[int], float]
) -> int | None:
    """Return the next size that can be afforded, or None."""
    size, (limit_s, fixed_s) = sizes[-1], limits
    if size >= most:
        return None
    # What is short tells little of what is next, and a first sample has parts that are the same for all sizes.
    if told(size) <= limit_s * (_SAFE if len(sizes) > 1 else 1):
        return min(most, _FACTORS[0] * size)
    if len(sizes) == 1 and told(size) <= fixed_s:
        return min(most, _FACTORS[-1] * size)
    larger = (min(most, factor * size) for factor in _FACTORS)
    return next((n for n in larger if told(n) <= limit_s), None)


def repeated(seconds: float, rule: Repeats) -> float:
    """Return the seconds of all samples of a phase, each of which takes as long, that a run will take."""
    samples = [seconds]
    while not rule.enough(samples):
        samples.append(seconds)
    return seconds * len(samples)


@dataclass(frozen=True)
class Cost:
    """Seconds that a run will spend, repeats for the clock among them, and what they were reckoned from."""

    seconds: float
    source: str


def features_cost(
    fit: Growth,
    train: Callable[[float], float],
    test: float,
    cell: Cell,
    data: SealedDataset,
    rule: Repeats,
    work: Callable[[int], float] = float,
) -> float:
    """Return the seconds of an extractor, with the second fit of one that learns from labels.

    Parameters
    ----------
    fit : Growth
        Of the fit, over `work`.
    train : callable
        Takes a number of training images to the seconds of their features, copies of `augment` among them.
    test : float
        Of the test images.
    cell : Cell
        With an extractor.
    data : SealedDataset
        How many images there are.
    rule : Repeats
        When a phase has been measured often enough.
    work : callable, optional
        Takes a number of images to what a fit grows with.
    """
    assert cell.extractor is not None
    n = len(data.train)
    seconds = sum(repeated(s, rule) for s in (fit.at(work(n)), train(n), test))
    if cell.extractor.build(cell.seed).uses_labels and cell.selection != "none":
        seconds += fit.at(work(max(1, round(n * (1 - _judged_share(cell.selection, n)))))) + train(n)
    return seconds


def _judged_share(selection: Selection, n: int) -> float:
    """Return the share of the training images that what learns from labels is judged on."""
    if isinstance(selection, Holdout):
        return selection.holdout if selection.holdout < 1 else selection.holdout / n
    return 1 / selection.folds if isinstance(selection, Folds) else 0.2


def told_of_features(
    cell: Cell, data: SealedDataset, records: Iterable[Mapping[str, Any]], rule: Repeats
) -> Cost | None:
    """Reckon what an extractor will take from records of it on images of the same size.

    Parameters
    ----------
    cell : Cell
        With an extractor.
    data : SealedDataset
        The cell's: how many images there are.
    records : iterable of mapping
        Of cells, as the store has them.
    rule : Repeats
        When a phase has been measured often enough.

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
    fit, train = (_over_images(alike, name) for name in ("fit_extractor", "transform_train"))
    test = growth((r["n_test"], _seconds(r, "transform_test")) for r in alike).at(len(data.test_labels))
    return Cost(features_cost(fit, train.at, test, cell, data, rule), _told(train))


def told_of_row(
    cell: Cell, data: SealedDataset, records: Iterable[Mapping[str, Any]], rule: Repeats
) -> Cost | None:
    """Reckon what comes after the extractor from records of the same pipeline and selection.

    Parameters
    ----------
    cell : Cell
    data : SealedDataset
        The cell's: how many images there are.
    records : iterable of mapping
        Of cells, as the store has them.
    rule : Repeats
        When a phase has been measured often enough.

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
    n_train, n_test = len(data.train), len(data.test_labels)
    once, fit = _over_images(alike, "preprocess", "search"), _over_images(alike, "fit")
    each = growth((r["n_train"], _seconds(r, *_JUDGED) / r["n_test"]) for r in alike)
    again = repeated(fit.at(n_train), rule) + repeated(n_test * each.at(n_train), rule)
    return Cost(once.at(n_train) + again, _told(fit))


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


def _over_images(records: Iterable[Mapping[str, Any]], *phases: str) -> Growth:
    return growth((r["n_train"], _seconds(r, *phases)) for r in records)


def _seconds(record: Mapping[str, Any], *phases: str) -> float:
    return float(sum(record["phases"][p]["seconds"] for p in phases if p in record["phases"]))


def _told(by: Growth) -> str:
    """Return ``records of 100 and 1,000 images``, or that one of them was scaled."""
    sizes = [f"{size:,.0f}" for size, _ in by.measured]
    several = ", ".join(sizes[:-1]) + " and " if len(sizes) > 1 else ""
    return f"records of {several}{sizes[-1]} images{'' if several else ', linearly'}"
