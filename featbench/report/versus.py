"""Every row beside the recommended one: how far apart they are on the same test images, and whether by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from featbench.report.right import Right, compared, right_of
from featbench.stats import LEVEL, PairedTest, holm
from featbench.store import Store

__all__ = ["Versus", "beside"]


@dataclass(frozen=True)
class Versus:
    """A row beside the recommended one.

    Attributes
    ----------
    difference : float
        Of the test accuracies: this row's less the recommended one's.
    test : PairedTest
        Of this row by itself.
    adjusted : float
        The p-value after Holm's correction for all rows that stand beside the recommended one.
    n_tests : int
        How many rows these are.
    n_images : int
        Test images, each counted once.
    n_groups : int or None
        Of the images; None where they are independent.
    """

    difference: float
    test: PairedTest
    adjusted: float
    n_tests: int
    n_images: int
    n_groups: int | None

    @property
    def tie(self) -> bool:
        """Whether the two cannot be told apart."""
        return self.adjusted >= LEVEL

    def to_json(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {
            "difference": self.difference,
            "test": self.test.method,
            "p_value": self.test.p_value,
            "p_adjusted": self.adjusted,
            "tie": self.tie,
            "n_tests": self.n_tests,
            "n_images": self.n_images,
            "n_groups": self.n_groups,
        }


def beside(
    store: Store,
    recommended: Sequence[Mapping[str, Any]],
    others: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, Versus]:
    """Test each row against the recommended one.

    Parameters
    ----------
    store : Store
        Where the predictions lie; only read.
    recommended : sequence of dict
        The finished cells of the recommended row.
    others : mapping of str to sequence of dict
        Those of the other rows.

    Returns
    -------
    dict of str to Versus
        The rows that judged the same images with the same splits and seeds.

    Raises
    ------
    StoreError
        A file is damaged.
    """
    best = right_of(store, recommended)
    if best is None:
        return {}
    found: dict[str, Right] = {}
    for label, records in others.items():
        row = right_of(store, records)
        if row is not None and row.same_images(best):
            found[label] = row
    tests = {label: compared(best, row, len(found)) for label, row in found.items()}
    adjusted = holm([test.p_value for test in tests.values()])
    n_groups = None if best.groups is None else len(set(best.groups.tolist()))
    return {
        label: Versus(
            found[label].accuracy - best.accuracy, test, float(p), len(found), len(best.hits), n_groups
        )
        for (label, test), p in zip(tests.items(), adjusted, strict=True)
    }
