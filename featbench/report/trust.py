"""What a reader needs to know to trust a result, or to make it again: data, splits, seeds, openings, machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featbench.report.summary import DatasetSummary, Summary
from featbench.text import counted

__all__ = ["facts_of_data", "facts_of_machine"]


def facts_of_data(dataset: DatasetSummary, summary: Summary) -> list[tuple[str, str]]:
    """Return what is known of a data set and how it was used, as names and texts.

    Parameters
    ----------
    dataset : DatasetSummary
    summary : Summary
        Of the same run, for its ledger.

    Returns
    -------
    list of (str, str)
    """
    data = dataset.data
    cells = [record for line in dataset.lines for record in line.done]
    facts = [
        ("source", str(data.get("source") or "not told")),
        ("fingerprint", str(data.get("fingerprint") or "not told")),
        ("images", _images(data)),
        ("groups", _groups(data)),
        ("copies across the split", _duplicates(data)),
        ("split", "the data set's own" if data.get("official_split") else "drawn here"),
        ("splits and seeds", _drawn(cells)),
        ("test labels", _openings(dataset.name, summary)),
    ]
    versions = sorted(
        {str((r.get("environment") or {}).get("versions", {}).get("featbench", "")) for r in cells} - {""}
    )
    commits = sorted({str((r.get("environment") or {}).get("commit") or "") for r in cells} - {""})
    made = sorted(str(r["made"]) for r in cells if r.get("made"))
    if versions:
        facts.append(
            ("made with featbench", ", ".join(versions) + (f" at {', '.join(commits)}" if commits else ""))
        )
    if made:
        facts.append(("made", made[0] if made[0] == made[-1] else f"{made[0]} to {made[-1]}"))
    return facts


def _images(data: Mapping[str, Any]) -> str:
    shape = data.get("image_shape")
    size = f", {' × '.join(str(n) for n in shape)}" if shape else ""
    return f"{data.get('n_train', 0):,} training and {data.get('n_test', 0):,} test images{size}"


def _groups(data: Mapping[str, Any]) -> str:
    train, test = data.get("train_groups"), data.get("test_groups")
    if not train and not test:
        return "none: images are taken for independent"
    return (
        f"{train or 0:,} of training images and {test or 0:,} of test images, never on both sides of a fold"
    )


def _duplicates(data: Mapping[str, Any]) -> str:
    found = data.get("duplicates")
    if not found:
        return "not looked for"
    compared = f" of {found['compared']:,} test images looked at" if found.get("compared") else ""
    return f"{found.get('exact', 0):,} exact, {found.get('near', 0):,} near{compared}"


def _drawn(cells: list[Mapping[str, Any]]) -> str:
    splits, seeds = (sorted({r[name] for r in cells}) for name in ("split", "seed"))
    named = ", ".join(map(str, seeds)) or "none"
    return f"{counted(len(splits), 'split')}; {'seed' if len(seeds) == 1 else 'seeds'} {named}"


def _openings(name: str, summary: Summary) -> str:
    count = sum(opening.get("dataset") == name for opening in summary.openings)
    if not count:
        return "never opened in this folder"
    return f"opened {counted(count, 'time')} in this folder, each time after a refit"


def facts_of_machine(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a run says of its machine, as names and texts.

    Parameters
    ----------
    environment : mapping

    Returns
    -------
    list of (str, str)
    """
    facts = []
    for name, value in environment.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{k} {v}" for k, v in value.items())
        if value is not None:
            facts.append((name.replace("_", " "), str(value)))
    return facts
