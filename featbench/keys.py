"""What a stored result must have been made of to be taken for the one that is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from featbench.config import Cell, Component, EnsembleCell
from featbench.environment import code_fingerprint, source_fingerprint, versions
from featbench.sealed import SealedDataset

__all__ = ["cell_key", "ensemble_key", "files_of"]


def cell_key(cell: Cell, data: SealedDataset) -> str:
    """Return a hash of all that a result is made of: what is asked, images, code, libraries."""
    made_of = {
        "spec": cell.spec(),
        "name": data.name,
        "data": data.summary["fingerprint"],
        "code": code_fingerprint(),
        "versions": versions(),
        "plugins": [source_fingerprint(c.cls) for c in (cell.extractor, cell.classifier) if c],
    }
    files = files_of(cell.extractor) if cell.extractor else []
    return _hash({**made_of, "files": files} if files else made_of)


def files_of(extractor: Component) -> list[str]:
    """Return a hash of each file that an extractor, or one that it is made of, reads beside images."""
    told = getattr(extractor.cls, "written_files", lambda _: None)(extractor.params)
    return [*([told] if told else []), *(name for part in extractor.parts for name in files_of(part))]


def ensemble_key(cell: EnsembleCell, data: SealedDataset, statuses: Sequence[str]) -> str:
    """Return a hash of all that an ensemble is made of: its members, and what became of them."""
    members = [cell_key(member, data) for member in cell.members]
    return _hash({"spec": cell.spec(), "members": members, "statuses": list(statuses)})


def _hash(made_of: Any) -> str:
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
