"""What a sanity check says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["Check", "Finding", "judged"]

Verdict = Literal["pass", "fail", "advice"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    check : str
        What was looked at.
    found, expected : str
        Figures.
    verdict : {"pass", "fail", "advice"}
        As expected; a fault; no fault, but something to think of.
    advice : str
        What to do about it; empty where it passed.
    """

    check: str
    found: str
    expected: str
    verdict: Verdict
    advice: str = ""


@dataclass(frozen=True)
class Check:
    """A finding and what it is about.

    Attributes
    ----------
    pipeline : str
        Extractor, preprocessing and classifier, as far as they matter.
    finding : Finding
    """

    pipeline: str
    finding: Finding

    def at(self, where: str) -> Check:
        """Return the same of some data set."""
        return replace(self, pipeline=where + self.pipeline)


def judged(
    check: str, found: str, expected: str, right: bool, advice: str, otherwise: Verdict = "fail"
) -> Finding:
    """Return a finding that passes where it is right, and otherwise carries its advice."""
    return Finding(check, found, expected, "pass" if right else otherwise, "" if right else advice)
