"""What a feature map is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from featbench.errors import InputError, Shown, must_be
from featbench.parameters import check_parameters
from featbench.types import AnyArray, FeatureMatrix

__all__ = ["FeatureMap", "check_rows"]


class FeatureMap(TransformerMixin, BaseEstimator, ABC):
    """Feature rows in, feature rows out: what may stand between an extractor and a classifier.

    A subclass implements `_n_out` and `_map`, and `_fit` where it learns something; it never reads labels.

    Attributes
    ----------
    n_features_in_, n_features_out_ : int
        Length of a row before and after.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}

    def fit(self, X: FeatureMatrix, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn from training rows; many maps only fix the length.

        Parameters
        ----------
        X : ndarray of float32, (n, d)
            Finite.
        y : None
            Ignored.

        Returns
        -------
        FeatureMap
            Itself.

        Raises
        ------
        InputError
            Bad parameters, or rows that the map is not defined for.
        """
        check_parameters(self)
        X = check_rows(X, type(self).__name__)
        self.n_features_in_ = X.shape[1]
        self.n_features_out_ = self._n_out(X.shape[1])
        self._fit(X)
        return self

    def transform(self, X: FeatureMatrix) -> FeatureMatrix:
        """Map rows.

        Parameters
        ----------
        X : ndarray of float32, (n, d)
            n may be 0.

        Returns
        -------
        ndarray of float32, (n, k)
            C-contiguous, finite; row i depends on row i alone.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            Rows of another length, or that the map is not defined for.
        """
        name = type(self).__name__
        if not hasattr(self, "n_features_in_"):
            raise NotFittedError(f"{name}: transform was called before fit. Call fit(X) first.")
        X = check_rows(X, name)
        if X.shape[1] != self.n_features_in_:
            constraint = f"as long as those seen by fit, {self.n_features_in_} numbers"
            raise InputError(must_be(name, "rows", constraint, Shown(f"{X.shape[1]} numbers")))
        if not len(X):
            return np.empty((0, self.n_features_out_), dtype=np.float32)
        return np.ascontiguousarray(self._map(X), dtype=np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> AnyArray:
        """Return k names: those of the rows where each stays what it was, otherwise ``pca0`` and so on."""
        if input_features is not None and self.n_features_out_ == self.n_features_in_ and self.keeps_columns:
            return np.asarray(input_features, dtype=object)
        prefix = type(self).__name__.lower()
        return np.asarray([f"{prefix}{i}" for i in range(self.n_features_out_)], dtype=object)

    keeps_columns: ClassVar[bool] = False

    @abstractmethod
    def _n_out(self, d: int) -> int:
        """Return k for rows of length d."""

    @abstractmethod
    def _map(self, X: FeatureMatrix) -> AnyArray:
        """Map at least one row of the right length; a new array."""

    def _fit(self, X: FeatureMatrix) -> None:
        """Learn from training rows."""


def check_rows(X: Any, where: str) -> FeatureMatrix:
    """Accept finite feature rows as float32, or say what is wrong with them.

    Raises
    ------
    InputError
        Not of two axes, or values that are not finite, with their number and first columns.
    """
    X = np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "fiu":
        raise InputError(must_be(where, "rows", "numbers of shape (n, d)", Shown(f"{X.dtype} {X.shape}")))
    rows = np.ascontiguousarray(X, dtype=np.float32)
    bad = ~np.isfinite(rows)
    if bad.any():
        columns = ", ".join(map(str, np.flatnonzero(bad.any(axis=0))[:5]))
        got = Shown(f"{int(bad.sum())} values that are not, in columns {columns}")
        raise InputError(must_be(where, "rows", "finite", got))
    return rows
