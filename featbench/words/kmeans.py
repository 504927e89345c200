"""Words learned by k-means: as they are, or as directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np

from featbench.base import check_rows
from featbench.numerics.kmeans import lloyd, minibatch
from featbench.numerics.kmeans_start import different_rows, points_near_mean, spread_out_rows
from featbench.parameters import Bounds, check_parameters
from featbench.types import FeatureMatrix, Float64Array
from featbench.words.parts import Codebook
from featbench.words.random_words import directions_of

__all__ = ["KMeans", "SphericalKMeans"]


@dataclass(kw_only=True, eq=False, repr=False)
class KMeans(Codebook):
    """The means of groups of descriptors that lie near one another.

    Parameters
    ----------
    words : int, default=1600
        How many.
    iterations : int, default=10
        At most so many; with `batch`, as many passes over the descriptors.
    init : {"kmeans++", "random", "normal"}, default="kmeans++"
        Begin with descriptors drawn far from one another, among ten a word; with descriptors drawn at random; or with
        normal points near the descriptors' mean, as Coates and Ng do, which takes more iterations to settle.
    batch : int, optional
        Learn from so many descriptors at a time, for what does not fit into memory twice; from all together by
        default, which is more exact.

    Attributes
    ----------
    words_ : ndarray of float32, (words, D)
    inertia_ : ndarray of float64, (at most iterations,)
        The mean squared distance of a descriptor from the nearest of the words that an iteration began with.

    Notes
    -----
    The nearest words are exact, so that the same seed gives the same words with any number of threads. It ends
    early when no descriptor changes its word. A word that is left without descriptors moves to the descriptor
    farthest from its own word.

    References
    ----------
    S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28 (1982),
    https://doi.org/10.1109/TIT.1982.1056489

    D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007,
    https://dl.acm.org/doi/10.5555/1283383.1283494

    D. Sculley, "Web-scale k-means clustering", WWW 2010, https://doi.org/10.1145/1772690.1772862
    """

    words: Annotated[int, Bounds(ge=1)] = 1600
    iterations: Annotated[int, Bounds(ge=1)] = 10
    init: Literal["kmeans++", "random", "normal"] = "kmeans++"
    batch: Annotated[int, Bounds(ge=1)] | None = None

    def fit(self, X: FeatureMatrix, random_state: int = 0) -> Self:
        """Learn the words, as `Codebook.fit`."""
        check_parameters(self)
        X = check_rows(X, "KMeans")
        rng = np.random.default_rng(random_state)
        if self.init == "normal":
            start = points_near_mean(X, self.words, rng, "KMeans")
        else:
            draw = spread_out_rows if self.init == "kmeans++" else different_rows
            start = X[draw(X, self.words, rng, "KMeans")]
        if self.batch is None or self.batch >= len(X):
            found = lloyd(X, start, self.iterations)
        else:
            found = minibatch(X, start, self.iterations, self.batch, rng)
        self.words_ = found.words
        self.inertia_: Float64Array = found.inertia
        return self


@dataclass(kw_only=True, eq=False, repr=False)
class SphericalKMeans(Codebook):
    """Directions that groups of descriptors have in common.

    Parameters
    ----------
    words : int, default=1600
        How many.
    iterations : int, default=10
        At most so many.

    Attributes
    ----------
    words_ : ndarray of float32, (words, D)
        Of length 1.
    inertia_ : ndarray of float64, (at most iterations,)
        The mean of 2 − 2 cos of the angle between a descriptor and the word nearest in direction, of those that an
        iteration began with.

    Notes
    -----
    Descriptors are brought to length 1; those of zeros have no direction and are left out. Each belongs to the
    word with the largest dot product, and a word is the sum of its descriptors brought to length 1, as Dhillon and
    Modha have it. Coates and Ng take the largest magnitude of the dot product, weigh descriptors by it, and
    add the word as it was to the sum, which damps it; that variant is not this one. Words begin with different
    directions drawn at random; a word left without descriptors moves to the one farthest from its own word.

    References
    ----------
    I. S. Dhillon and D. S. Modha, "Concept decompositions for large sparse text data using clustering", Machine
    Learning 42 (2001), https://doi.org/10.1023/A:1007612920971

    A. Coates and A. Y. Ng, "Learning feature representations with k-means", in: Neural Networks: Tricks of the
    Trade, 2nd ed., 2012, https://doi.org/10.1007/978-3-642-35289-8_30
    """

    words: Annotated[int, Bounds(ge=1)] = 1600
    iterations: Annotated[int, Bounds(ge=1)] = 10

    def fit(self, X: FeatureMatrix, random_state: int = 0) -> Self:
        """Learn the words, as `Codebook.fit`."""
        check_parameters(self)
        directions = directions_of(check_rows(X, "SphericalKMeans"))
        rng = np.random.default_rng(random_state)
        start = directions[different_rows(directions, self.words, rng, "SphericalKMeans")]
        found = lloyd(directions, start, self.iterations, spherical=True)
        self.words_ = found.words
        self.inertia_: Float64Array = found.inertia
        return self
