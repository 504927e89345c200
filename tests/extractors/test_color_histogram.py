import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2hsv, rgb2xyz

from featbench.errors import InputError
from featbench.extractors import ColorHistogram, HueHistogram
from featbench.extractors.color_histogram import color_histogram
from featbench.testing import check_extractor

# Shares of a cell's pixels, counted in float64 and rounded to float32 once; soft ones add up more of them.
FLOAT32 = 1e-6
# What the coordinates themselves, float32, may move a soft share, times the bins.
SOFT = 1e-5
# As the docstring's module has it: bins begin this far below their edge.
LIFT = 1e-4

SPACES = ("rgb", "hsv", "lab", "opponent")


def coordinates(image, space):
    """Coordinates in [0, 1], by scikit-image and by definition, in float64."""
    if space == "hsv":
        return rgb2hsv(image)
    if space == "lab":
        # With the white of the matrix, so that greys have no chroma.
        xyz = rgb2xyz(image) / rgb2xyz(np.ones((1, 1, 3)))
        f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        x, y, z = np.moveaxis(f, -1, 0)
        return np.stack([1.16 * y - 0.16, (500 * (x - y) + 110) / 220, (200 * (y - z) + 110) / 220], axis=-1)
    r, g, b = np.moveaxis(image.astype(np.float64), -1, 0)
    if space == "opponent":
        return np.stack([(r - g + 255) / 510, (r + g - 2 * b + 510) / 1020, (r + g + b) / 765], axis=-1)
    return image / 255


def shares(position, bins, soft, circular):
    """The share of each bin, by the distance of its centre; ``(pixels, bins)``."""
    if not soft:
        return np.eye(bins)[np.minimum(np.floor(position + LIFT).astype(int), bins - 1)]
    if not circular:
        position = np.clip(position, 0.5, bins - 0.5)
    distance = np.abs(position[:, None] - (np.arange(bins) + 0.5))
    if circular:
        distance = np.stack([distance, np.abs(distance - bins)]).min(axis=0)
        if bins == 1:
            return np.ones_like(distance)
    return np.maximum(0, 1 - distance)


def by_definition(image, space, kind, bins, grid, soft):
    height, width = image.shape[:2]
    histograms = []
    for r, c in np.ndindex(grid, grid):
        rows = slice(r * height // grid, (r + 1) * height // grid)
        cols = slice(c * width // grid, (c + 1) * width // grid)
        pixels = coordinates(image, space)[rows, cols].reshape(-1, 3) * bins
        first, second, third = (shares(pixels[:, k], bins, soft, space == "hsv" and k == 0) for k in range(3))
        if kind == "joint":
            histograms.append(np.einsum("pa,pb,pc->abc", first, second, third).ravel() / len(pixels))
        else:
            histograms.append(np.concatenate([part.mean(axis=0) for part in (first, second, third)]))
    return np.concatenate(histograms)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(SPACES),
    st.sampled_from(["joint", "marginal"]),
    st.integers(1, 6),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([2, 8, 256]),
)
def test_histograms_equal_their_definition(seed, space, kind, bins, grid, soft, levels):
    rng = np.random.default_rng(seed)
    shape = (2, *rng.integers(max(grid, 4), 12, 2), 3)
    images = (rng.integers(0, levels, shape) * (255 // (levels - 1))).astype(np.uint8)
    parameters = {"space": space, "kind": kind, "bins": bins, "grid": grid, "soft": soft}
    expected = [by_definition(image, **parameters) for image in images]
    np.testing.assert_allclose(
        color_histogram(images, **parameters), expected, atol=SOFT if soft else FLOAT32
    )


@pytest.mark.parametrize("bins", [5, 16, 51, 64])
def test_many_bins_of_a_coordinate(rng, bins):
    images = rng.integers(0, 256, (3, 20, 20, 3)).astype(np.uint8)
    ours = color_histogram(images, space="hsv", kind="marginal", bins=bins)
    np.testing.assert_array_equal(
        ours[:, :bins], HueHistogram(bins=bins, weighted=False).fit_transform(images)
    )
    np.testing.assert_allclose(
        ours, [by_definition(i, "hsv", "marginal", bins, 1, False) for i in images], atol=FLOAT32
    )


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("bins", [2, 4, 7, 64])
def test_all_greys_have_the_same_chroma(space, bins):
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None, None], 3, axis=3)
    histogram = color_histogram(greys, space=space, kind="marginal", bins=bins)[0].reshape(3, bins)
    for coordinate in {"rgb": [], "hsv": [0, 1], "lab": [1, 2], "opponent": [0, 1]}[space]:
        assert sorted(histogram[coordinate])[-2:] == [0, 1]


def test_a_joint_histogram_by_hand():
    red, dark, blue = (255, 0, 0), (100, 0, 0), (0, 0, 255)
    image = np.array([[[red, red], [dark, blue]]], dtype=np.uint8)
    extractor = ColorHistogram(space="rgb", bins=2).fit(image)
    features = dict(zip(extractor.get_feature_names_out(), extractor.transform(image)[0], strict=True))
    assert {name: value for name, value in features.items() if value} == {
        "color_histogram[cell 0,0; red 1, green 0, blue 0]": 0.5,
        "color_histogram[cell 0,0; red 0, green 0, blue 0]": 0.25,
        "color_histogram[cell 0,0; red 0, green 0, blue 1]": 0.25,
    }


def test_cells_are_told_apart():
    image = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    image[0, :2, 2:] = 255
    extractor = ColorHistogram(space="rgb", kind="marginal", bins=2, grid=2).fit(image)
    names = extractor.get_feature_names_out()[extractor.transform(image)[0] > 0]
    bright = [name for name in names if name.endswith(" 1]")]
    assert bright == [f"color_histogram[cell 0,1; {channel} 1]" for channel in ("red", "green", "blue")]


def test_a_soft_count_by_hand():
    # Red 159 of 255 is 2.494 of 4 bins: 0.6 % before the middle of bin 2 at 2.5. Green and blue lie below the
    # middle of bin 0.
    image = np.array([[[(159, 0, 10)]]], dtype=np.uint8)
    histogram = color_histogram(image, space="rgb", kind="marginal", bins=4, soft=True)[0]
    share = 2.5 - 4 * 159 / 255
    np.testing.assert_allclose(histogram, [0, share, 1 - share, 0, 1, 0, 0, 0, 1, 0, 0, 0], atol=FLOAT32)


def test_soft_hues_share_across_the_end_of_the_circle():
    image = np.array([[[(255, 0, 0)]]], dtype=np.uint8)
    histogram = color_histogram(image, space="hsv", kind="marginal", bins=4, soft=True)[0]
    np.testing.assert_allclose(histogram[:4], [0.5, 0, 0, 0.5], atol=FLOAT32)


def test_a_small_change_moves_little_only_where_soft():
    before = np.full((1, 4, 4, 3), 127, dtype=np.uint8)
    distance = {
        soft: np.abs(
            color_histogram(before + np.uint8(1), space="rgb", bins=2, soft=soft)
            - color_histogram(before, space="rgb", bins=2, soft=soft)
        ).max()
        for soft in (False, True)
    }
    assert distance[False] == 1
    assert distance[True] < 0.02


@pytest.mark.parametrize(
    ("parameters", "shape", "message"),
    [
        ({}, (1, 8, 8), r"ColorHistogram: images must be in colour, \(n, h, w, 3\); got grey"),
        (
            {"grid": 5},
            (1, 4, 8, 3),
            "ColorHistogram: images must be at least 5 × 5 pixels for grid=5; got 4 × 8",
        ),
        ({"bins": 65}, (1, 8, 8, 3), "ColorHistogram: bins must be an integer ≥ 1 and ≤ 64; got 65"),
        ({"space": "hsl"}, (1, 8, 8, 3), "ColorHistogram: space must be one of 'rgb', 'hsv'"),
    ],
)
def test_what_is_refused(parameters, shape, message):
    with pytest.raises(InputError, match=message):
        ColorHistogram(**parameters).fit(np.zeros(shape, dtype=np.uint8))


def test_pictures_show_the_mean_colour_of_a_bin():
    image = np.array([[[(200, 0, 0), (240, 0, 10), (0, 0, 90)]]], dtype=np.uint8)
    pictures = ColorHistogram(space="rgb", bins=2).pictures(image)["colours"][0, 0]
    assert pictures.tolist() == [[220, 0, 5], [220, 0, 5], [0, 0, 90]]


@pytest.mark.parametrize(
    "extractor",
    [
        ColorHistogram(space="lab", grid=3, soft=True),
        ColorHistogram(space="opponent", kind="marginal", bins=11),
        ColorHistogram(space="rgb", kind="marginal", grid=2, soft=True),
    ],
    ids=repr,
)
def test_laws(extractor):
    check_extractor(extractor)
