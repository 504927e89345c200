"""A result made again from the description that it holds, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from featbench.config import Cell, Ensemble, EnsembleCell, Experiment, Timing
from featbench.config.described import read_cell
from featbench.errors import ConfigError, Shown, must_be
from featbench.progress import Progress
from featbench.report.comparison import machine_of
from featbench.report.summary import Line
from featbench.runner import run
from featbench.stats import mcnemar, verdict_of
from featbench.store import Store, read_json
from featbench.types import AnyArray

__all__ = ["Difference", "Rerun", "differences", "rerun"]

# Repeats of one phase on one quiet machine stay within a few percent of each other; a tenth is no such change.
_NOISE = 0.1
# Shorter phases take as long as what happens to be in the processor's caches has it.
_TOLD_S = 1e-3

_FIGURES = ("val_accuracy", "train_accuracy", "test_accuracy")


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was.

    Attributes
    ----------
    what : str
    before, after : str
    of_result : bool
        Whether it belongs to the result, and not to what made it or to how long that took.
    """

    what: str
    before: str
    after: str
    of_result: bool = False


@dataclass(frozen=True)
class Rerun:
    """A result made again.

    Attributes
    ----------
    root : Path
        The folder that holds it.
    record : mapping
        As it is now.
    differences : tuple of Difference
    """

    root: Path
    record: Mapping[str, Any]
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether the result is what it was, times aside."""
        return not any(difference.of_result for difference in self.differences)


@dataclass(frozen=True)
class _Again(Experiment):
    """An experiment of given cells."""

    again: tuple[Cell | EnsembleCell, ...] = ()

    def cells(self) -> Iterator[Cell | EnsembleCell]:
        yield from self.again


def rerun(result: Path, output: Path | None = None, progress: Progress | None = None) -> Rerun:
    """Make a result again and compare the two.

    Nothing that an earlier run stored is used, and nothing in the cache of features. Test labels are opened once more,
    as the new folder's ledger tells.

    Parameters
    ----------
    result : Path
        ``RUN/cells/<cell>.json``; without its arrays beside it, predictions are not compared.
    output : Path, optional
        A new or empty folder; ``runs/rerun-<cell>`` by default.
    progress : Progress, optional

    Returns
    -------
    Rerun

    Raises
    ------
    ConfigError
        The file holds no description of this version, or one whose plug-ins are not here; the output holds something.
    DataError
        The images are not there.
    StoreError
        The file is damaged, or the output cannot be written.
    """
    if not result.is_file():
        raise ConfigError(must_be("rerun", "the result", "RUN/cells/<cell>.json", str(result)))
    before = read_json(result)
    spec = before.get("spec") if isinstance(before, dict) else None
    if not isinstance(spec, dict):
        raise ConfigError(
            must_be(str(result), "the result", "a cell that featbench wrote", Shown("another file"))
        )
    cells = _cells(spec, str(before.get("pipeline")), str(result))
    if cells[-1].cell_id != before.get("cell_id"):
        told = Shown("one that this version would not have written")
        raise ConfigError(
            must_be(str(result), "the description", "that of the cell that the file is named for", told)
        )
    target = output or Path("runs") / f"rerun-{before['cell_id']}"
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target}: holds something already. Choose a new or empty folder with --output.")
    done = run(_experiment(cells), output=target, force=True, cache=False, progress=progress)
    after = done.records[-1]
    then = _arrays(result, before)
    return Rerun(
        done.root, after, tuple(differences(before, after, then, Store(done.root).read_arrays(after)))
    )


def _cells(spec: Mapping[str, Any], pipeline: str, where: str) -> tuple[Cell | EnsembleCell, ...]:
    """Return the cell that a description is of; an ensemble after its members."""
    if "ensemble" not in spec:
        return (read_cell(spec, where),)
    asked = spec["ensemble"]
    members = tuple(read_cell(member, where) for member in asked["members"])
    # As it was written, so that tables of both runs call it the same.
    inside = pipeline.removeprefix("ensemble(").removesuffix(")").removesuffix(", vote=hard")
    written = () if asked["best"] is not None else (inside,)
    ensemble = Ensemble(tuple(range(len(members))), written, asked["best"], asked["vote"])
    return (*members, EnsembleCell(ensemble, members))


def _experiment(cells: tuple[Cell | EnsembleCell, ...]) -> Experiment:
    first = cells[0]
    assert isinstance(first, Cell)
    return _Again(
        name=f"{cells[-1].label}, again",
        datasets=(first.dataset,),
        splits=first.n_splits,
        seeds=(first.seed,),
        extractors=(),
        preprocesses=(),
        classifiers=(),
        selection=first.selection,
        timing=Timing(),
        quick=first.quick,
        again=cells,
    )


def _arrays(result: Path, record: Mapping[str, Any]) -> dict[str, AnyArray]:
    name = record.get("arrays")
    if result.parent.name != "cells" or not name or not (result.parent / Path(name).name).is_file():
        return {}
    return Store(result.parent.parent).read_arrays(record)


def differences(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    arrays_before: Mapping[str, AnyArray],
    arrays_after: Mapping[str, AnyArray],
) -> Iterator[Difference]:
    """Yield what differs between two records of one cell: what made them, the result, times beyond noise.

    Parameters
    ----------
    before, after : mapping
        As the store keeps them.
    arrays_before, arrays_after : mapping of str to ndarray
        Their arrays.

    Yields
    ------
    Difference
    """
    yield from _of_making(before, after)
    if before["status"] != after["status"]:
        yield Difference("status", _status(before), _status(after), of_result=True)
    if before["status"] != "ok" or after["status"] != "ok":
        return
    yield from _of_result(before, after)
    yield from _of_predictions(before, after, arrays_before, arrays_after)
    machines = [machine_of(record.get("environment") or {}) for record in (before, after)]
    if machines[0] == machines[1]:
        yield from _of_times(before, after)


def _of_making(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    then, now = (record.get("environment") or {} for record in (before, after))
    told = {
        "code": [_code(environment) for environment in (then, now)],
        "machine": [machine_of(environment) for environment in (then, now)],
        "system": [str(environment.get("system")) for environment in (then, now)],
        "images": [str((record.get("data") or {}).get("fingerprint"))[:16] for record in (before, after)],
    }
    for what, (old, new) in told.items():
        if old != new:
            yield Difference(what, old, new)
    versions = [environment.get("versions") or {} for environment in (then, now)]
    for name in dict.fromkeys([*versions[0], *versions[1]]):
        old, new = (held.get(name, "none") for held in versions)
        if old != new:
            yield Difference(f"version of {name}", old, new)


def _code(environment: Mapping[str, Any]) -> str:
    commit = environment.get("commit")
    return f"{environment.get('code')}" + (f" ({commit})" if commit else "")


def _status(record: Mapping[str, Any]) -> str:
    return f"{record['status']}: {record['reason']}" if record.get("reason") else str(record["status"])


def _of_result(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    old, new = (record["selection"]["parameters"] for record in (before, after))
    if old != new:
        yield Difference("chosen", _parameters(old), _parameters(new), of_result=True)
    for name in _FIGURES:
        if before.get(name) != after.get(name):
            then, now = (_percent(record.get(name)) for record in (before, after))
            yield Difference(name.replace("_", " "), then, now, of_result=True)


def _of_predictions(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    then: Mapping[str, AnyArray],
    now: Mapping[str, AnyArray],
) -> Iterator[Difference]:
    if not all("predictions" in arrays for arrays in (then, now)):
        return
    old, new = then["predictions"], now["predictions"]
    # None of rows whose test labels stay closed.
    before_truth, truth = (arrays.get("truth", np.empty(0)) for arrays in (then, now))
    if len(old) != len(new) or not np.array_equal(before_truth, truth):
        yield Difference("test images", f"{len(old):,}", f"{len(new):,}, not the same labels", of_result=True)
        return
    changed = int((old != new).sum())
    if changed:
        methods = {(record.get("scores") or {}).get("interval") for record in (before, after)}
        judged = len(truth) > 0 and methods == {"wilson"}
        told = f", its accuracy {verdict_of(mcnemar(old == truth, new == truth))}" if judged else ""
        yield Difference("predictions", f"{len(old):,}", f"{changed:,} others{told}", of_result=True)


def _of_times(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield phases of which every sample is slower, or faster, than every one before, and the median by a tenth.

    Warm-ups and phases under a millisecond are left out, and those that either run tells were not of a machine at
    rest.
    """
    then, now = before.get("phases") or {}, after.get("phases") or {}
    for name in (name for name in then if name in now and not name.startswith("warmup")):
        old, new = then[name], now[name]
        if any(Line("", (record,)).unsteady(name) for record in (before, after)):
            continue
        apart = max(old["samples"]) < min(new["samples"]) or max(new["samples"]) < min(old["samples"])
        told = max(old["seconds"], new["seconds"]) >= _TOLD_S
        if told and apart and abs(new["seconds"] / old["seconds"] - 1) > _NOISE:
            yield Difference(f"seconds of {name}", f"{old['seconds']:.4g}", f"{new['seconds']:.4g}")


def _parameters(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} = {v:g}" if isinstance(v, float) else f"{k} = {v}" for k, v in parameters.items())


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.2f} %"
