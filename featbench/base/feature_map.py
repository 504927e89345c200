"""What a feature map is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from featbench.errors import InputError, Shown, must_be
from featbench.numerics.blas import serial_blas
from featbench.numerics.threads import spread
from featbench.parameters import check_parameters
from featbench.saved import load_plugin, save_plugin
from featbench.types import AnyArray, FeatureMatrix

__all__ = ["FeatureMap", "check_rows"]

# Numbers in the wider side of a block of rows: a few megabytes in each of a map's temporary arrays, and
# rows enough for a matrix product to run at speed.
_BLOCK = 2**21


class FeatureMap(TransformerMixin, BaseEstimator, ABC):
    """Feature rows in, feature rows out: what may stand between an extractor and a classifier.

    A subclass implements `_n_out` and `_map`, `_fit` where it learns something, and `_admit` where it is not
    defined for all rows; it never reads labels. The base class hands `_map` blocks of rows, spread over the
    threads with BLAS kept to one, so that the result does not depend on their number.

    Attributes
    ----------
    keeps_columns : bool
        Whether a column means after the map what it meant before.
    n_features_in_, n_features_out_ : int
        Length of a row before and after.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    keeps_columns: ClassVar[bool] = False

    @property
    def learns(self) -> bool:
        """Whether `fit` looks at more than the length of rows."""
        return type(self)._fit is not FeatureMap._fit

    def fit(self, X: FeatureMatrix, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Learn from training rows; many maps only fix the length.

        Parameters
        ----------
        X : ndarray of float32, (n, d)
            Finite; n may be 0 where the map does not learn.
        y : None
            Ignored.

        Returns
        -------
        FeatureMap
            Itself.

        Raises
        ------
        InputError
            Bad parameters, or rows that the map is not defined for or cannot learn from.
        """
        name = type(self).__name__
        check_parameters(self)
        X = check_rows(X, name)
        self._admit(X)
        if self.learns and not len(X):
            raise InputError(must_be(name, "training rows", "one or more", Shown("none")))
        n_out = self._n_out(X.shape[1])
        self._fit(X)
        self.n_features_in_: int = X.shape[1]
        self.n_features_out_: int = n_out
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
            Rows of another length, that the map is not defined for, or whose image float32 cannot hold.
        """
        name = type(self).__name__
        self._check_fitted("transform")
        X = check_rows(X, name)
        if X.shape[1] != self.n_features_in_:
            constraint = f"as long as those seen by fit, {self.n_features_in_} numbers"
            raise InputError(must_be(name, "rows", constraint, Shown(f"{X.shape[1]} numbers")))
        self._admit(X)
        mapped = np.empty((len(X), self.n_features_out_), dtype=np.float32)
        # The blocks follow from the lengths alone: the same ones on any number of threads.
        size = min(max(_BLOCK // max(mapped.shape[1], X.shape[1], 1), 16), 4096)

        def work(start: int, stop: int) -> None:
            for first in range(start * size, min(stop * size, len(X)), size):
                block = slice(first, first + size)
                with np.errstate(over="ignore", invalid="ignore"):
                    mapped[block] = self._map(X[block])
                if not np.isfinite(mapped[block]).all():
                    remedy = "Bring them to length 1 first, with the map l2."
                    got = Shown("rows that it maps beyond float32")
                    raise InputError(must_be(name, "rows", "of moderate size", got, remedy))

        with serial_blas():
            spread(work, -(-len(X) // size))
        return mapped

    def get_feature_names_out(self, input_features: Any = None) -> AnyArray:
        """Return k names: those of the rows where each stays what it was, otherwise ``pca0`` and so on."""
        if input_features is not None and self.keeps_columns:
            return np.asarray(input_features, dtype=object)
        prefix = type(self).__name__.lower()
        return np.asarray([f"{prefix}{i}" for i in range(self.n_features_out_)], dtype=object)

    def save(self, folder: str | Path) -> None:
        """Write the fitted map into a folder, as JSON and arrays.

        Parameters
        ----------
        folder : path
            Made where it is missing; what was saved there before is replaced.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            It holds an object of a class that is not registered.
        StoreError
            The folder cannot be written.
        """
        self._check_fitted("save")
        save_plugin(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a map that `save` wrote; nothing in the folder is executed.

        Parameters
        ----------
        folder : path

        Returns
        -------
        FeatureMap
            Fitted, of this class; ``FeatureMap.load`` takes any registered one.

        Raises
        ------
        StoreError
            No saved map is there, it is damaged, or it is of another class.
        """
        return load_plugin(Path(folder), cls)

    def _check_fitted(self, method: str) -> None:
        if not hasattr(self, "n_features_in_"):
            raise NotFittedError(f"{type(self).__name__}: {method} was called before fit. Call fit(X) first.")

    @abstractmethod
    def _n_out(self, d: int) -> int:
        """Return k for rows of length d; raise `InputError` where they are too short."""

    @abstractmethod
    def _map(self, X: FeatureMatrix) -> AnyArray:
        """Map a block of rows of the right length; a new array."""

    def _fit(self, X: FeatureMatrix) -> None:
        """Learn from training rows, one or more."""

    def _admit(self, X: FeatureMatrix) -> None:
        """Refuse rows that the map is not defined for."""


def check_rows(X: Any, where: str) -> FeatureMatrix:
    """Accept finite feature rows as float32, or say what is wrong with them.

    Raises
    ------
    InputError
        Not of two axes, or values that are not finite, with their number and first columns.
    """
    X = np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "fiu" or not X.shape[1]:
        constraint = "numbers of shape (n, d), d ≥ 1"
        raise InputError(must_be(where, "rows", constraint, Shown(f"{X.dtype} {X.shape}")))
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(X, dtype=np.float32)
    size = max(_BLOCK // rows.shape[1], 1)
    if all(np.isfinite(rows[i : i + size]).all() for i in range(0, len(rows), size)):
        return rows
    bad = ~np.isfinite(rows)
    columns = ", ".join(map(str, np.flatnonzero(bad.any(axis=0))[:5]))
    got = Shown(f"{int(bad.sum())} values that are not, in columns {columns}")
    raise InputError(must_be(where, "rows", "finite", got))
