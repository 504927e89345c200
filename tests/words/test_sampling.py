"""Where a regular grid puts its patches."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.errors import InputError
from featbench.words import Dense


def test_every_patch_of_a_small_image():
    places = Dense(stride=1, sizes=2).places(np.zeros((2, 3, 4, 3), np.uint8), 0)
    centres = [[r + 0.5, c + 0.5] for r in range(2) for c in range(3)]
    np.testing.assert_array_equal(places.positions, centres * 2)
    assert places.offsets.tolist() == [0, 6, 12]
    assert (places.sizes == 2).all()
    assert not places.angles.any()


def test_what_steps_leave_over_is_left_out_on_both_sides():
    (grid,) = Dense(stride=4, sizes=6).places(np.zeros((1, 17, 32), np.uint8), 0).grids
    assert grid.tops.tolist() == [1, 5, 9]  # 11 places to begin; 3 left over
    assert grid.lefts.tolist() == [1, 5, 9, 13, 17, 21, 25]


def test_sizes_follow_one_another():
    places = Dense(stride=8, sizes=[8, 16]).places(np.zeros((1, 16, 16), np.uint8), 0)
    assert places.sizes.tolist() == [8] * 4 + [16]
    assert places.positions[-1].tolist() == [7.5, 7.5]
    assert [grid.size for grid in places.grids] == [8, 16]


def test_images_smaller_than_a_patch_are_refused():
    message = (
        r"Dense: images must be at least 9 × 9 pixels, the size of a patch; got 8 × 20\. "
        r"Enlarge the images, or take smaller patches\."
    )
    with pytest.raises(InputError, match=message):
        Dense(sizes=[4, 9]).check_shape((8, 20, 3))


def test_no_size_is_refused():
    with pytest.raises(InputError, match="Dense: sizes must be one number or more"):
        Dense(sizes=[]).check_shape((8, 8))
