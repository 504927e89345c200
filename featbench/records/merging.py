"""Several folders of results into one: cells with their arrays, and every line of the ledgers."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import featbench
from featbench.errors import ConfigError, StoreError, must_be
from featbench.report import write_results
from featbench.store import Store, write_atomic
from featbench.text import first_few
from featbench.thumbnails import join_thumbnails

__all__ = ["Merged", "merge"]


@dataclass(frozen=True)
class Merged:
    """What became one.

    Attributes
    ----------
    root : Path
    n_cells : int
    n_shared : int
        Cells that several folders had with the same result; the first folder's times were kept.
    n_openings : int
        Lines of the ledger.
    """

    root: Path
    n_cells: int
    n_shared: int
    n_openings: int


@dataclass(frozen=True)
class _Found:
    store: Store
    record: Mapping[str, Any]

    @property
    def file(self) -> str:
        return str(self.store.root / "cells" / f"{self.record['cell_id']}.json")


def merge(folders: Sequence[Path], output: Path, prefer: Path | None = None) -> Merged:
    """Put the cells of several folders of results into a new one.

    Parameters
    ----------
    folders : sequence of Path
        Folders that runs wrote; they stay as they are.
    output : Path
        A new or empty folder; it is there whole or not at all.
    prefer : Path, optional
        One of `folders`, whose result counts where another's differs.

    Returns
    -------
    Merged

    Raises
    ------
    ConfigError
        Two folders have the same cell with different results, and `prefer` is neither; a folder that holds no run;
        quick looks among whole runs;
        an output that holds something.
    StoreError
        A file is damaged, or the output cannot be written.

    Notes
    -----
    Results are the same where predictions, the figures from them and the chosen hyperparameters are; times differ
    with every run, and those of the first folder are kept. A cell that finished counts before one that
    failed or was skipped.
    """
    stores = [Store(folder) for folder in dict.fromkeys(folders)]
    if prefer is not None and prefer not in folders:
        raise ConfigError(must_be("--prefer", "the folder", "one of those that are merged", str(prefer)))
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(f"{output}: holds something already. Choose a new or empty folder with --output.")
    runs = [store.read_run() for store in stores]
    _refuse_mixture(stores, runs)
    chosen, n_shared = _choose(stores, prefer)
    _refuse_alike([chosen[cell] for cell in _listed(runs) if cell in chosen])
    beside = _beside(output)
    try:
        merged = Store(beside / "run")
        for found in chosen.values():
            _copy(found, merged)
        for store in stores:
            join_thumbnails(store.root, merged.root)
        lines = _ledger(stores)
        if lines:
            write_atomic(merged.root / "ledger.jsonl", "\n".join(lines) + "\n")
        merged.write_run(_description(stores, runs))
        write_results(merged)
        if output.exists():
            output.rmdir()
        merged.root.rename(output)
    except OSError as error:
        raise StoreError(f"{output}: cannot be written ({error.strerror}). Choose another folder.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Merged(output, len(chosen), n_shared, len(lines))


def _refuse_mixture(stores: Sequence[Store], runs: Sequence[Mapping[str, Any]]) -> None:
    """Refuse quick looks among whole runs: figures of a sample's folds, and those of test images."""
    quick = [str(store.root) for store, run in zip(stores, runs, strict=True) if run.get("quick")]
    if quick and len(quick) < len(stores):
        raise ConfigError(
            f"records merge: {first_few(quick, 5)} hold quick looks at samples, the others whole runs. "
            "Merge either kind alone."
        )


def _beside(output: Path) -> Path:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=output.parent, prefix=".merging-"))
    except OSError as error:
        raise StoreError(f"{output}: cannot be written ({error.strerror}). Choose another folder.") from error


def _choose(stores: Sequence[Store], prefer: Path | None) -> tuple[dict[str, _Found], int]:
    """Return whose record of each cell is taken, and how many cells several had alike."""
    chosen: dict[str, _Found] = {}
    shared: set[str] = set()
    refused = []
    for store in stores:
        for cell_id in store.cell_ids():
            record = store.read_cell(cell_id)
            assert record is not None
            found, before = _Found(store, record), chosen.setdefault(cell_id, _Found(store, record))
            if before.store is store:
                continue
            difference = _difference(before, found)
            if difference is None:
                shared.add(cell_id)
                continue
            better = _better(before, found, prefer)
            if better is None:
                refused.append(f"{before.file} and {found.file}: {difference}")
            else:
                chosen[cell_id] = better
    if refused:
        told = first_few(refused, 5)
        remedy = "Say whose counts with --prefer DIR, or leave a folder out."
        raise ConfigError(f"records merge: the same cell has different results: {told}. {remedy}")
    return chosen, len(shared)


def _listed(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(cell for run in runs for cell in run["cells"]))


def _refuse_alike(cells: Sequence[_Found]) -> None:
    """Refuse rows of one name, split and seed that were asked for differently: tables would average them."""
    seen: dict[tuple[Any, ...], _Found] = {}
    for found in cells:
        record = found.record
        name = record["dataset"], record["label"], record["split"], record["seed"]
        other = seen.setdefault(name, found)
        if other is not found:
            raise ConfigError(
                f"{other.file} and {found.file}: are both called {record['label']}, of one split and seed, but "
                "were asked for differently, in selection or search. Merge runs that select alike, or compare them."
            )


def _better(before: _Found, found: _Found, prefer: Path | None) -> _Found | None:
    """Return the one that finished, else the preferred one, of those that did not the first; None for neither."""
    done = [one for one in (before, found) if one.record["status"] == "ok"]
    if len(done) == 1:
        return done[0]
    preferred = [one for one in (before, found) if one.store.root == prefer]
    return preferred[0] if preferred else None if done else before


def _difference(first: _Found, second: _Found) -> str | None:
    """Say in what two records of a cell differ, or None where their result is the same."""
    one, other = first.record, second.record
    if one["status"] != other["status"]:
        return f"{one['status']} against {other['status']}"
    if one["status"] != "ok":
        return None if one.get("reason") == other.get("reason") else "different reasons"
    if (one.get("data") or {}).get("fingerprint") != (other.get("data") or {}).get("fingerprint"):
        return "made from different images"
    ours, theirs = (found.store.read_arrays(found.record) for found in (first, second))
    names = ("predictions", "truth")
    for name in names:
        if (name in ours) != (name in theirs) or (
            name in ours and not np.array_equal(ours[name], theirs[name])
        ):
            return f"different {name}"
    for name in ("val_accuracy", "train_accuracy", "test_accuracy", "dim"):
        if one.get(name) != other.get(name):
            return f"{name} {one.get(name)} against {other.get(name)}"
    chosen = [(record.get("selection") or {}).get("parameters") for record in (one, other)]
    return None if chosen[0] == chosen[1] else f"chosen {chosen[0]} against {chosen[1]}"


def _copy(found: _Found, target: Store) -> None:
    """Copy a cell byte by byte, arrays first, after they have been read."""
    cells = found.store.root / "cells"
    found.store.read_arrays(found.record)  # refuses what is damaged
    names = [Path(found.record["arrays"]).name] if found.record.get("arrays") else []
    for name in (*names, f"{found.record['cell_id']}.json"):
        write_atomic(target.root / "cells" / name, (cells / name).read_bytes())


def _ledger(stores: Sequence[Store]) -> list[str]:
    """Return every opening, oldest first; a line that several folders have alike, copied among them, counts once."""
    lines: Counter[str] = Counter()
    for store in stores:
        path = store.root / "ledger.jsonl"
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        lines |= Counter(line for line in text.splitlines() if line.strip())
    times = {line: str(opening.get("time", "")) for line, opening in _read(lines)}
    return sorted(lines.elements(), key=lambda line: times[line])


def _read(lines: Counter[str]) -> list[tuple[str, Mapping[str, Any]]]:
    read: list[tuple[str, Mapping[str, Any]]] = []
    for line in lines:
        try:
            opening = json.loads(line)
        except ValueError:
            opening = {}  # a line that a crash tore off stays as it is
        read.append((line, opening if isinstance(opening, dict) else {}))
    return read


def _description(stores: Sequence[Store], runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Describe the run that the folders make up; cells of other experiments stay in them, unlisted, as they were."""
    environments = [run.get("environment") for run in runs]
    same = all(environment == environments[0] for environment in environments)
    merged_from = [
        {"folder": store.root.name, "name": run.get("name"), "environment": run.get("environment")}
        for store, run in zip(stores, runs, strict=True)
    ]
    return {
        "name": " + ".join(dict.fromkeys(str(run.get("name")) for run in runs)),
        "command": None,
        "version": featbench.__version__,
        "cells": _listed(runs),
        "reproduces": {cell: name for run in runs for cell, name in (run.get("reproduces") or {}).items()},
        "quick": bool(runs[0].get("quick")),
        "environment": environments[0] if same else {},
        "merged_from": merged_from,
    }
