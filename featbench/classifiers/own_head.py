"""What an extractor with a classifier of its own says of images, as a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from featbench.base import Classifier
from featbench.classifiers.inputs import new_rows, training_rows
from featbench.errors import InputError, Shown, must_be
from featbench.types import AnyArray

__all__ = ["HighestScore"]


@dataclass(kw_only=True, eq=False, repr=False)
class HighestScore(Classifier):
    """The class with the highest score, of rows that are scores: an extractor's own classifier, end to end.

    In an experiment it stands behind an extractor that has one, such as `cnn`, whose `scores` it gets in the place of
    features, without preprocessing; behind another the row is skipped. It learns nothing.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels; column j of a row is the score of the jth.

    Examples
    --------
    >>> import numpy as np
    >>> from featbench.classifiers import HighestScore
    >>> scores = np.array([[2.0, -1.0], [0.5, 0.75]])
    >>> HighestScore().fit(scores, ["cat", "dog"]).predict(scores).tolist()
    ['cat', 'dog']
    """

    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Learn which classes there are.

        Parameters
        ----------
        X : array-like, (n, n_classes)
            Scores.
        y : array-like, (n,)
            Labels, of each class one at the least.

        Returns
        -------
        HighestScore
            Itself.

        Raises
        ------
        InputError
            Not one column a class.
        """
        X, self.classes_, _ = training_rows(self, X, y)
        if X.shape[1] != len(self.classes_):
            constraint = f"scores, one column for each of {len(self.classes_)} classes"
            remedy = "It stands behind an extractor that scores classes itself, such as cnn."
            got = Shown(f"{X.shape[1]} columns")
            raise InputError(must_be("HighestScore", "X", constraint, got, remedy))
        return self

    def predict(self, X: AnyArray) -> AnyArray:
        """Return the label with the highest score for each row, ``(m,)``; of equals the first."""
        rows = new_rows(self, X)
        labels: AnyArray = self.classes_[rows.argmax(axis=1)]
        return labels

    def decision_function(self, X: AnyArray) -> AnyArray:
        """Return the scores; for two classes, as in scikit-learn, the second class's minus the first's, ``(m,)``."""
        rows: AnyArray = np.asarray(new_rows(self, X), dtype=np.float64)
        return rows[:, 1] - rows[:, 0] if rows.shape[1] == 2 else rows
