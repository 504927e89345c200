"""Whitening that leaves every column as near to itself as can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from featbench.base import FeatureMap
from featbench.maps.moments import principal_directions
from featbench.numerics.namespace import beside
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix

__all__ = ["Whiten"]

# A product in float32 rounds numbers as large as rows are by 2⁻²⁴ of them, and then magnifies what was rounded. Up to
# this magnification that leaves less than 3e-5 where whitened numbers have variance 1 at most.
_FLOAT32_MAGNIFIES = 500.0


@dataclass(kw_only=True, eq=False, repr=False)
class Whiten(FeatureMap):
    """Columns made uncorrelated and of like variance, each as near to what it was as can be (ZCA).

    Parameters
    ----------
    epsilon : float, default=0.1
        Added to the variance along each direction, as a share of the columns' mean variance, at least 0.
        Directions of less variance are mostly noise and stay small. With 0 every direction in which training
        rows vary gets variance 1.

    Attributes
    ----------
    mean_ : ndarray of float64, (d,)
    projection_ : ndarray of float64, (d, d)
        Symmetric.
    precision_ : str
        ``"float32"`` where rows can be multiplied in float32 with an error below 3e-5, otherwise ``"float64"``.

    Notes
    -----
    Rows become (x − mean) V (Λ + ε)^(−1/2) Vᵀ, where V Λ Vᵀ is the covariance of training rows. `pca` with `whiten`
    is the same up to a rotation, in fewer numbers. Memory is 8 d² bytes. With `epsilon` 0 a direction in which
    training rows do not vary becomes 0.

    References
    ----------
    A. J. Bell and T. J. Sejnowski, "The 'independent components' of natural scenes are edge filters", Vision
    Research 37 (1997), doi:10.1016/S0042-6989(97)00121-1

    A. Kessy, A. Lewin and K. Strimmer, "Optimal whitening and decorrelation", The American Statistician 72
    (2018), doi:10.1080/00031305.2016.1277159

    Examples
    --------
    >>> from featbench.maps import Whiten
    >>> Whiten(epsilon=0).fit_transform([[-1, 0], [1, 0], [0, -5], [0, 5]]).round(3).tolist()[1::2]
    [[1.225000023841858, 0.0], [0.0, 1.225000023841858]]
    """

    epsilon: Annotated[float, Bounds(ge=0)] = 0.1
    keeps_columns: ClassVar[bool] = True

    def _n_out(self, d: int) -> int:
        return d

    def _fit(self, X: FeatureMatrix) -> None:
        found = principal_directions(X, min(X.shape))
        added = self.epsilon * found.total / X.shape[1]
        varies = found.variances > 0
        V, variances = found.vectors[varies], found.variances[varies]
        # Directions that were left out vary by `added` alone; they are what V does not span.
        rest = added**-0.5 if added > 0 else 0.0
        self.mean_ = found.mean
        self.projection_ = (V.T * ((variances + added) ** -0.5 - rest)) @ V
        self.projection_[np.diag_indices(X.shape[1])] += rest
        size = np.sqrt(found.variances[0]) + np.abs(found.mean).max()
        magnified = size * max(rest, np.max((variances + added) ** -0.5, initial=0))
        self.precision_ = "float32" if magnified <= _FLOAT32_MAGNIFIES else "float64"

    def _map(self, X: FeatureMatrix) -> AnyArray:
        mean, projection = (beside(X, values, self.precision_) for values in (self.mean_, self.projection_))
        mapped: AnyArray = (X - mean) @ projection
        return mapped
