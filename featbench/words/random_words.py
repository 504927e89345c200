"""Words that nobody learned: patches as they come, and directions that mean nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np

from featbench.base import check_rows
from featbench.maps import L2
from featbench.numerics.kmeans_start import different_rows
from featbench.parameters import Bounds, check_parameters
from featbench.types import FeatureMatrix
from featbench.words.parts import Codebook

__all__ = ["RandomDirections", "RandomPatches", "directions_of"]


def directions_of(X: FeatureMatrix) -> FeatureMatrix:
    """Return rows brought to length 1; those of zeros have no direction and are left out."""
    rows: FeatureMatrix = L2().fit_transform(X)
    return rows[rows.any(axis=1)]


@dataclass(kw_only=True, eq=False, repr=False)
class RandomPatches(Codebook):
    """Descriptors drawn at random, without replacement and no two of them the same.

    Parameters
    ----------
    words : int, default=1600
        How many.
    normalized : bool, default=True
        Bring words to length 1, as Coates and Ng do; descriptors of zeros are then left out, and no two words have
        the same direction.

    Attributes
    ----------
    words_ : ndarray of float32, (words, D)

    References
    ----------
    A. Coates and A. Y. Ng, "The importance of encoding versus training with sparse coding and vector quantization",
    ICML 2011, https://dl.acm.org/doi/10.5555/3104482.3104598
    """

    words: Annotated[int, Bounds(ge=1)] = 1600
    normalized: bool = True

    def fit(self, X: FeatureMatrix, random_state: int = 0) -> Self:
        """Draw the words, as `Codebook.fit`."""
        check_parameters(self)
        X = check_rows(X, "RandomPatches")
        rows = directions_of(X) if self.normalized else X
        rng = np.random.default_rng(random_state)
        self.words_ = rows[different_rows(rows, self.words, rng, "RandomPatches")]
        return self


@dataclass(kw_only=True, eq=False, repr=False)
class RandomDirections(Codebook):
    """Random Gaussian vectors brought to length 1: every direction is as likely as any other.

    Parameters
    ----------
    words : int, default=1600
        How many.

    Attributes
    ----------
    words_ : ndarray of float32, (words, D)
        Of length 1.

    Notes
    -----
    Of descriptors nothing but their length D is used.

    References
    ----------
    A. Coates and A. Y. Ng, "The importance of encoding versus training with sparse coding and vector quantization",
    ICML 2011, https://dl.acm.org/doi/10.5555/3104482.3104598
    """

    words: Annotated[int, Bounds(ge=1)] = 1600

    def fit(self, X: FeatureMatrix, random_state: int = 0) -> Self:
        """Draw the words, as `Codebook.fit`."""
        check_parameters(self)
        d = check_rows(X, "RandomDirections").shape[1]
        drawn = np.random.default_rng(random_state).standard_normal((self.words, d))
        lengths = np.sqrt(np.square(drawn).sum(axis=1, keepdims=True))
        self.words_ = (drawn / lengths).astype(np.float32)
        return self
