"""Maps that learn nothing: the signed power and the length of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from featbench.base import FeatureMap
from featbench.numerics.namespace import namespace
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
        xp = namespace(X)
        size = xp.abs(X)
        powers = xp.sqrt(size) if self.exponent == 0.5 else size ** float(self.exponent)
        mapped: AnyArray = xp.copysign(powers, X)
        return mapped


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
        xp = namespace(X)
        wide = xp.astype(X, xp.float64)
        lengths = xp.sqrt(xp.sum(wide * wide, axis=1, keepdims=True))
        mapped: AnyArray = wide / xp.where(lengths == 0, 1.0, lengths)
        return mapped
