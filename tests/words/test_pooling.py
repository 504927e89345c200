"""Pooling against sums over each cell's own patches."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.errors import InputError
from featbench.words import Grid, Pyramid, Quadrants, Whole

HEIGHT, WIDTH, CODES = 24, 36, 5

POOLINGS = [
    Whole(how="sum"),
    Quadrants(),
    Grid(cells=3),
    Pyramid(),
    Pyramid(levels=[[1, 1], [2, 2], [3, 1]]),
    Pyramid(level_weights=[0.25, 0.25, 0.5]),
]


def pooled_cell_by_cell(pooling, positions, codes, how):
    """Each cell on its own, by the pixel that a patch's centre lies in."""
    cells = []
    for (rows, cols), weight in zip(pooling.grids(), pooling.weights(), strict=True):
        for i in range(rows):
            for j in range(cols):
                y, x = (positions[:, 0] + 0.5) / HEIGHT * rows, (positions[:, 1] + 0.5) / WIDTH * cols
                inside = codes[(y >= i) & (y < i + 1) & (x >= j) & (x < j + 1)]
                nothing = np.zeros(codes.shape[1])
                cells.append(weight * (getattr(inside, how)(axis=0) if len(inside) else nothing))
    return np.array(cells)


@pytest.mark.parametrize("how", ["sum", "mean", "max"])
@pytest.mark.parametrize("pooling", POOLINGS, ids=repr)
def test_cells_are_what_their_patches_make_them(pooling, how):
    rng = np.random.default_rng(0)
    pooling.set_params(how=how)
    images, expected = [], []
    for n in (40, 3, 0):
        positions = rng.integers(0, (HEIGHT, WIDTH), (n, 2)).astype(np.float32)
        codes = rng.integers(-9, 9, (n, CODES)).astype(np.float32)
        atoms = pooling.atoms(positions, (HEIGHT, WIDTH, 3))
        pooled = np.zeros((pooling.n_atoms, CODES), np.float32)
        for atom in np.unique(atoms):
            pooled[atom] = getattr(codes[atoms == atom], pooling.reduction)(axis=0)
        images.append((pooled, np.bincount(atoms, minlength=pooling.n_atoms)))
        expected.append(pooled_cell_by_cell(pooling, positions, codes, how))
    found = pooling.combine(*(np.stack(parts) for parts in zip(*images, strict=True)))
    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-6)


def test_grids_share_atoms():
    assert Pyramid().n_atoms == 16
    assert Pyramid(levels=[[1, 1], [2, 2], [3, 1]]).n_atoms == 4 * 2
    assert Pyramid().n_cells == 21


def test_a_centre_on_a_line_belongs_to_the_cell_after_it():
    """Of 27 patches of 6 pixels in 32, the one whose centre is the image's lies in the second half."""
    positions = np.stack([np.arange(27) + 2.5, np.full(27, 2.5)], axis=1).astype(np.float32)
    assert np.bincount(Quadrants().atoms(positions, (32, 32))).tolist() == [13, 0, 14]


@pytest.mark.parametrize(
    ("pooling", "complaint"),
    [
        (Pyramid(levels=[]), r"levels must be a list of \[rows, columns\]"),
        (Pyramid(levels=[[1, 2, 3]]), r"levels must be a list of \[rows, columns\]"),
        (Pyramid(level_weights=[1.0]), "level_weights must be one number for each of 3 levels"),
    ],
)
def test_wrong_levels_are_refused(pooling, complaint):
    with pytest.raises(InputError, match=complaint):
        list(zip(pooling.grids(), pooling.weights(), strict=True))
