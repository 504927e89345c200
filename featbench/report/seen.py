"""What the rows of a data set have kept to be looked at: judged images, evidence, thumbnails of one split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from featbench.report.failures import Judged, judged_rows
from featbench.report.summary import DatasetSummary
from featbench.store import Store
from featbench.text import clipped
from featbench.thumbnails import Thumbnails, read_thumbnails, thumbnail_file
from featbench.types import AnyArray

__all__ = ["Row", "Seen", "seen_of"]

_ROWS = 100  # whose evidence a page shows: some 10 kB each, images apart


@dataclass(frozen=True, eq=False)
class Row:
    """One row with what it has kept.

    Attributes
    ----------
    name : str
        Unlike every other's.
    extractor : str
        Its label's first part, which rows on the same features share.
    judged : Judged
    arrays : mapping of str to ndarray
        Of the evidence; empty where none was kept.
    """

    name: str
    extractor: str
    judged: Judged
    arrays: Mapping[str, AnyArray] = field(default_factory=dict)

    @property
    def told(self) -> Mapping[str, Any]:
        """What the record says of the evidence."""
        return self.judged.record.get("evidence") or {}


@dataclass(frozen=True, eq=False)
class Seen:
    """The rows that judged the images which the recommended row judged first.

    Attributes
    ----------
    rows : tuple of Row
        The recommended one first, then the others in the report's order.
    thumbnails : Thumbnails
        Of the same split; empty where none were kept, or none may be shown.
    classes : tuple of str
    images : bool
        Whether images of the data set may be shown.
    """

    rows: tuple[Row, ...]
    thumbnails: Thumbnails
    classes: tuple[str, ...]
    images: bool

    @property
    def with_evidence(self) -> list[Row]:
        """The rows that have kept evidence: the first of each extractor, then the others."""
        firsts: dict[str, Row] = {}
        rows = [row for row in self.rows if row.arrays]
        for row in rows:
            firsts.setdefault(row.extractor, row)
        return [*firsts.values(), *(row for row in rows if firsts[row.extractor] is not row)]


def seen_of(dataset: DatasetSummary, store: Store, *, images: bool = True) -> Seen:
    """Read what rows have kept, each of its first finished cell.

    Parameters
    ----------
    dataset : DatasetSummary
    store : Store
    images : bool, optional
        Whether images of the data set may be shown.

    Returns
    -------
    Seen
        Without rows where none was judged.

    Raises
    ------
    StoreError
        A file of predictions is damaged.
    """
    classes = tuple(dataset.data.get("classes") or ())
    lines = [line for line in dataset.lines if line.done and not line.is_baseline]
    lines.sort(key=lambda line: not line.recommended)
    names = clipped((line.label for line in lines), 90)
    named = {str(line.done[0]["cell_id"]): name for line, name in zip(lines, names, strict=True)}
    judged = judged_rows(store, [line.done[0] for line in lines])
    here = [row for row in judged if _split(row.record) == _split(judged[0].record)]
    rows = []
    for place, row in enumerate(here):
        arrays = row.evidence if place < _ROWS else {}
        extractor = str(row.record.get("extractor") or row.record["label"])
        rows.append(Row(named[str(row.record["cell_id"])], extractor, row, arrays))
    found = read_thumbnails(thumbnail_file(store.root, here[0].record)) if images and here else {}
    return Seen(tuple(rows), found, classes, images)


def _split(record: Mapping[str, Any]) -> Sequence[Any]:
    return [
        record["data"].get("fingerprint"),
        record.get("split"),
        record.get("seed"),
        record.get("train_size"),
    ]
