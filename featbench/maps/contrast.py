"""Brightness and contrast of a patch set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from featbench.base import FeatureMap
from featbench.numerics.namespace import namespace
from featbench.numerics.threads import kernel
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix

__all__ = ["Contrast"]


@dataclass(kw_only=True, eq=False, repr=False)
class Contrast(FeatureMap):
    """Each row less its mean and divided by its standard deviation: brightness and contrast set aside.

    Parameters
    ----------
    added : float, default=10.0
        Added to the variance, at least 0, so that the noise of flat patches stays small; 10 suits pixels from 0 to
        255.

    Notes
    -----
    A row becomes (x − mean) / √(variance + `added`), with the number of values in the denominator of the variance. With
    `added` 0 a row that does not vary becomes 0.

    References
    ----------
    A. Coates, H. Lee and A. Y. Ng, "An analysis of single-layer networks in unsupervised feature learning",
    AISTATS 2011, https://proceedings.mlr.press/v15/coates11a.html

    Examples
    --------
    >>> from featbench.maps import Contrast
    >>> Contrast(added=0).fit_transform([[10, 20], [5, 5]]).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """

    added: Annotated[float, Bounds(ge=0)] = 10.0
    keeps_columns: ClassVar[bool] = True

    def _n_out(self, d: int) -> int:
        return d

    def _map(self, X: FeatureMatrix) -> AnyArray:
        xp = namespace(X)
        if xp is np:
            rows = np.empty(X.shape, dtype=np.float32)
            _normalize(X, float(self.added), rows)
            return rows
        wide = xp.astype(X, xp.float64)
        wide = wide - xp.mean(wide, axis=1, keepdims=True)
        variance = xp.mean(wide * wide, axis=1, keepdims=True) + self.added
        mapped: AnyArray = wide / xp.sqrt(xp.where(variance > 0, variance, 1))
        return mapped


@kernel(any_order=True)
def _normalize(X: Any, added: float, mapped: Any) -> None:
    # In float64: squares of float32 numbers neither overflow nor vanish in it.
    n, d = X.shape
    for i in range(n):
        total = 0.0
        for j in range(d):
            total += np.float64(X[i, j])
        mean = total / d
        squares = 0.0
        for j in range(d):
            deviation = np.float64(X[i, j]) - mean
            squares += deviation * deviation
        variance = squares / d + added
        scale = 1 / np.sqrt(variance) if variance > 0 else 0.0
        for j in range(d):
            mapped[i, j] = np.float32((np.float64(X[i, j]) - mean) * scale)
