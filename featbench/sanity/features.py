"""Features that are dead, explode, or differ too much in scale for a linear classifier."""

from __future__ import annotations

import numpy as np

from featbench.sanity.check import Finding, judged
from featbench.types import AnyArray

__all__ = ["feature_findings", "prepared_findings"]

_DEAD = 0.5  # share of constant columns from which something is broken rather than sparse
_EXPLODING = 1e6  # beyond it, squares lose what float32 could tell of values near 1
_SPREAD = 1e3  # between the scales of columns: a descent is as much slower along the small ones


def feature_findings(X: AnyArray) -> list[Finding]:
    """Look at features as the extractor makes them.

    Parameters
    ----------
    X : ndarray, (n, d)

    Returns
    -------
    list of Finding
        Values that are not finite, columns that are the same for every image, and the range of values.
    """
    n_bad = int((~np.isfinite(X)).sum())
    advice = "The extractor divides by 0 or overflows; featbench.testing.check_extractor looks for where."
    finite = judged("finite", f"{n_bad:,} NaN or infinite", "0", not n_bad, advice)
    if n_bad:
        return [finite]
    dead, d = int((X.min(axis=0) == X.max(axis=0)).sum()), X.shape[1]
    broken = dead > _DEAD * d
    advice = "Those columns tell nothing; they are harmless once standardized."
    if broken:
        advice = "Most columns are the same for every image: look at the extractor's input, and its pictures."
    found = f"{dead:,} of {d:,} constant"
    low, high = float(X.min()), float(X.max())
    small = max(-low, high) < _EXPLODING
    wide = "Values this large lose digits in float32; divide by what they grow with, such as the number of pixels."
    return [
        finite,
        judged("dead columns", found, "0", not dead, advice, "fail" if broken else "advice"),
        judged("range", f"{low:.3g} to {high:.3g}", f"within ±{_EXPLODING:g}", small, wide, "advice"),
    ]


def prepared_findings(X: AnyArray) -> list[Finding]:
    """Look at features after preprocessing.

    Parameters
    ----------
    X : ndarray, (n, d)

    Returns
    -------
    list of Finding
        The largest value, and how far apart the scales of columns are.
    """
    largest = float(np.abs(X).max())
    holds = largest < _EXPLODING
    advice = "Values explode: `preprocess: standardize`, or look for those columns in the extractor."
    findings = [judged("largest value", f"{largest:.3g}", f"< {_EXPLODING:g}", holds, advice)]
    deviations = X.std(axis=0, dtype=np.float64)
    alive = deviations[deviations > 0]
    if holds and len(alive):
        even = bool(alive.max() <= _SPREAD * alive.min())
        advice = "Columns differ much in scale: `preprocess: standardize` makes them equal."
        found, expected = f"{alive.min():.3g} to {alive.max():.3g}", f"within {_SPREAD:g} times"
        findings.append(judged("scales of columns", found, expected, even, advice, "advice"))
    return findings
