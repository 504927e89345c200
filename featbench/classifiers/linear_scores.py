"""What classifiers with one row of weights a class share beyond their fit: losses by name, scores, labels."""

from __future__ import annotations

from functools import partial

import numpy as np

from featbench.base import Classifier, Cost
from featbench.classifiers.inputs import new_rows
from featbench.numerics import losses
from featbench.numerics.losses import LossAndGradient
from featbench.types import AnyArray, Float64Array

__all__ = ["LinearScores", "loss_named"]

_ROWS = 4096


def loss_named(loss: str, hinge: str) -> LossAndGradient:
    """Return a loss of `featbench.numerics.losses` as a function of scores and classes.

    Parameters
    ----------
    loss : str
        The function's name.
    hinge : {"plain", "squared"}
        Of no meaning for softmax.
    """
    if loss == "softmax":
        return losses.softmax
    return partial(getattr(losses, loss), squared=hinge == "squared")


class LinearScores(Classifier):
    """Labels by the highest of the scores ``W x + b``.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
    coef_ : ndarray of float64, (n_classes, d)
    intercept_ : ndarray of float64, (n_classes,)
    """

    def decision_function(self, X: AnyArray) -> Float64Array:
        """Return the scores of each row.

        Parameters
        ----------
        X : array-like, (m, d)

        Returns
        -------
        ndarray of float64, (m, n_classes) or (m,)
            For two classes, as in scikit-learn, one number a row: the second class's score minus the
            first's.
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: AnyArray) -> AnyArray:
        """Return the label with the highest score for each row, ``(m,)``; of equals the first."""
        winners = np.argmax(self._scores(X), axis=1)
        labels: AnyArray = self.classes_[winners]
        return labels

    def cost(self, n: int, shape: tuple[int, ...]) -> Cost:
        """Return the product of rows, in float32, and weights, the biases, and the comparisons of scores."""
        d, n_classes = shape[0], len(self.classes_)
        operations = float(n) * (2 * d * n_classes + n_classes + n_classes - 1)
        return Cost(operations, 4.0 * n * d + 8.0 * n_classes * (d + 1) + 8.0 * n)

    def _scores(self, X: AnyArray) -> Float64Array:
        """Return scores in float64, block by block, so that no copy of all rows is made."""
        X = new_rows(self, X)
        scores: Float64Array = np.empty((len(X), len(self.coef_)))
        for start in range(0, len(X), _ROWS):
            part = slice(start, start + _ROWS)
            scores[part] = X[part].astype(np.float64, copy=False) @ self.coef_.T
        scores += self.intercept_
        return scores
