"""Which rows cannot be told from the recommended one, and what it gains over cheaper ones, in words."""

from __future__ import annotations

from collections.abc import Sequence

from featbench.report.summary import DatasetSummary, Line
from featbench.stats import LEVEL
from featbench.text import counted

__all__ = ["notes_beside", "told_beside", "told_price"]

_MOST_NAMED = 2
_CHEAPER = 5.0  # times less training, from which on a row is another kind of choice


def told_beside(dataset: DatasetSummary) -> list[str]:
    """Say which rows cannot be told from the recommended one, and which are better than it beyond chance.

    Parameters
    ----------
    dataset : DatasetSummary

    Returns
    -------
    list of str
        Sentences; none where no row could be tested.
    """
    tested = [line for line in dataset.lines if line.versus is not None]
    if not tested:
        return []
    ties = [line for line in tested if line.versus and line.versus.tie]
    better = [line for line in tested if line.versus and not line.versus.tie and line.versus.difference > 0]
    told = [f"{_named(ties)} cannot be told from it."] if ties else []
    if better:
        are = "is" if len(better) == 1 else "are"
        told.append(f"On the test images {_named(better)} {are} better beyond chance.")
    if not told:
        others = "The other row is" if len(tested) == 1 else f"All {len(tested)} other rows are"
        told.append(f"{others} worse beyond chance.")
    return told


def told_price(dataset: DatasetSummary) -> list[str]:
    """Say what the recommended row gains over the best that trains in a fifth of its time or less, and at what price.

    Parameters
    ----------
    dataset : DatasetSummary

    Returns
    -------
    list of str
        One sentence; none where no row is that much cheaper, or the cheaper one is better.
    """
    best = dataset.recommended
    seconds = best.training_seconds if best else None
    if best is None or not seconds:
        return []
    cheap = [
        (line, cost)
        for line in dataset.lines
        if line.versus is not None and (cost := line.training_seconds) and cost <= seconds / _CHEAPER
    ]
    if not cheap:
        return []
    other, cost = max(cheap, key=lambda found: found[0].mean("val_accuracy") or 0.0)
    assert other.versus is not None
    times, gain = seconds / cost, -100 * other.versus.difference
    if other.versus.tie:
        return [f"{other.label} takes {times:,.0f} times less training than the recommended row."]
    if gain <= 0:
        return []
    return [
        f"The recommended row gains {gain:.1f} points over {other.label}, at {times:,.0f} times its training."
    ]


def _named(lines: Sequence[Line]) -> str:
    names = [line.label for line in lines[:_MOST_NAMED]]
    if len(lines) > _MOST_NAMED:
        names.append(f"{counted(len(lines) - _MOST_NAMED, 'more row')}")
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]


def notes_beside(dataset: DatasetSummary) -> list[str]:
    """Say how rows were held against the recommended one.

    Parameters
    ----------
    dataset : DatasetSummary

    Returns
    -------
    list of str
        A note, or none where no row could be tested.
    """
    found = next((line.versus for line in dataset.lines if line.versus is not None), None)
    if found is None:
        return []
    tests = counted(found.n_tests, "row was", "rows were")
    if found.n_groups is None:
        how = f"McNemar's exact test on {found.n_images:,} test images"
    else:
        how = (
            f"a cluster bootstrap of the difference on {found.n_images:,} test images in {found.n_groups:,} groups, "
            "since McNemar's test takes images for independent"
        )
    corrected = ", with Holm's correction" if found.n_tests > 1 else ""
    return [
        f"{dataset.name}: {tests} held against the recommended one by {how}{corrected}; ≈ is a p-value of "
        f"{LEVEL:g} or more, and says that no difference was seen, not that there is none."
    ]
