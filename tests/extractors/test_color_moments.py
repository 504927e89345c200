import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2hsv, rgb2lab

from featbench.errors import InputError
from featbench.extractors import ColorMoments
from featbench.extractors.color_moments import color_moments
from featbench.testing import check_extractor

# Coordinates are float32, and so are the results. Third moments are compared before the cube root, which
# makes much of little where they are zero.
FLOAT32 = 1e-6
# scikit-image's white of L*a*b* has five digits, ours is that of the matrix: 0.01 of 220.
WHITE = 1e-4


def by_definition(image, space, grid):
    values = {
        "rgb": lambda: image / 255,
        "hsv": lambda: rgb2hsv(image),
        "lab": lambda: (rgb2lab(image) + np.array([0, 110, 110])) / [100, 220, 220],
    }[space]()
    height, width = image.shape[:2]
    cells = []
    for r, c in np.ndindex(grid, grid):
        cell = values[
            r * height // grid : (r + 1) * height // grid, c * width // grid : (c + 1) * width // grid
        ]
        pixels = cell.reshape(-1, 3)
        third = ((pixels - pixels.mean(axis=0)) ** 3).mean(axis=0)
        cells.append(np.stack([pixels.mean(axis=0), pixels.std(axis=0), third], axis=1))
    return np.stack(cells)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["rgb", "hsv", "lab"]), st.integers(1, 3))
def test_moments_equal_their_definition(seed, space, grid):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (2, *rng.integers(4, 12, 2), 3)).astype(np.uint8)
    ours = color_moments(images, space=space, grid=grid).reshape(2, grid**2, 3, 3)
    expected = np.stack([by_definition(image, space, grid) for image in images])
    ours[..., 2] **= 3
    np.testing.assert_allclose(ours, expected, atol=WHITE if space == "lab" else FLOAT32)


def test_moments_by_hand():
    # Red 0, 0, 0, 204: mean 0.2, variance (3 · 0.04 + 0.36) / 4 … in units of 255: 0, 0, 0, 0.8.
    image = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    image[0, 1, 1, 0] = 204
    extractor = ColorMoments(space="rgb").fit(image)
    features = dict(zip(extractor.get_feature_names_out(), extractor.transform(image)[0], strict=True))
    mean, squares, cubes = 0.2, (3 * 0.2**2 + 0.6**2) / 4, (3 * (-0.2) ** 3 + 0.6**3) / 4
    expected = {"mean": mean, "deviation": squares**0.5, "skewness": cubes ** (1 / 3)}
    for name, value in expected.items():
        assert features[f"color_moments[cell 0,0; red {name}]"] == pytest.approx(value, abs=FLOAT32)
    assert sum(value > 0 for value in features.values()) == 3


def test_skewness_has_the_sign_of_the_longer_tail(rng):
    bright = np.full((1, 8, 8, 3), 200, dtype=np.uint8)
    bright[0, 0, 0] = 0
    assert (color_moments(bright, space="rgb").reshape(3, 3)[:, 2] < 0).all()
    assert (color_moments(255 - bright, space="rgb").reshape(3, 3)[:, 2] > 0).all()


@pytest.mark.parametrize("space", ["rgb", "hsv", "lab", "opponent"])
def test_a_flat_cell_has_a_mean_and_nothing_else(space):
    flat = np.full((1, 30, 31, 3), (3, 201, 77), dtype=np.uint8)
    features = color_moments(flat, space=space, grid=2).reshape(4, 3, 3)
    assert not features[..., 1:].any()
    assert (features[..., 0] == features[0, :, 0]).all()


def test_pictures_show_the_mean_of_each_cell(rng):
    image = rng.integers(0, 256, (1, 5, 4, 3)).astype(np.uint8)
    drawing = ColorMoments(grid=2).pictures(image)["means"]
    assert drawing.shape == image.shape
    np.testing.assert_allclose(
        drawing[0, 2:, :2], np.broadcast_to(image[0, 2:, :2].mean(axis=(0, 1)), (3, 2, 3)), atol=0.51
    )


@pytest.mark.parametrize(
    ("parameters", "shape", "message"),
    [
        ({}, (1, 8, 8), "ColorMoments: images must be in colour"),
        (
            {"grid": 9},
            (1, 8, 9, 3),
            "ColorMoments: images must be at least 9 × 9 pixels for grid=9; got 8 × 9",
        ),
    ],
)
def test_what_is_refused(parameters, shape, message):
    with pytest.raises(InputError, match=message):
        ColorMoments(**parameters).fit(np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize(
    "extractor", [ColorMoments(space="hsv", grid=3), ColorMoments(space="opponent")], ids=repr
)
def test_laws(extractor):
    check_extractor(extractor)
