"""What happens to features between the extractor and the classifier; learnt on training rows alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler

from featbench.errors import UnknownNameError
from featbench.types import AnyArray

__all__ = ["PREPROCESSORS", "Standardize", "make_preprocess"]

_ROWS = 4096


class Standardize(StandardScaler):
    """scikit-learn's `StandardScaler`, learnt from blocks of rows.

    Statistics are float64 and rows keep their precision, as there; but the scaler of scikit-learn makes a
    float64 copy of all rows to learn from, eight times the memory of pixels. A constant column becomes 0.
    """

    def fit(self, X: AnyArray, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn mean and standard deviation of each column.

        Parameters
        ----------
        X : ndarray, (n, d)
            Training rows.
        y : None
            Ignored.
        sample_weight : ndarray, (n,), optional
            Weight of each row.

        Returns
        -------
        Standardize
            Itself.
        """
        if sample_weight is not None or not isinstance(X, np.ndarray) or len(X) <= _ROWS:
            return super().fit(X, y, sample_weight)  # type: ignore[no-any-return]
        self._reset()
        for start in range(0, len(X), _ROWS):
            self.partial_fit(X[start : start + _ROWS])
        return self


PREPROCESSORS: dict[str, Callable[[], BaseEstimator]] = {
    "standardize": Standardize,
    "center": lambda: Standardize(with_std=False),
    "l2": Normalizer,
    "none": FunctionTransformer,
}
"""By name: each column to mean 0 and variance 1; to mean 0; each row to length 1, rows of zeros staying as
they are; nothing."""


def make_preprocess(name: str) -> Any:
    """Construct the transformer of a name.

    Parameters
    ----------
    name : str
        One of `PREPROCESSORS`.

    Returns
    -------
    transformer
        Unfitted, of scikit-learn's kind; float32 rows stay float32.

    Raises
    ------
    UnknownNameError
        No preprocessing of that name; the message suggests the nearest.
    """
    if name not in PREPROCESSORS:
        raise UnknownNameError("preprocess", "preprocessing", name, PREPROCESSORS)
    return PREPROCESSORS[name]()
