"""What a folder of results says, before it is put into a table, a file or a page.

Cells that differ only in split and seed are one line. The recommended line is the one that validation
chose among those that learned from the most images; its test figure is what counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featbench.report.claims import Claim, claim_of
from featbench.report.versus import Versus, beside
from featbench.store import Store
from featbench.timing import Share

__all__ = ["TRAINING", "DatasetSummary", "Line", "Summary", "summarize_run"]

TRAINING = ("fit_extractor", "transform_train", "preprocess", "search", "fit")


@dataclass(frozen=True)
class Line:
    """One pipeline on one data set, over its splits and seeds.

    Attributes
    ----------
    label : str
    records : tuple of dict
        Its cells; the figures below are means over those that finished.
    recommended : bool
        Whether validation chose it.
    versus : Versus or None
        How it stands beside the recommended row; None of that row, of those that look at no image, and where the two
        have not judged the same images.
    claim : Claim or None
        How it stands beside the published figure that it is to reproduce.
    """

    label: str
    records: tuple[Mapping[str, Any], ...]
    recommended: bool = False
    versus: Versus | None = None
    claim: Claim | None = None

    @property
    def done(self) -> list[Mapping[str, Any]]:
        """The cells that finished."""
        return [r for r in self.records if r["status"] == "ok"]

    @property
    def status(self) -> str:
        """``ok``, or what befell the first cell that did not finish."""
        return next((r["status"] for r in self.records if r["status"] != "ok"), "ok")

    @property
    def is_baseline(self) -> bool:
        """Whether it looks at no image: the rows of chance and majority."""
        return not self.records[0].get("extractor")

    @property
    def pipeline(self) -> str:
        """The label, whatever the number of training images."""
        return str(self.records[0].get("pipeline", self.label))

    @property
    def size(self) -> float:
        """How many training images were drawn; infinity where all were learned from."""
        record = self.records[0]
        return float(record["train_size"]) if record.get("drawn") else float("inf")

    @property
    def is_cached(self) -> bool:
        """Whether features came from the cache, with the times of their making."""
        return any(t.get("cached") for r in self.done for t in r["phases"].values())

    def values(self, name: str) -> list[float]:
        """Return a figure of each finished cell that has it."""
        return [r[name] for r in self.done if r.get(name) is not None]

    def mean(self, name: str) -> float | None:
        """Return the mean of a figure, or None."""
        values = self.values(name)
        return float(np.mean(values)) if values else None

    def deviation(self, name: str) -> float | None:
        """Return the standard deviation of a figure over splits and seeds, or None for fewer than two."""
        values = self.values(name)
        return float(np.std(values, ddof=1)) if len(values) > 1 else None

    def seconds(self, *phases: str) -> float | None:
        """Return the seconds that phases took together, as a mean over cells."""
        totals = [
            sum(r["phases"][p]["seconds"] for p in phases if p in r["phases"])
            for r in self.done
            if any(p in r["phases"] for p in phases)
        ]
        return float(np.mean(totals)) if totals else None

    @property
    def at_once(self) -> int:
        """How many blocks shared a machine at the most while the cells were made; 1 where each had it alone."""
        return max(((r.get("executor") or {}).get("at_once", 1) for r in self.done), default=1)

    def unsteady(self, *phases: str) -> bool:
        """Tell whether the seconds of phases are not those of a machine at rest, or not known well enough."""
        if self.at_once > 1:
            return True
        timings = [r["phases"][p] for r in self.done for p in phases if p in r["phases"]]
        return any(t.get("noisy") or ("load" in t and Share(**t["load"]).disturbs) for t in timings)

    @property
    def training_seconds(self) -> float | None:
        """Seconds from decoded training images to a fitted, selected pipeline."""
        return None if self.is_baseline else self.seconds(*TRAINING)

    @property
    def chosen(self) -> str:
        """The hyperparameters that validation chose, of each cell where they differ."""
        texts = []
        for record in self.done:
            parameters = record["selection"]["parameters"]
            texts.append(", ".join(f"{k} = {_number(v)}" for k, v in parameters.items()))
        return "; ".join(dict.fromkeys(t for t in texts if t))


@dataclass(frozen=True)
class DatasetSummary:
    """The lines of one data set, best validation first, baselines last."""

    name: str
    data: Mapping[str, Any]
    lines: tuple[Line, ...]

    @property
    def recommended(self) -> Line | None:
        """The line that validation chose."""
        return next((line for line in self.lines if line.recommended), None)


@dataclass(frozen=True)
class Summary:
    """All that a folder says.

    Attributes
    ----------
    run : dict
        How it was started.
    datasets : tuple of DatasetSummary
    records : tuple of dict
        Every cell of the run that is there, in its order.
    n_missing : int
        Cells of the run that are not there (yet).
    n_foreign : int
        Cells in the folder that belong to another experiment; they are kept and not shown.
    openings : tuple of dict
        The ledger.
    store : Store
        The folder, for the arrays of its cells.
    """

    run: Mapping[str, Any]
    datasets: tuple[DatasetSummary, ...]
    records: tuple[Mapping[str, Any], ...]
    n_missing: int
    n_foreign: int
    openings: tuple[Mapping[str, Any], ...]
    store: Store


def summarize_run(store: Store) -> Summary:
    """Read a folder of results.

    Parameters
    ----------
    store : Store
        The folder; only read.

    Returns
    -------
    Summary

    Raises
    ------
    StoreError
        The folder holds no run, or a file in it is not one of ours.
    """
    run = store.read_run()
    wanted = run["cells"]
    found = [store.read_cell(cell_id) for cell_id in wanted]
    records = [record for record in found if record is not None]
    names = dict.fromkeys(r["dataset"] for r in records)
    return Summary(
        run=run,
        datasets=tuple(
            _dataset(name, [r for r in records if r["dataset"] == name], store, run.get("reproduces") or {})
            for name in names
        ),
        records=tuple(records),
        n_missing=len(wanted) - len(records),
        n_foreign=len(set(store.cell_ids()) - set(wanted)),
        openings=tuple(store.openings()),
        store=store,
    )


def _dataset(
    name: str, records: Sequence[Mapping[str, Any]], store: Store, reproduces: Mapping[str, str]
) -> DatasetSummary:
    by_label: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        by_label.setdefault(record["label"], []).append(record)
    lines = [Line(label, tuple(cells)) for label, cells in by_label.items()]
    best = max(lines, key=_rank)  # of equals the first
    validated = _rank(best)[0] > 0
    marked = [Line(line.label, line.records, recommended=validated and line is best) for line in lines]
    # The sizes of a pipeline stand together, the largest first, where the best of them would stand.
    place: dict[str, tuple[int, float, float]] = {}
    for line in marked:
        place[line.pipeline] = max(_rank(line), place.get(line.pipeline, _rank(line)))
    order = {pipeline: i for i, pipeline in enumerate(place)}
    marked.sort(key=lambda line: (place[line.pipeline], -order[line.pipeline], _rank(line)), reverse=True)
    told = {line.label: claim_of(line.records, reproduces) for line in marked}
    apart = _beside(store, marked)
    lines = [replace(line, versus=apart.get(line.label), claim=told[line.label]) for line in marked]
    return DatasetSummary(name, records[0].get("data") or {}, tuple(lines))


def _beside(store: Store, lines: Sequence[Line]) -> dict[str, Versus]:
    best = next((line for line in lines if line.recommended), None)
    if best is None:
        return {}
    others = [line for line in lines if not (line.recommended or line.is_baseline) and line.status == "ok"]
    return beside(store, best.done, {line.label: line.done for line in others})


def _rank(line: Line) -> tuple[int, float, float]:
    """Rank validated pipelines by training images, then validation accuracy; without one, failures, baselines.

    Accuracies of one size are measured on the same images; those of another size are not, and what is to be used
    learns from all that there are.
    """
    accuracy = line.mean("val_accuracy")
    if line.is_baseline:
        return (-2, line.size, line.mean("test_accuracy") or accuracy or 0.0)
    if line.status != "ok":
        return (-1, line.size, 0.0)
    if accuracy is not None:
        return (1, line.size, accuracy)
    return (0, line.size, line.mean("test_accuracy") or 0.0)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
