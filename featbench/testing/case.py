"""What a law looks at, and the list of laws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import clone

from featbench.types import AnyArray, ImageArray

__all__ = ["LAWS", "Case", "law"]

# What a matrix product may do to a row when other rows stand beside it: BLAS sums in another order.
_RELATIVE = 1e-5


@dataclass(frozen=True)
class Case:
    """An unfitted extractor, and images to check it with."""

    extractor: Any
    images: ImageArray
    exact: bool

    @property
    def labels(self) -> AnyArray:
        """Labels of two classes, taking turns."""
        return np.arange(len(self.images)) % 2

    def fitted(self) -> Any:
        """Return a fitted clone."""
        return clone(self.extractor).fit(self.images, self.labels)

    def features(self) -> AnyArray:
        """Return the features of all images, from a fresh clone."""
        features: AnyArray = self.fitted().transform(self.images)
        return features

    def equal(self, a: AnyArray, b: AnyArray) -> bool:
        """Tell whether two sets of features are the same, as far as they must be."""
        if self.exact or a.shape != b.shape:
            return np.array_equal(a, b)
        return bool(np.abs(a - b).max(initial=0) <= _RELATIVE * np.abs(a).max(initial=0))


Law: TypeAlias = Callable[[Case], str | None]

# A law looks at a case and returns how it is broken, or None.
LAWS: dict[str, Law] = {}


def law(sentence: str) -> Callable[[Law], Law]:
    """Put a law on the list, under the sentence that says it."""

    def register(check: Law) -> Law:
        LAWS[sentence] = check
        return check

    return register
