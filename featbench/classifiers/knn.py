"""k nearest neighbours, exact; every k of a search out of one pass over the distances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.preprocessing import FunctionTransformer

from featbench.base import Classifier, Cost, Fold
from featbench.classifiers.inputs import new_rows, training_rows
from featbench.errors import InputError, Shown, must_be
from featbench.numerics.device_neighbors import DeviceNeighbors
from featbench.numerics.neighbors import Neighbors
from featbench.numerics.torch_device import torch_for
from featbench.parameters import Bounds, check_parameters
from featbench.types import AnyArray, Float64Array, Indices, Labels

__all__ = ["KNN"]

_ROWS = 4096

# Of two numbers at the same place in two rows: a product and a sum, all that L2 and cosine need beside sums that a row
# has by itself; difference, absolute value, sum; difference, square, sum, quotient, sum; the smaller, sum.
_OPERATIONS = {"l2": 2, "cosine": 2, "l1": 3, "chi2": 5, "intersection": 2}

# Made from the training rows alone, so neither parameters nor what was learnt: it is not saved, copied or pickled.
_PREPARED: WeakKeyDictionary[KNN, Neighbors] = WeakKeyDictionary()


@dataclass(kw_only=True, eq=False, repr=False)
class KNN(Classifier):
    """The majority among the k nearest training rows.

    Neighbours are exact and ordered by distance, then by their row in the training set. Of classes with
    equally many votes the first in sorted order wins, as in scikit-learn.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many neighbours vote; at most the number of training rows.
    metric : {"l2", "l1", "cosine", "chi2", "intersection"}, default="l2"
        Root of Σ (a − b)²; Σ |a − b|; 1 − the cosine of the angle; Σ (a − b)² / (a + b), not halved; and
        1 − Σ min(a, b) of rows divided by their sums. The last two are for histograms and refuse negative
        features. A row of zeros is at 1 from every row by cosine and intersection.
    weights : {"uniform", "distance", "kernel"}, default="uniform"
        What a neighbour's vote counts: one; one over its distance d, where those at distance 0, if there are any,
        alone vote; or exp(−(d / h)² / 2), a Gaussian whose width h is the distance of the farthest of the
        neighbours.
    device : {"cpu", "cuda"}, default="cpu"
        Where distances are sifted: ``"cuda"`` needs the extra ``cnn`` and a GPU. Neighbours and their distances,
        which float64 computes here in the end, are the same.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    X_ : ndarray of uint8, float32 or float64, (n, d)
        Training rows; uint8 where every value is an integer from 0 to 255.
    y_ : ndarray of int64, (n,)
        Index into `classes_` of each training row.

    References
    ----------
    T. Cover, P. Hart, Nearest neighbor pattern classification, IEEE Transactions on Information Theory 13
    (1967), 21-27. doi:10.1109/TIT.1967.1053964
    """

    n_neighbors: Annotated[int, Bounds(ge=1)] = 5
    metric: Literal["l2", "l1", "cosine", "chi2", "intersection"] = "l2"
    weights: Literal["uniform", "distance", "kernel"] = "uniform"
    device: Literal["cpu", "cuda"] = "cpu"

    default_search: ClassVar[Mapping[str, Sequence[Any]]] = {
        "n_neighbors": [1, 3, 5, 8, 10, 12, 15, 20, 50, 100]
    }

    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Remember the training rows.

        Parameters
        ----------
        X : array-like, (n, d)
            Finite numbers. uint8 stays uint8; so do floats that are all integers from 0 to 255, such as raw
            pixels, whose distances are then computed in integers.
        y : array-like, (n,)
            Labels.

        Returns
        -------
        KNN
            Itself.

        Raises
        ------
        InputError
            Bad parameters, rows or labels; more neighbours than rows; negative features for ``"chi2"`` and
            ``"intersection"``; ``device="cuda"`` without a GPU.
        MissingExtraError
            ``device="cuda"`` without torch.
        """
        self._check_device()
        X, self.classes_, self.y_ = training_rows(self, X, y)
        self._check_sign(X)
        self.X_ = _compact(X)
        self._check_count(self.n_neighbors)
        self._searcher().prepare()
        return self

    def kneighbors(self, X: AnyArray, n_neighbors: int | None = None) -> tuple[Float64Array, Indices]:
        """Find the nearest training rows.

        Parameters
        ----------
        X : array-like, (m, d)
            Rows; one that is in the training set is its own neighbour at distance 0.
        n_neighbors : int, optional
            How many, by default the parameter.

        Returns
        -------
        distances : ndarray of float64, (m, n_neighbors)
            Ascending.
        indices : ndarray of int64, (m, n_neighbors)
            Training rows; of equally near ones the smaller comes first.

        Raises
        ------
        NotFittedError, InputError, MissingExtraError
        """
        self._check_device()
        X = new_rows(self, X)
        count = self._check_count(self.n_neighbors if n_neighbors is None else n_neighbors)
        self._check_sign(X)
        return self._searcher().nearest(_compact(X), count)

    def predict_proba(self, X: AnyArray) -> Float64Array:
        """Return each class's share of the votes, ``(m, n_classes)``, columns as in `classes_`."""
        votes = self._votes(X)
        shares: Float64Array = votes / votes.sum(axis=1, keepdims=True)
        return shares

    def predict(self, X: AnyArray) -> AnyArray:
        """Return the label with most votes for each row, ``(m,)``."""
        winners = np.argmax(self._votes(X), axis=1)
        labels: AnyArray = self.classes_[winners]
        return labels

    def _votes(self, X: AnyArray) -> Float64Array:
        distances, indices = self.kneighbors(X)
        counts = [self.n_neighbors]
        return next(count_votes(distances, self.y_[indices], counts, self.weights, len(self.classes_)))

    def fit_path(
        self,
        X: AnyArray,
        y: AnyArray,
        candidates: Sequence[Mapping[str, Any]],
        folds: Sequence[Fold],
        preprocess: BaseEstimator | None = None,
    ) -> list[list[AnyArray]]:
        """Predict every fold's validation rows with every candidate's parameters; see `Classifier.fit_path`."""
        self._check_device()
        if preprocess is None or (isinstance(preprocess, FunctionTransformer) and preprocess.func is None):
            X = np.asarray(X)
            return super().fit_path(_compact(X) if X.dtype.kind == "f" else X, y, candidates, folds)
        return super().fit_path(X, y, candidates, folds, preprocess)

    def cost(self, n: int, shape: tuple[int, ...]) -> Cost:
        """Return the distances of each row from each training row, all read once; votes are left out."""
        d, itemsize = shape[0], self.X_.dtype.itemsize
        operations = float(n) * len(self.X_) * d * _OPERATIONS[self.metric]
        return Cost(operations, float(itemsize) * (len(self.X_) + n) * d + 8.0 * n)

    def refuses(self, candidate: Mapping[str, Any], n_rows: int) -> str | None:
        """Say that a candidate has more neighbours than a fold has training rows."""
        count = candidate.get("n_neighbors", self.n_neighbors)
        if count <= n_rows:
            return None
        return f"n_neighbors = {count}, more than the {n_rows} training rows of a fold"

    def _path(
        self, X: AnyArray, y: AnyArray, X_new: AnyArray, candidates: Sequence[Mapping[str, Any]]
    ) -> list[AnyArray]:
        """Find neighbours once for each metric, and let them vote for every k with both weights."""
        models = [clone(self).set_params(**candidate) for candidate in candidates]
        for model in models:
            check_parameters(model)
        predictions: dict[tuple[str, str, int], AnyArray] = {}
        for metric in dict.fromkeys(model.metric for model in models):
            group = [model for model in models if model.metric == metric]
            farthest = max(group, key=lambda model: model.n_neighbors).fit(X, y)
            distances, indices = farthest.kneighbors(X_new)
            labels, classes = farthest.y_[indices], farthest.classes_
            for weights in dict.fromkeys(model.weights for model in group):
                counts = sorted({model.n_neighbors for model in group if model.weights == weights})
                ballots = count_votes(distances, labels, counts, weights, len(classes))
                for count, votes in zip(counts, ballots, strict=True):
                    predictions[metric, weights, count] = classes[np.argmax(votes, axis=1)]
        return [predictions[model.metric, model.weights, model.n_neighbors] for model in models]

    def _searcher(self) -> Neighbors:
        """Return the training rows, prepared; anew where `fit` was not called here, as after loading."""
        prepared = _PREPARED.get(self)
        on_device = self.device == "cuda"
        made_for = None if prepared is None else (prepared.metric, isinstance(prepared, DeviceNeighbors))
        if prepared is None or prepared.given is not self.X_ or made_for != (self.metric, on_device):
            prepared = DeviceNeighbors(self.X_, self.metric) if on_device else Neighbors(self.X_, self.metric)
            _PREPARED[self] = prepared
        return prepared

    def _check_device(self) -> None:
        """Refuse a device that is not there before any row is looked at."""
        if self.device == "cuda":
            torch_for(self.device, "KNN")

    def _check_sign(self, X: AnyArray) -> None:
        if self.metric not in ("chi2", "intersection") or X.dtype == np.uint8 or X.min(initial=0) >= 0:
            return
        counts = (X < 0).sum(axis=0)
        columns = np.flatnonzero(counts)
        shown = ", ".join(f"column {c} ({counts[c]} rows)" for c in columns[:3])
        more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
        found = Shown(f"{counts.sum()} negative in {shown}{more}")
        constraint = f"nowhere negative for the metric {self.metric}, which compares histograms"
        remedy = "Leave out preprocessing that subtracts, or use another metric."
        raise InputError(must_be("KNN", "X", constraint, found, remedy))

    def _check_count(self, count: int) -> int:
        if not 1 <= count <= len(self.X_):
            constraint = f"from 1 to the number of training rows (n_samples = {len(self.X_)})"
            remedy = "Choose fewer neighbours, or fit to more rows."
            raise InputError(must_be("KNN", "n_neighbors", constraint, count, remedy))
        return count


def count_votes(
    distances: Float64Array, labels: Labels, counts: Sequence[int], weights: str, n_classes: int
) -> Iterator[Float64Array]:
    """Count the votes of the nearest neighbours, for several numbers of neighbours at once.

    Parameters
    ----------
    distances : ndarray of float64, (m, k)
        Ascending in each row.
    labels : ndarray of int64, (m, k)
        Class of each neighbour.
    counts : sequence of int
        Ascending, at most k.
    weights : {"uniform", "distance", "kernel"}
        As in `KNN`. With ``"distance"``, a vote counts as much as the nearest neighbour's distance over its
        own, which is one over its distance but cannot overflow.
    n_classes : int

    Yields
    ------
    ndarray of float64, (m, n_classes)
        Votes of the first ``counts[0]`` neighbours, then of the first ``counts[1]``, and so on. They are
        added from the nearest on, so that they do not depend on what else was asked for.
    """
    shares = np.ones_like(distances)
    if weights == "distance":
        first = distances[:, :1]
        shares = np.where(first > 0, first / np.where(distances > 0, distances, 1), distances == 0)
    votes = np.zeros((len(labels), n_classes))
    rows = np.arange(len(labels))
    counted = 0
    for count in counts:
        if weights == "kernel":
            width = distances[:, count - 1 : count]
            relative = distances[:, :count] / np.where(width > 0, width, 1)
            shares, counted = np.exp(-np.square(relative) / 2), 0
            votes[:] = 0
        for rank in range(counted, count):
            votes[rows, labels[:, rank]] += shares[:, rank]
        counted = count
        yield votes.copy()


def _compact(X: AnyArray) -> AnyArray:
    """Return floats that are all integers from 0 to 255 as uint8, whose distances are computed faster."""
    if X.dtype == np.uint8:
        return X
    compact = np.empty(X.shape, dtype=np.uint8)
    for start in range(0, len(X), _ROWS):
        part = slice(start, start + _ROWS)
        if X[part].min() < 0 or X[part].max() > 255:
            return X
        compact[part] = X[part]
        if not np.array_equal(compact[part], X[part]):
            return X
    return compact
