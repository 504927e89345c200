"""How codes are summed up over an image: over all of it, or over the cells of one grid or several."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np

from featbench.errors import InputError, must_be
from featbench.parameters import Bounds
from featbench.types import FeatureMatrix, Float64Array, Indices
from featbench.words.parts import Part, Reduction

__all__ = ["Grid", "Pooling", "Pyramid", "Quadrants", "Whole"]

How = Literal["sum", "mean", "max"]
Cells = Annotated[int, Bounds(ge=1, le=64)]


class Pooling(Part):
    """Grids whose cells each become one part of an image's row.

    The grids' lines together cut an image into *atoms*: every cell is made of whole atoms, so that codes are
    summed up once, over atoms, whatever the number of grids.
    """

    how: How

    @abstractmethod
    def grids(self) -> list[tuple[int, int]]:
        """Return rows and columns of each grid, in the order of the cells."""

    def weights(self) -> list[float]:
        """Return the factor of each grid's cells."""
        return [1.0] * len(self.grids())

    @property
    def reduction(self) -> Reduction:
        """What is done to the codes of an atom."""
        return "max" if self.how == "max" else "sum"

    @property
    def n_cells(self) -> int:
        """How many parts an image's row has."""
        return sum(rows * cols for rows, cols in self.grids())

    @property
    def n_atoms(self) -> int:
        """How many atoms the grids cut an image into."""
        rows, cols = self._lines()
        return (len(rows) - 1) * (len(cols) - 1)

    def atoms(self, positions: FeatureMatrix, shape: tuple[int, ...]) -> Indices:
        """Return the atom that each patch's centre lies in, 0 to ``n_atoms - 1``.

        Parameters
        ----------
        positions : ndarray of float32, (m, 2)
            Row and column in pixels; (0, 0) is the centre of the first pixel.
        shape : tuple of int
            Of the image, height and width first.
        """
        lines = self._lines()
        found = []
        for axis, extent in enumerate(shape[:2]):
            share = (positions[:, axis].astype(np.float64) + 0.5) / extent
            inner = np.searchsorted(lines[axis], share, side="right") - 1
            found.append(np.clip(inner, 0, len(lines[axis]) - 2))
        atoms: Indices = found[0] * (len(lines[1]) - 1) + found[1]
        return atoms

    def combine(self, pooled: FeatureMatrix, counts: Indices) -> FeatureMatrix:
        """Make cells of atoms.

        Parameters
        ----------
        pooled : ndarray of float32, (n, n_atoms, L)
            Sums or maxima of the codes in each atom, zeros where it has none.
        counts : ndarray of int64, (n, n_atoms)
            How many codes each atom has.

        Returns
        -------
        ndarray of float32, (n, n_cells, L)
            Zeros for a cell without codes.
        """
        members, factors = self._members(), np.repeat(self.weights(), [r * c for r, c in self.grids()])
        cells = np.zeros((len(pooled), self.n_cells, pooled.shape[2]), dtype=np.float32)
        for cell, (atoms, factor) in enumerate(zip(members, factors, strict=True)):
            if self.how == "max":
                filled = np.where((counts[:, atoms] > 0)[..., None], pooled[:, atoms], -np.inf)
                largest = filled.max(axis=1)
                cells[:, cell] = np.where(np.isfinite(largest), largest, 0)
            else:
                cells[:, cell] = pooled[:, atoms].sum(axis=1)
            if self.how == "mean":
                cells[:, cell] /= np.maximum(counts[:, atoms].sum(axis=1), 1)[:, None]
            cells[:, cell] *= np.float32(factor)
        return cells

    def _lines(self) -> tuple[Float64Array, Float64Array]:
        """Return where the grids' lines cut an axis, as shares of it: 0, …, 1."""
        return tuple(
            np.unique([i / grid[axis] for grid in self.grids() for i in range(grid[axis] + 1)])
            for axis in (0, 1)
        )  # type: ignore[return-value]

    def _members(self) -> list[Indices]:
        """Return the atoms of each cell."""
        lines = self._lines()
        centres = [np.array([(a + b) / 2 for a, b in pairwise(axis)]) for axis in lines]
        members = []
        for rows, cols in self.grids():
            of_row, of_col = (centres[0] * rows).astype(int), (centres[1] * cols).astype(int)
            for i in range(rows):
                for j in range(cols):
                    inside = np.outer(of_row == i, of_col == j).ravel()
                    members.append(np.flatnonzero(inside))
        return members


@dataclass(kw_only=True, eq=False, repr=False)
class Whole(Pooling):
    """Over the whole image: where a word lies does not matter.

    Parameters
    ----------
    how : {"sum", "mean", "max"}, default="mean"
        What is done to the codes.
    """

    how: How = "mean"

    def grids(self) -> list[tuple[int, int]]:
        """Return one grid of one cell."""
        return [(1, 1)]


@dataclass(kw_only=True, eq=False, repr=False)
class Quadrants(Pooling):
    """Over the four quarters of an image.

    Parameters
    ----------
    how : {"sum", "mean", "max"}, default="sum"
        What is done to the codes.
    """

    how: How = "sum"

    def grids(self) -> list[tuple[int, int]]:
        """Return one grid of 2 × 2 cells."""
        return [(2, 2)]


@dataclass(kw_only=True, eq=False, repr=False)
class Grid(Pooling):
    """Over the cells of one grid.

    Parameters
    ----------
    cells : int, default=4
        Cells a side.
    how : {"sum", "mean", "max"}, default="sum"
        What is done to the codes.
    """

    cells: Cells = 4
    how: How = "sum"

    def grids(self) -> list[tuple[int, int]]:
        """Return one grid."""
        return [(self.cells, self.cells)]


@dataclass(kw_only=True, eq=False, repr=False)
class Pyramid(Pooling):
    """Over the cells of several grids, from coarse to fine: a spatial pyramid.

    Parameters
    ----------
    levels : list of list of int, default=((1, 1), (2, 2), (4, 4))
        Rows and columns of each grid; ``[[1, 1], [2, 2], [3, 1]]`` is the other customary one.
    level_weights : list of float, optional
        A factor for each grid's cells; 1 for all by default. Lazebnik's are 1/4, 1/4, 1/2 for three levels.
    how : {"sum", "mean", "max"}, default="sum"
        What is done to the codes.

    References
    ----------
    S. Lazebnik, C. Schmid and J. Ponce, "Beyond bags of features: spatial pyramid matching for recognizing natural
    scene categories", CVPR 2006, https://doi.org/10.1109/CVPR.2006.68
    """

    levels: list[list[Cells]] | tuple[tuple[Cells, Cells], ...] = ((1, 1), (2, 2), (4, 4))
    level_weights: list[Annotated[float, Bounds(gt=0)]] | None = None
    how: How = "sum"

    def grids(self) -> list[tuple[int, int]]:
        """Return the grids, or say what is wrong with them."""
        levels = [tuple(level) for level in self.levels]
        if not levels or any(len(level) != 2 for level in levels):
            wanted = "a list of [rows, columns], such as [[1, 1], [2, 2], [4, 4]]"
            raise InputError(must_be("Pyramid", "levels", wanted, self.levels))
        return [(int(rows), int(cols)) for rows, cols in levels]

    def weights(self) -> list[float]:
        """Return the factors, or say that their number is wrong."""
        if self.level_weights is None:
            return [1.0] * len(self.levels)
        if len(self.level_weights) != len(self.levels):
            wanted = f"one number for each of {len(self.levels)} levels"
            raise InputError(must_be("Pyramid", "level_weights", wanted, self.level_weights))
        return [float(weight) for weight in self.level_weights]
