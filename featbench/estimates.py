"""What a stage will cost on all images, from what it cost on fewer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from featbench.config import Cell, Folds, Holdout, Selection
from featbench.growth import Growth, growth
from featbench.sealed import SealedDataset
from featbench.timing import Repeats

__all__ = [
    "Cost",
    "features_cost",
    "memory_told",
    "repeated",
    "told_of_features",
    "told_of_row",
]

_JUDGED = ("preprocess_test", "predict")


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
