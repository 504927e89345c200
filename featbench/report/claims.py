"""Rows that claim to reproduce a published figure: ours, theirs, and whether that is near enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featbench.references import Reference, references

if TYPE_CHECKING:
    from featbench.report.summary import Summary

__all__ = ["Claim", "check_claims", "claim_of"]

_SLACK = 1e-9  # accuracies are quotients of counts: what a subtraction adds to them is no difference


@dataclass(frozen=True)
class Claim:
    """A row beside the figure that it is to reproduce.

    Attributes
    ----------
    reference : Reference
    ours : float or None
        Percent; None where the two cannot be compared.
    reason : str
        Why they cannot; empty where they can.
    """

    reference: Reference
    ours: float | None
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """Ours less theirs, in points."""
        return None if self.ours is None else self.ours - self.reference.accuracy

    @property
    def holds(self) -> bool:
        """Whether ours is within the tolerance."""
        return self.difference is not None and abs(self.difference) <= self.reference.tolerance + _SLACK

    @property
    def told(self) -> str:
        """Both figures, in a sentence without its subject."""
        theirs = f"{self.reference.name}, {self.reference.accuracy:g} %"
        if self.ours is None or self.difference is None:
            return f"claims to reproduce {theirs}, and cannot be held against it: {self.reason}"
        beyond = "within" if self.holds else "outside"
        where = " in validation" if self.reference.metric == "val_accuracy" else ""
        points = round(self.difference, 1) + 0.0  # no negative zero
        return (
            f"{self.ours:.1f} %{where} beside {theirs}: {points:+.1f} points, {beyond} its tolerance of "
            f"{self.reference.tolerance:g}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {
            "reference": self.reference.name,
            "theirs": self.reference.accuracy,
            "ours": self.ours,
            "difference": self.difference,
            "tolerance": self.reference.tolerance,
            "holds": self.holds,
            "reason": self.reason or None,
            "metric": self.reference.metric,
            "source": self.reference.source,
            "url": self.reference.url,
            "trust": self.reference.trust,
        }


def claim_of(records: Sequence[Mapping[str, Any]], reproduces: Mapping[str, str]) -> Claim | None:
    """Return what a row claims.

    Parameters
    ----------
    records : sequence of dict
        The cells of one row; the mean of their figures is held against the published one.
    reproduces : mapping of str to str
        Names of published figures by the cells that are to reproduce them.

    Returns
    -------
    Claim or None
        None where it claims nothing, or a figure that this version does not know.
    """
    names = dict.fromkeys(reproduces[r["cell_id"]] for r in records if r["cell_id"] in reproduces)
    reference = references().get(next(iter(names), ""))
    if reference is None:
        return None
    reason = next((reason for record in records if (reason := _why_not(record, reference))), "")
    if reason:
        return Claim(reference, None, reason)
    return Claim(reference, 100 * float(np.mean([record[reference.metric] for record in records])))


def _why_not(record: Mapping[str, Any], reference: Reference) -> str:
    """Say why a cell's figure is not to be compared; nothing where it is."""
    if record["status"] != "ok":
        return f"the row is {record['status']}"
    data = record.get("data") or {}
    if record["dataset"] != reference.dataset:
        return f"it is a figure of {reference.dataset}"
    if data.get("quick") or record.get("drawn"):
        return "the row learned from a part of the training images"
    for key, what in (("n_train", "training"), ("n_test", "test")):
        wanted, got = getattr(reference, key), data.get(key)
        if wanted is not None and got != wanted:
            return f"it is of {wanted:,} {what} images, and the row of {got or 0:,}"
    if record.get(reference.metric) is None:
        return f"the row has no {reference.metric.replace('_', ' ')}"
    return ""


def check_claims(summary: Summary) -> tuple[list[str], list[str]]:
    """Hold every claim of a run against its figure.

    Parameters
    ----------
    summary : Summary

    Returns
    -------
    held, failed : list of str
        A sentence a claim. What is not there yet, failed, or was run on other images, has failed.
    """
    held: list[str] = []
    failed: list[str] = []
    for dataset in summary.datasets:
        for line in dataset.lines:
            if line.claim is not None:
                sentence = f"{dataset.name}: {line.label}: {line.claim.told}."
                (held if line.claim.holds else failed).append(sentence)
    there = {record["cell_id"] for record in summary.records}
    for cell_id, name in (summary.run.get("reproduces") or {}).items():
        if cell_id not in there:
            failed.append(f"{cell_id}: is to reproduce {name}, and is not there yet.")
        elif name not in references():
            failed.append(f"{cell_id}: is to reproduce {name}, which this version does not know.")
    return held, failed
