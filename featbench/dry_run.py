"""What a run would do, before it is done: which rows are there already, and what the others will cost.

Nothing is written, and test labels stay sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from featbench.blocks import Block, Split, plan
from featbench.cache import Cache
from featbench.config import Cell, EnsembleCell, Experiment, filtered, load_experiment
from featbench.errors import FeatbenchError
from featbench.estimates import Cost, memory_told, told_of_features, told_of_row
from featbench.keys import cell_key
from featbench.probing import Probe
from featbench.progress import SILENT, Progress
from featbench.quick import quick_experiment
from featbench.results import FAILED
from featbench.reuse import Reuse
from featbench.stages import Skipped, kept
from featbench.store import Store

__all__ = ["Planned", "dry_run"]


@dataclass(frozen=True)
class Planned:
    """A row that a run would make, or has already.

    Attributes
    ----------
    cell : Cell or EnsembleCell
    dataset : str
    result : str
        ``there`` where its result is in the folder, of the same images, code and libraries; ``failed`` where it is
        there that it failed, and it would not be run again; else ``missing``.
    features : Cost or None
        Of the row that is the first to need its extractor's features; None for others and where nothing is known.
    row : Cost or None
        Of what comes after; None where it is there or nothing is known.
    megabytes : float or None
        Highest resident memory that is expected, in 10⁶ bytes.
    kept : bool
        Whether its features are in the cache, so that `features` will not be spent.
    note : str
        Why nothing is known.
    """

    cell: Cell | EnsembleCell
    dataset: str
    result: str
    features: Cost | None = None
    row: Cost | None = None
    megabytes: float | None = None
    kept: bool = False
    note: str = ""

    @property
    def there(self) -> bool:
        """Whether it would not be run."""
        return self.result != "missing"

    @property
    def seconds(self) -> float:
        """All that is known of what a run will spend on it."""
        spent = (None if self.kept else self.features, self.row)
        return sum(cost.seconds for cost in spent if cost is not None)


def dry_run(
    config: str | Path | Experiment,
    *,
    output: str | Path | None = None,
    overrides: Sequence[str] = (),
    filters: Sequence[str] = (),
    quick: bool = False,
    force: bool = False,
    retry_failed: bool = False,
    timeout_s: float | None = None,
    cache: str | Path | bool = True,
    progress: Progress | None = None,
) -> list[Planned]:
    """List what a run would do.

    What a row will cost is reckoned from records in the output folder where the same extractor, or the same pipeline,
    ran on other numbers of images, and else from a probe: the stage on samples of the training images, as large as a
    second allows.

    Parameters
    ----------
    config, output, overrides, filters, quick, force, retry_failed, timeout_s, cache
        As of `featbench.runner.run`.
    progress : Progress, optional
        Is told what is being looked at.

    Returns
    -------
    list of Planned
        In the order of the run.

    Raises
    ------
    ConfigError
        The experiment cannot be run as it is written.
    DataError
        Its data cannot be read.
    """
    experiment = config if isinstance(config, Experiment) else load_experiment(config, overrides)
    if quick:
        experiment = quick_experiment(experiment)
    cells = filtered(experiment, filters)
    store, tell = Store(output or Path("runs") / experiment.name), (progress or SILENT).stage
    reuse, records = Reuse(store, force, retry_failed, timeout_s), _records(store)
    kept_in = None if cache is False else Cache(None if cache is True else cache)
    planned: list[Planned] = []
    warm: set[str] = set()
    for split in plan(cells, experiment.splits, experiment.timing, tell):
        planner = _Planner(reuse, split, records, kept_in, tell, warm)
        planned += [row for block in split.blocks for row in planner.of_block(block)]
        planned += [_of_ensemble(ensemble, reuse, split) for ensemble in split.ensembles]
    return planned


def _records(store: Store) -> list[dict[str, Any]]:
    """Return every record of the folder that can be read, those of other experiments too."""
    found = []
    for cell_id in store.cell_ids():
        try:
            found.append(store.read_cell(cell_id))
        except FeatbenchError:
            continue  # a damaged file tells nothing; its row will be made again
    return [record for record in found if record is not None]


def _of_ensemble(cell: EnsembleCell, reuse: Reuse, split: Split) -> Planned:
    found = reuse.of_ensemble(cell, split.data)
    return Planned(cell, split.data.name, _result(found), note="" if found else "its members' fits again")


def _result(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "missing"
    return "failed" if record["status"] in FAILED else "there"


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss / 1e6)


class _Planner:
    """Looks at the blocks of one split."""

    def __init__(
        self,
        reuse: Reuse,
        split: Split,
        records: Sequence[dict[str, Any]],
        cache: Cache | None,
        tell: Callable[[str], None],
        warm: set[str],
    ) -> None:
        self._reuse, self._data, self._records, self._cache = reuse, split.data, records, cache
        self._tell, self._warm = tell, warm
        self._base_mb = _resident_mb()

    def of_block(self, block: Block) -> Iterator[Planned]:
        """Yield what the cells of a block will cost, its features with the first that is missing."""
        self._probed: tuple[Probe, Cost] | Exception | None = None
        self._rule = block.timing.rule()
        first = True
        for cell in block.cells:
            found = self._reuse.finished(cell, cell_key(cell, self._data))
            if found is not None or cell.extractor is None:
                row = None if found is not None else Cost(0.0, "nothing to learn")
                yield Planned(cell, self._data.name, _result(found), row=row)
                continue
            try:
                yield self._missing(cell, first)
            except Skipped as skipped:
                yield Planned(cell, self._data.name, "missing", note=f"will be skipped: {skipped}")
            except Exception as error:  # what fails here fails in the run too, as a row with its reason
                yield Planned(cell, self._data.name, "missing", note=f"cannot be probed: {error}")
            first = False

    def _missing(self, cell: Cell, first: bool) -> Planned:
        features = told_of_features(cell, self._data, self._records, self._rule)
        row = told_of_row(cell, self._data, self._records, self._rule)
        memory = memory_told(cell, self._data, self._records, self._base_mb)
        if features is None or row is None or memory is None:
            probe, cost = self._of_extractor(cell)
            features, row = features or cost, row or probe.row(cell)
            memory = memory or max(self._base_mb, _resident_mb() - probe.held_mb) + probe.row_mb(cell)
        there = self._is_kept(cell)
        return Planned(cell, self._data.name, "missing", features if first else None, row, memory, there)

    def _of_extractor(self, cell: Cell) -> tuple[Probe, Cost]:
        """Return the probe of a block's extractor, made once; what is wrong with it is said of each row."""
        if self._probed is None:
            assert cell.extractor is not None
            self._tell(f"probing {cell.extractor.label}")
            try:
                probe = Probe(cell, self._data, self._rule, self._warm)
                self._probed = probe, probe.features()
            except Exception as error:
                self._probed = error
        if isinstance(self._probed, Exception):
            raise self._probed
        return self._probed

    def _is_kept(self, cell: Cell) -> bool:
        assert cell.extractor is not None
        return self._cache is not None and kept(
            cell.extractor, self._data, cell.selection, cell.seed, self._cache
        )
