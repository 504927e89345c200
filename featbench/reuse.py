"""Which results of a folder are those that are asked for, and are not made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from featbench.config import Cell, EnsembleCell
from featbench.keys import cell_key, ensemble_key
from featbench.sealed import SealedDataset
from featbench.store import Store

__all__ = ["Reuse"]


@dataclass(frozen=True)
class Reuse:
    """Looks for results in a folder, as the flags of a run have it.

    Attributes
    ----------
    store : Store
    force : bool
        Whether every row is to be made again.
    retry_failed : bool
        Whether those are that failed.
    timeout_s : float or None
        The limit that rows have now.
    """

    store: Store
    force: bool = False
    retry_failed: bool = False
    timeout_s: float | None = None

    def finished(self, cell: Cell | EnsembleCell, key: str) -> dict[str, Any] | None:
        """Return the record that is there already where it has this key and is not to be made again."""
        if self.force:
            return None
        retry, limit = self.retry_failed, self.timeout_s
        return self.store.finished(cell.cell_id, key, retry_failed=retry, timeout_s=limit)

    def of_ensemble(self, cell: EnsembleCell, data: SealedDataset) -> dict[str, Any] | None:
        """Return the record of an ensemble, if the members that are still to be made turn out well."""
        there = [self.finished(member, cell_key(member, data)) for member in cell.members]
        return self.finished(cell, ensemble_key(cell, data, [_status(record) for record in there]))


def _status(record: Mapping[str, Any] | None) -> str:
    return "ok" if record is None else str(record["status"])
