"""The members of an ensemble: their votes, and what they cost together, counting once what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from featbench.config import Cell
from featbench.learned import size_of_parts
from featbench.pace import throughput
from featbench.timing import Timing
from featbench.types import Float64Array, Labels

__all__ = ["Member", "Votes", "counted_once", "phases_of", "size_of", "speed_of"]

# What members with the same extractor, and with the same extractor and preprocessing, would do once.
_OF_EXTRACTOR = ("warmup_extractor", "fit_extractor", "transform_train", "transform_test")
_OF_PREPROCESSING = ("preprocess", "preprocess_test")

# By the part of a pipeline, the phase that makes it.
_MADE_IN = {"extractor": "fit_extractor", "preprocess": "preprocess", "classifier": "fit"}


@dataclass(frozen=True, eq=False)
class Votes:
    """What one member says; rows add up to 1.

    Attributes
    ----------
    folds : ndarray of int64, (n_train,)
        Which fold judged a training image; −1 where none did.
    judged : ndarray of float64, (n_train, n_classes)
        Said of it by the fit that has not seen it; zeros where no fold judged.
    train : ndarray of float64, (n_sampled, n_classes)
        Of the training images of `featbench.evaluation.train_sample`.
    test : ndarray of float64, (n_test, n_classes)
    timing : Timing
        Of the fits on the folds.
    probable : bool
        Whether they are the classifier's own probabilities.
    """

    folds: Labels
    judged: Float64Array
    train: Float64Array
    test: Float64Array
    timing: Timing
    probable: bool


@dataclass(frozen=True)
class Member:
    """A row that votes: what was asked, what is stored of it, and its votes."""

    cell: Cell
    record: Mapping[str, Any]
    votes: Votes


def counted_once(
    members: Sequence[Member], of: Callable[[Member], float], phase: str = "fit_extractor"
) -> float:
    """Add up what members give, once for those that share the phase."""
    found: dict[Any, float] = {}
    for member in members:
        features = member.cell.extractor.label if member.cell.extractor else ""
        key: tuple[str, ...] = (features, member.cell.preprocess, member.cell.cell_id)
        if phase in _OF_EXTRACTOR:
            key = key[:1]
        elif phase in _OF_PREPROCESSING:
            key = key[:2]
        found.setdefault(key, of(member))
    return sum(found.values())


def phases_of(members: Sequence[Member]) -> dict[str, Timing]:
    """Return the members' times, added up; they are measurements of the members' rows, so shared."""
    names = dict.fromkeys(name for member in members for name in member.record["phases"] if name != "load")

    def seconds(name: str) -> float:
        return counted_once(
            members, lambda m: m.record["phases"].get(name, {"seconds": 0.0})["seconds"], name
        )

    def cached(name: str) -> bool:
        return any(m.record["phases"].get(name, {}).get("cached", False) for m in members)

    phases = {name: Timing([seconds(name)], shared=True, cached=cached(name)) for name in names}
    if "search" in phases:
        own = sum(member.votes.timing.seconds for member in members)
        phases["search"] = Timing([phases["search"].seconds + own])
    return phases


def speed_of(
    records: Sequence[Mapping[str, Any]], n_test: int, phases: Mapping[str, Timing]
) -> dict[str, float]:
    """Return what a record tells of speed, of the phases and the members' latencies one after another."""
    return {
        "images_per_s": throughput(n_test, phases),
        "latency_ms_p50": sum(r["latency_ms_p50"] for r in records),
        "latency_ms_p95": sum(r["latency_ms_p95"] for r in records),
        "latency_n": min(r["latency_n"] for r in records),
    }


def size_of(members: Sequence[Member]) -> dict[str, Any]:
    """Return what a record tells of the size of the members' models together, as `featbench.learned.model_size`."""

    def bytes_of(part: str) -> int | None:
        sizes = {m.cell.cell_id: (m.record.get("model_bytes") or {}).get(part) for m in members}
        if None in sizes.values():
            return None
        return int(counted_once(members, lambda m: float(sizes[m.cell.cell_id] or 0), _MADE_IN[part]))

    return size_of_parts({part: bytes_of(part) for part in _MADE_IN})
