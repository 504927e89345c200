"""Maps that learn nothing: the signed power and the length of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from featbench.base import FeatureMap
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix

__all__ = ["L2", "Power"]


@dataclass(kw_only=True, eq=False, repr=False)
class Power(FeatureMap):
    """Each number's power, its sign kept: what is large by repetition counts less.

    Parameters
    ----------
    exponent : float, default=0.5
        Above 0, at most 1; 0.5 is the signed square root.

    Notes
    -----
    x becomes sign(x) · abs(x) ** `exponent`. The dot product of two histograms' square roots is their
    Bhattacharyya (Hellinger) kernel.

    References
    ----------
    F. Perronnin, J. Sánchez and T. Mensink, "Improving the Fisher kernel for large-scale image
    classification", ECCV 2010, doi:10.1007/978-3-642-15561-1_11

    Examples
    --------
    >>> from featbench.maps import Power
    >>> Power().fit_transform([[4, -9, 0]]).tolist()
    [[2.0, -3.0, 0.0]]
    """

    exponent: Annotated[float, Bounds(gt=0, le=1)] = 0.5
    keeps_columns: ClassVar[bool] = True

    def _n_out(self, d: int) -> int:
        return d

    def _map(self, X: FeatureMatrix) -> AnyArray:
        size = np.abs(X)
        powers = np.sqrt(size) if self.exponent == 0.5 else np.power(size, np.float32(self.exponent))
        return np.copysign(powers, X)


@dataclass(kw_only=True, eq=False, repr=False)
class L2(FeatureMap):
    """Each row divided by its Euclidean length; rows of zeros stay as they are.

    Notes
    -----
    Unlike the preprocessing `l2` it may stand before other maps.

    Examples
    --------
    >>> from featbench.maps import L2
    >>> L2().fit_transform([[3, 4], [0, 0]]).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """

    keeps_columns: ClassVar[bool] = True

    def _n_out(self, d: int) -> int:
        return d

    def _map(self, X: FeatureMatrix) -> AnyArray:
        # Squares of float32 numbers neither overflow float64 nor vanish in it.
        lengths = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))
        lengths[lengths == 0] = 1
        mapped: AnyArray = X / lengths[:, None]
        return mapped
