import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featbench.errors import InputError
from featbench.extractors.grids import cell_edges, centred_points, check_grid


@given(st.integers(1, 500), st.integers(1, 20))
def test_every_pixel_lies_in_one_cell_and_cells_are_alike(extent, grid):
    edges = cell_edges(extent, grid)
    sizes = np.diff(edges)
    assert (edges[0], edges[-1]) == (0, extent)
    assert sizes.max() - sizes.min() <= 1


def test_points_leave_as_much_before_as_after():
    assert centred_points(10, 4).tolist() == [0, 4, 8]
    assert centred_points(12, 4).tolist() == [1, 5, 9]
    assert centred_points(3, 8).tolist() == [1]


def test_a_grid_finer_than_the_image_is_refused_with_the_smallest_size():
    check_grid("Mine", (4, 9, 3), 4)
    message = (
        "Mine: images must be at least 5 × 5 pixels for grid=5; got 4 × 9. Enlarge the images, or take fewer"
    )
    with pytest.raises(InputError, match=message):
        check_grid("Mine", (4, 9, 3), 5)
