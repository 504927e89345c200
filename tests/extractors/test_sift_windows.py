import numpy as np
import pytest

from featbench.extractors.sift_windows import windows

FLOAT32 = 1e-6


def weight(offset, part, size):
    """The weight of a pixel for a part: a triangle two part widths long, under the Gaussian of the whole."""
    widths = offset / (1.5 * size)
    return max(0, 1 - abs(widths - (part - 1.5))) * np.exp(-(widths**2) / 8)


@pytest.mark.parametrize("sizes", [(4.0,), (8 / 3,), (1.0, 2.0, 7.3), (16.0, 1.0)])
def test_weights_equal_their_definition(sizes):
    window = windows(sizes)
    for s, size in enumerate(sizes):
        for part in range(4):
            first = window.starts[s, part]
            ours = {first + t: window.weights[s, t, part] for t in range(window.counts[s])}
            assert -window.margin <= min(ours)
            assert max(ours) <= window.margin
            for offset in range(-60, 61):
                assert ours.get(offset, 0) == pytest.approx(weight(offset, part, size), abs=FLOAT32)


def test_parts_of_two_pixels():
    # Size 4/3: parts are 2 pixels wide, their centres at -3, -1, 1 and 3, each reaching one pixel further.
    window = windows((4 / 3,))
    assert window.starts.tolist() == [[-4, -2, 0, 2]]
    assert window.counts.tolist() == [3]
    expected = np.exp(-(np.array([2, 1.5, 1]) ** 2) / 8) * [0.5, 1, 0.5]
    np.testing.assert_allclose(window.weights[0, :, 0], expected, rtol=FLOAT32)
    np.testing.assert_allclose(window.weights[0, :, 3], expected[::-1], rtol=FLOAT32)
    assert window.margin == 5
