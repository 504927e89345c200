"""What stored predictions say of a row, image by image, and a paired test of two rows that judged the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featbench.stats import PairedTest, paired_test
from featbench.store import Store
from featbench.types import Groups, Indices, Labels

__all__ = ["Right", "compared", "right_of"]


@dataclass(frozen=True)
class Right:
    """How often a row is right on each test image.

    Attributes
    ----------
    hits : ndarray of int, (n,)
        Over the seeds that judged the image; those of several splits one after another.
    truth : ndarray of int, (n,)
        The true classes.
    groups : ndarray of int, (n,), or None
        Equal where images belong together; None where images are independent.
    cells : tuple of (str, int, int)
        The images' fingerprint, split and seed of each cell.
    """

    hits: Indices
    truth: Labels
    groups: Groups | None
    cells: tuple[tuple[str, int, int], ...]

    @property
    def accuracy(self) -> float:
        """The mean over images and seeds."""
        return float(self.hits.sum() / (len(self.hits) * len({seed for _, _, seed in self.cells})))

    def same_images(self, other: Right) -> bool:
        """Tell whether both judged the same images as often, in the same order."""
        return self.cells == other.cells and np.array_equal(self.truth, other.truth)


def compared(first: Right, second: Right, n_tests: int = 1) -> PairedTest:
    """Test two rows on the same images; see `featbench.stats.paired_test`."""
    return paired_test(first.hits, second.hits, first.groups, n_tests)


def right_of(store: Store, records: Sequence[Mapping[str, Any]]) -> Right | None:
    """Read how often a row is right on each test image.

    Parameters
    ----------
    store : Store
        Where the cells lie; only read.
    records : sequence of dict
        The finished cells of one row.

    Returns
    -------
    Right or None
        None where a paired test cannot be made: no predictions or no labels are there, images come in groups that an
        older version has not kept, or several seeds each drew splits of their own, so that an image counts twice.

    Raises
    ------
    StoreError
        A file is damaged.
    """
    if not records:
        return None
    by_images: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    cells = sorted((str(r["data"].get("fingerprint")), r["split"], r["seed"]) for r in records)
    for record in sorted(records, key=lambda r: (r["split"], r["seed"])):
        images = str(record["data"].get("fingerprint")), record["split"]
        by_images.setdefault(images, []).append(record)
    if len(by_images) > 1 and len({seed for _, _, seed in cells}) > 1:
        return None
    parts = [_of_images(store, by_images[images]) for images in sorted(by_images)]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts) or len({part.groups is None for part in found}) > 1:
        return None
    return Right(
        hits=np.concatenate([part.hits for part in found]),
        truth=np.concatenate([part.truth for part in found]),
        groups=_apart([part.groups for part in found if part.groups is not None]),
        cells=tuple(cells),
    )


def _of_images(store: Store, records: Sequence[Mapping[str, Any]]) -> Right | None:
    """Read the cells that judged the same images, with different seeds."""
    truth: Labels | None = None
    hits: Indices = np.zeros(0, dtype=np.int64)
    groups: Groups | None = None
    for record in records:
        arrays = store.read_arrays(record)
        grouped = (record.get("scores") or {}).get("interval") != "wilson"
        if "predictions" not in arrays or "truth" not in arrays or (grouped and "groups" not in arrays):
            return None
        right = (arrays["predictions"] == arrays["truth"]).astype(np.int64)
        if truth is not None and not np.array_equal(truth, arrays["truth"]):
            return None
        hits = right if truth is None else hits + right
        truth, groups = arrays["truth"], arrays["groups"] if grouped else None
    assert truth is not None
    return Right(hits, truth, groups, ())


def _apart(groups: Sequence[Groups]) -> Groups | None:
    """Give the groups of several splits numbers of their own; none has images in two of them."""
    if not groups:
        return None
    numbered, start = [], 0
    for part in groups:
        _, members = np.unique(part, return_inverse=True)
        numbered.append(members + start)
        start += int(members.max()) + 1
    return np.concatenate(numbered).astype(np.int64)
