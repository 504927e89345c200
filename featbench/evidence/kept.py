"""Which images of a split are kept as thumbnails, and their making."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from featbench.images import ImageBatch, chunks, take
from featbench.report.failures import MISSED, MISTAKES, Judged, judged_rows, missed_by_all, mistakes
from featbench.sealed import SealedDataset
from featbench.store import Store
from featbench.thumbnails import Thumbnails, encoded, read_thumbnails, thumbnail_file, write_thumbnails

__all__ = ["MOST", "keep_thumbnails", "wanted_thumbnails"]

MOST = 600
"""Thumbnails of a split: about 0.8 MB at 64 × 64, 0.4 MB at 32 × 32."""

RIGHT = 12  # images that most rows get right, for comparison
_AT_ONCE = 64  # images that are decoded at once

_Key = tuple[str, int]


def keep_thumbnails(store: Store, data: SealedDataset, cell_ids: Sequence[str]) -> None:
    """Write the thumbnails of a split whose rows are done, unless those that are wanted are there.

    That it cannot be done is a warning: a run without them is whole, and the next one tries again.

    Parameters
    ----------
    store : Store
    data : SealedDataset
        Its test labels are not asked for: what rows got wrong is stored with them.
    cell_ids : sequence of str
        The cells of the split; those that were not judged are passed over.
    """
    try:
        _keep(store, data, cell_ids)
    except Exception as error:
        warnings.warn(f"thumbnails of {data.name}: {type(error).__name__}: {error}", stacklevel=2)


def _keep(store: Store, data: SealedDataset, cell_ids: Sequence[str]) -> None:
    records = [record for name in cell_ids if (record := store.read_cell(name)) is not None]
    done = [record for record in records if record["status"] == "ok" and record["extractor"]]
    if not done or data.test_labels.closed:
        return
    path = thumbnail_file(store.root, done[0])
    wanted = wanted_thumbnails(judged_rows(store, done))
    there = read_thumbnails(path)
    if not set(wanted) <= set(there):
        write_thumbnails(path, _made(data, wanted, there))


def wanted_thumbnails(rows: Sequence[Judged]) -> list[_Key]:
    """Return part and row of the images to keep, the most wanted first, `MOST` of them at the most.

    Parameters
    ----------
    rows : sequence of Judged
        Of one split.

    Returns
    -------
    list of (str, int)
    """
    evidence = [row.evidence for row in rows]
    right = np.sum([row.right for row in rows], axis=0) if rows else np.empty(0)
    best = np.argsort(-right, kind="stable")[:RIGHT]
    orders: list[Iterable[_Key]] = [
        _in_turn([_of("test", e.get("queries", ())) for e in evidence[:1]]),
        _in_turn([_of("test", e.get("occluded", ())) for e in evidence]),
        _of("train", evidence[0].get("pictured", ()) if evidence else ()),
        _of("test", missed_by_all(rows)[:MISSED]),
        _in_turn([_of("test", mistakes(row, MISTAKES)) for row in rows]),
        _of("test", best),
        _in_turn([_of("train", e.get("near_pixels", np.empty(0)).ravel()) for e in evidence]),
        _in_turn([_of("test", e.get("mapped", ())) for e in evidence[:1]]),
        _in_turn([_of("train", e.get("near_features", np.empty(0)).ravel()) for e in evidence]),
    ]
    return list(dict.fromkeys(key for order in orders for key in order))[:MOST]


def _of(part: str, rows: Iterable[Any]) -> list[_Key]:
    return [(part, int(row)) for row in rows]


def _in_turn(lists: Sequence[Sequence[_Key]]) -> Iterator[_Key]:
    """Yield the first of each list, then the second of each, so that no row takes the place of another."""
    for group in zip_longest(*lists):
        yield from (key for key in group if key is not None)


def _made(data: SealedDataset, wanted: Sequence[_Key], there: Thumbnails) -> Thumbnails:
    made: Thumbnails = {key: there[key] for key in wanted if key in there}
    parts: dict[str, ImageBatch] = {"train": data.train.images, "test": data.test_images}
    for part, images in parts.items():
        rows = np.asarray(sorted(row for of, row in wanted if of == part and (of, row) not in made), np.int64)
        read = (image for chunk in chunks(take(images, rows), _AT_ONCE) for image in chunk)
        made |= {(part, row): encoded(image) for row, image in zip(rows.tolist(), read, strict=True)}
    return made
