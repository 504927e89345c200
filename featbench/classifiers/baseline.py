"""What every table starts with: guessing, and the most frequent class."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np

from featbench.base import Classifier
from featbench.classifiers.inputs import new_rows, training_rows
from featbench.parameters import Bounds
from featbench.types import AnyArray, Float64Array

__all__ = ["Chance", "Majority"]


@dataclass(kw_only=True, eq=False, repr=False)
class Chance(Classifier):
    """Guesses, every class equally often.

    The guess for a row is drawn from its bytes and the seed, so that it does not depend on the rows beside
    it; of equal rows in a batch, the second gets a draw of its own, and so on.

    Parameters
    ----------
    random_state : int, default=0
        Seed of the guesses.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    """

    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Learn which classes there are.

        Parameters
        ----------
        X : array-like, (n, d)
            Checked, not used.
        y : array-like, (n,)
            Labels.

        Returns
        -------
        Chance
            Itself.
        """
        _, self.classes_, _ = training_rows(self, X, y)
        return self

    def predict(self, X: AnyArray) -> AnyArray:
        """Guess a label for each row, ``(m,)``."""
        seed = str(self.random_state).encode()
        seen: Counter[bytes] = Counter()
        draws = []
        for row in new_rows(self, X):
            digest = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
            draw = hashlib.blake2b(digest + seen[digest].to_bytes(8), digest_size=8, key=seed).digest()
            draws.append(int.from_bytes(draw) % len(self.classes_))
            seen[digest] += 1
        return self.classes_[np.array(draws, dtype=np.int64)]

    def predict_proba(self, X: AnyArray) -> Float64Array:
        """Return the same probability for every class, ``(m, n_classes)``."""
        n_classes = len(self.classes_)
        return np.full((len(new_rows(self, X)), n_classes), 1 / n_classes)


@dataclass(kw_only=True, eq=False, repr=False)
class Majority(Classifier):
    """Always says the most frequent training label; of equally frequent ones the first in sorted order.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    frequencies_ : ndarray of float64, (n_classes,)
        Share of each class among the training labels.
    """

    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Count the labels.

        Parameters
        ----------
        X : array-like, (n, d)
            Checked, not used.
        y : array-like, (n,)
            Labels.

        Returns
        -------
        Majority
            Itself.
        """
        _, self.classes_, codes = training_rows(self, X, y)
        self.frequencies_ = np.bincount(codes) / len(codes)
        return self

    def predict(self, X: AnyArray) -> AnyArray:
        """Return the most frequent training label for each row, ``(m,)``."""
        return np.full(len(new_rows(self, X)), self.classes_[np.argmax(self.frequencies_)])

    def predict_proba(self, X: AnyArray) -> Float64Array:
        """Return the frequencies of the training labels for each row, ``(m, n_classes)``."""
        return np.tile(self.frequencies_, (len(new_rows(self, X)), 1))
