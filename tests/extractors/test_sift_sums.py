import numpy as np
import pytest

from featbench.extractors.sift_sums import describe_points
from featbench.extractors.sift_windows import windows


def describe(magnitudes, angles, row, col, size):
    """The descriptor of one point, (4, 4, 8)."""
    window = windows((size,))
    strip = np.zeros((2 * window.margin + 1) * 32, np.float32)
    sums = np.zeros((1, 1, (magnitudes.shape[1] + 2 * window.margin) * 32), np.float32)
    values = np.empty((1, 1, 1, 1, 128), np.float32)
    points = (np.array([row]), np.array([col]), window.starts, window.counts, window.weights, window.margin)
    describe_points(magnitudes[None], angles[None], *points, strip, sums, values)
    return values.reshape(4, 4, 8)


@pytest.mark.parametrize("angle", [0.25, 3.75, 7.5, 8.0])
def test_one_pixel_votes_for_its_neighbours_in_place_and_angle(angle):
    # Size 8/3 has parts of 4 pixels, their centres 6 and 2 pixels from the point. A pixel 3 rows above and 5
    # columns beyond lies 1/4 from one row of parts to the next, and 3/4 from one column to the next.
    magnitudes, angles = np.zeros((2, 24, 24), np.float32)
    magnitudes[9, 15], angles[9, 15] = 7, angle
    ours = describe(magnitudes, angles, 12, 10, 8 / 3)
    rows, cols = np.zeros(4), np.zeros(4)
    rows[[0, 1]], cols[[2, 3]] = (0.25, 0.75), (0.25, 0.75)
    turn = angle - int(angle)
    orientations = np.zeros(8)
    orientations[int(angle) % 8] += 1 - turn
    orientations[(int(angle) + 1) % 8] += turn
    votes = np.einsum("i,j,k", rows, cols, orientations)
    limited = np.minimum(votes, 0.2 * np.linalg.norm(votes))
    expected = np.minimum(np.rint(512 * limited / np.linalg.norm(limited)), 255)
    np.testing.assert_array_equal(ours, expected)


def test_no_gradient_gives_zeros_and_the_outermost_pixels_do_not_count():
    magnitudes, angles = np.zeros((2, 12, 12), np.float32)
    assert not describe(magnitudes, angles, 5, 5, 2.0).any()
    magnitudes[0], magnitudes[-1] = 1, 1
    assert not describe(magnitudes, angles, 1, 5, 2.0).any()
