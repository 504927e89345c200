"""Which cross-validations can share one fit to all rows, and their rows in the order that this wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from featbench.base import Fold
from featbench.types import AnyArray, Indices

__all__ = ["SharedFolds"]

_LEAST = 3  # folds; with two, the fit to all rows costs as much as it saves


@dataclass(frozen=True)
class SharedFolds:
    """A cross-validation whose folds each leave out one part of the rows and learn from all others.

    Attributes
    ----------
    order : ndarray of int64, (n,)
        Rows, part after part.
    parts : list of slice
        Of the ordered rows: what each fold is judged on.
    """

    order: Indices
    parts: list[slice]

    @classmethod
    def of(cls, folds: Sequence[Fold], y: AnyArray) -> SharedFolds | None:
        """Return the cross-validation, or None where folds are otherwise or one lacks a class."""
        n = len(y)
        order = np.concatenate([fold.validation for fold in folds])
        if len(folds) < _LEAST or not np.array_equal(np.sort(order), np.arange(n)):
            return None
        labels, codes = np.unique(y, return_inverse=True)
        counts = np.bincount(codes)
        for fold in folds:
            left_out = np.bincount(codes[fold.validation], minlength=len(labels))
            rest = np.ones(n, dtype=bool)
            rest[fold.validation] = False
            if np.any(left_out == counts) or not np.array_equal(np.sort(fold.train), np.flatnonzero(rest)):
                return None
        edges = np.cumsum([0, *(len(fold.validation) for fold in folds)])
        return cls(order, [slice(int(a), int(b)) for a, b in pairwise(edges)])

    def prepare(self, X: AnyArray, preprocess: Any) -> tuple[AnyArray, bool] | None:
        """Return the ordered rows, prepared as a whole, and whether folds would divide their columns otherwise.

        None where a fold's preprocessing is more than a shift and a scale of the whole's columns. A shift needs
        no care: the bias takes it up.
        """
        same = preprocess is None or isinstance(preprocess, Normalizer)
        same |= isinstance(preprocess, FunctionTransformer) and preprocess.func is None
        if not (same or isinstance(preprocess, StandardScaler)):
            return None
        rows = X[self.order]
        if preprocess is not None:
            own = clone(preprocess)
            if "copy" in own.get_params():
                own.set_params(copy=False)  # the ordered rows are a copy already
            rows = own.fit_transform(rows)
        return rows, not same and preprocess.with_std
