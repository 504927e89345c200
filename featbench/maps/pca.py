"""Principal components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.base import FeatureMap
from featbench.errors import InputError, Shown, must_be
from featbench.maps.moments import principal_directions
from featbench.numerics.namespace import beside
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix

__all__ = ["PCA"]


@dataclass(kw_only=True, eq=False, repr=False)
class PCA(FeatureMap):
    """Principal components: the few directions in which training rows vary most.

    Parameters
    ----------
    components : int, default=64
        How many, at least 1; no more than a row has numbers, nor than there are training rows.
    whiten : bool, default=False
        Whether to divide each component by its standard deviation, so that all count alike.
    epsilon : float, default=0.0
        Added to each component's variance before that division, as a share of the columns' mean variance, at
        least 0: components that hardly vary, and are mostly noise, then stay small.

    Attributes
    ----------
    components_ : ndarray of float64, (components, d)
        Directions of length 1, the largest number of each positive.
    mean_ : ndarray of float64, (d,)
    explained_variance_ : ndarray of float64, (components,)
        Of training rows along each direction, with n − 1 in the denominator.
    explained_variance_ratio_ : ndarray of float64, (components,)
        As a share of the sum of the columns' variances.

    Notes
    -----
    Equal to scikit-learn's `PCA` with `svd_solver` "full"; in float64, from all training rows. The work grows with
    the cube of the smaller of n and d. A direction in which training rows do not vary at all is left out: its
    component is 0, where scikit-learn returns rounding.

    References
    ----------
    H. Jégou and O. Chum, "Negative evidences and co-occurences in image retrieval: the benefit of PCA and
    whitening", ECCV 2012, doi:10.1007/978-3-642-33709-3_55

    Examples
    --------
    >>> from featbench.maps import PCA
    >>> pca = PCA(components=1).fit([[0, 0], [3, 4], [6, 8]])
    >>> pca.transform([[3, 4], [6, 8]]).round(4).tolist()
    [[0.0], [5.0]]
    """

    components: Annotated[int, Bounds(ge=1)] = 64
    whiten: bool = False
    epsilon: Annotated[float, Bounds(ge=0)] = 0.0

    def _n_out(self, d: int) -> int:
        if self.components > d:
            raise InputError(
                must_be("PCA", "components", f"at most {d}, the length of a row", self.components)
            )
        return int(self.components)

    def _fit(self, X: FeatureMatrix) -> None:
        if self.components > len(X):
            constraint = f"at most {len(X)}, the number of training rows"
            remedy = "Fewer rows span no more directions."
            raise InputError(must_be("PCA", "components", constraint, Shown(self.components), remedy))
        found = principal_directions(X, self.components)
        self.mean_, self.components_ = found.mean, found.vectors
        self.explained_variance_ = found.variances
        self.explained_variance_ratio_ = found.variances / found.total if found.total else found.variances
        scale = np.ones(self.components)
        if self.whiten:
            variances = found.variances + self.epsilon * found.total / X.shape[1]
            scale = np.divide(1, np.sqrt(variances), out=np.zeros_like(scale), where=variances > 0)
        self.projection_ = found.vectors.T * scale

    def _map(self, X: FeatureMatrix) -> AnyArray:
        # In float64: a whitened component may be far smaller than the numbers that it is a difference of.
        mapped: AnyArray = (X - beside(X, self.mean_)) @ beside(X, self.projection_)
        return mapped
