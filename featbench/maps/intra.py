"""The length of each block of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from featbench.base import FeatureMap
from featbench.errors import InputError, Shown, must_be
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix

__all__ = ["Intra"]


@dataclass(kw_only=True, eq=False, repr=False)
class Intra(FeatureMap):
    """Each block of a row divided by its Euclidean length; blocks of zeros stay as they are.

    Parameters
    ----------
    block : int or None, default=None
        Numbers in a block, at least 1; a row must be made of whole blocks. None takes the whole row for one
        block, as `l2` does; among the final maps of a bag of visual words it is the numbers of one word.

    Notes
    -----
    In a sum of residuals such as VLAD a word that an image repeats, a wall's bricks, outweighs all others. With each
    word's part brought to length 1 every word counts alike (intra-normalisation). `l2` usually follows.

    References
    ----------
    R. Arandjelović and A. Zisserman, "All about VLAD", CVPR 2013, doi:10.1109/CVPR.2013.207

    Examples
    --------
    >>> from featbench.maps import Intra
    >>> Intra(block=2).fit_transform([[3, 4, 0, 0, 0, -2]]).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929, 0.0, 0.0, 0.0, -1.0]]
    """

    block: Annotated[int, Bounds(ge=1)] | None = None
    keeps_columns: ClassVar[bool] = True

    def _n_out(self, d: int) -> int:
        if self.block is not None and d % self.block:
            constraint = f"a divisor of the length of rows, {d} numbers"
            raise InputError(must_be("Intra", "block", constraint, Shown(self.block)))
        return d

    def _map(self, X: FeatureMatrix) -> AnyArray:
        blocks = X.reshape(len(X), -1, self.block or X.shape[1])
        # Squares of float32 numbers neither overflow float64 nor vanish in it.
        lengths = np.sqrt(np.einsum("ijk,ijk->ij", blocks, blocks, dtype=np.float64))
        lengths[lengths == 0] = 1
        mapped: AnyArray = (blocks / lengths[..., None]).reshape(X.shape)
        return mapped
