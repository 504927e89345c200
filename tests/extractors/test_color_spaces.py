import numpy as np
import pytest
from skimage.color import rgb2hsv, rgb2lab

from featbench.extractors.color_spaces import to_space

# float32 once, of numbers up to 1.
FLOAT32 = 1e-6
# In L*a*b*: scikit-image's white has five digits, ours is that of the matrix.
WHITE = 0.01


@pytest.fixture(scope="module")
def colours():
    """Every eleventh level of every channel, and all greys."""
    levels = np.array([*range(0, 256, 11), 255], dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    return np.concatenate([grid, greys])[None, :, None]


def test_hsv_equals_scikit_image(colours):
    np.testing.assert_allclose(to_space(colours, "hsv"), rgb2hsv(colours), rtol=0, atol=FLOAT32)


def test_lab_equals_scikit_image(colours):
    ours = to_space(colours, "lab") * [100, 220, 220] - [0, 110, 110]
    np.testing.assert_allclose(ours, rgb2lab(colours), rtol=0, atol=WHITE)


def test_greys_have_no_chroma(colours):
    greys = to_space(colours[:, -256:], "lab")[0, :, 0]
    np.testing.assert_allclose(greys[:, 1:], 0.5, atol=FLOAT32)
    assert (np.diff(greys[:, 0]) > 0).all()


def test_opponent_colours_equal_their_definition(colours):
    r, g, b = np.moveaxis(colours.astype(float), -1, 0)
    opponent = np.stack([(r - g) / 2**0.5, (r + g - 2 * b) / 6**0.5, (r + g + b) / 3**0.5], axis=-1)
    least, most = opponent.min(axis=(0, 1, 2)), opponent.max(axis=(0, 1, 2))
    np.testing.assert_allclose(
        to_space(colours, "opponent"), (opponent - least) / (most - least), atol=FLOAT32
    )


def test_rgb_is_a_fraction_of_255(colours):
    np.testing.assert_allclose(to_space(colours, "rgb"), colours / 255, atol=FLOAT32)


def test_all_colours_lie_in_the_unit_cube(colours):
    for space in ("rgb", "hsv", "lab", "opponent"):
        values = to_space(colours, space)
        assert values.min() >= -FLOAT32
        assert values.max() <= 1 + FLOAT32


def test_some_colours_by_hand():
    colours = np.array([[[[255, 0, 0], [0, 0, 255], [255, 255, 255]]]], dtype=np.uint8)
    np.testing.assert_allclose(
        to_space(colours, "hsv")[0, 0], [[0, 1, 1], [2 / 3, 1, 1], [0, 0, 1]], atol=FLOAT32
    )
    expected = [[1, 0.75, 1 / 3], [0.5, 0, 1 / 3], [0.5, 0.5, 1]]
    np.testing.assert_allclose(to_space(colours, "opponent")[0, 0], expected, atol=FLOAT32)
