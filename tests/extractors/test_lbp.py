import numpy as np
import pytest
from skimage.feature import local_binary_pattern

from featbench.errors import InputError
from featbench.extractors import LBP
from featbench.extractors.lbp import lbp
from featbench.extractors.lbp_codes import label_table, n_labels
from featbench.extractors.raw import to_grey
from featbench.testing import check_extractor

CIRCLES = [(8, 1), (16, 2), (8, 1.5), (12, 2.5), (5, 1), (4, 3), (7, 0.4)]


def textures(rng, levels):
    """Noise of some levels; flat; stripes with a flat square: where equal values and rounding decide."""
    images = (rng.integers(0, levels, (4, 23, 30)) * (255 // (levels - 1))).astype(np.uint8)
    images[1] = 77
    images[2] = images[2, 0]
    images[2, 5:18, 8:20] = 201
    images[3, :, ::2] = images[3, :, 1::2]
    return images


def smallest_rotations(points):
    """The sorted values that scikit-image's 'ror' has, by rotating texts."""
    texts = (f"{pattern:0{points}b}" for pattern in range(1 << points))
    return sorted({min(int(text[k:] + text[:k], 2) for k in range(points)) for text in texts})


def histograms(labels, n, grid):
    """Counts of labels 0 … n − 1 in each cell, as shares."""
    height, width = labels.shape
    cells = []
    for r, c in np.ndindex(grid, grid):
        rows = slice(r * height // grid, (r + 1) * height // grid)
        cell = labels[rows, c * width // grid : (c + 1) * width // grid]
        cells.append(np.bincount(cell.ravel().astype(int), minlength=n) / cell.size)
    return np.concatenate(cells).astype(np.float32)


@pytest.mark.parametrize("circle", CIRCLES)
@pytest.mark.parametrize("method", ["uniform", "nri_uniform"])
@pytest.mark.parametrize("levels", [2, 6, 256])
def test_histograms_equal_scikit_image_exactly(rng, circle, method, levels):
    images = textures(rng, levels)
    n = circle[0] + 2 if method == "uniform" else circle[0] * (circle[0] - 1) + 3
    for grid in (1, 3):
        ours = lbp(images, circles=[circle], method=method, grid=grid)
        expected = [histograms(local_binary_pattern(image, *circle, method), n, grid) for image in images]
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("circle", [(8, 1), (5, 1.5), (10, 2)])
def test_rotated_patterns_equal_scikit_image_exactly(rng, circle):
    images = textures(rng, 6)
    values = smallest_rotations(circle[0])
    ours = lbp(images, circles=[circle], method="ror")
    labels = [np.searchsorted(values, local_binary_pattern(image, *circle, "ror")) for image in images]
    np.testing.assert_array_equal(ours, [histograms(image, len(values), 1) for image in labels])


def test_photographs_equal_scikit_image_exactly():
    from skimage.data import astronaut

    photograph = astronaut()[100:200, 150:300]
    grey = to_grey(photograph[None])
    ours = LBP(points=[8, 16, 24], radius=[1.0, 2.0, 3.0]).fit_transform(photograph[None])[0]
    circles = [(8, 1), (16, 2), (24, 3)]
    parts = [
        histograms(local_binary_pattern(grey[0], *circle, "uniform"), circle[0] + 2, 1) for circle in circles
    ]
    np.testing.assert_array_equal(ours, np.concatenate(parts))


def test_numbers_of_labels():
    assert [n_labels(8, method) for method in ("uniform", "nri_uniform", "ror")] == [10, 59, 36]
    assert n_labels(16, "uniform") == 18
    assert n_labels(16, "ror") == 4116  # necklaces of 16 beads in two colours


def test_labels_by_hand():
    assert label_table(8, "uniform")[[0b0, 0b1, 0b10000001, 0b1111, 0b101, 0b11111111]].tolist() == [
        0,
        1,
        2,
        4,
        9,
        8,
    ]
    assert len(set(label_table(8, "nri_uniform")[[0b1, 0b10, 0b10000000]])) == 3
    assert len(set(label_table(8, "ror")[[0b1011, 0b10110, 0b11000010]])) == 1


def test_a_spot_and_a_flat_region_by_hand():
    # A bright pixel sees no neighbour as bright: 0 ones. A flat region, away from the black border: all 8.
    image = np.full((1, 7, 7), 100, dtype=np.uint8)
    image[0, 3, 3] = 200
    extractor = LBP(grid=7).fit(image)
    features = dict(zip(extractor.get_feature_names_out(), extractor.transform(image)[0], strict=True))
    assert features["lbp[circle 0: 8 points, radius 1; cell 3,3; 0 ones]"] == 1
    assert features["lbp[circle 0: 8 points, radius 1; cell 3,2; 8 ones]"] == 1
    assert features["lbp[circle 0: 8 points, radius 1; cell 0,0; 3 ones]"] == 1  # a corner has three inside


def test_light_changes_nothing_and_a_quarter_turn_changes_no_uniform_pattern(rng):
    image = rng.integers(1, 60, (1, 20, 20)).astype(np.uint8)
    np.testing.assert_array_equal(lbp(image), lbp(4 * image))
    inside = np.pad(image, ((0, 0), (9, 9), (9, 9)))
    np.testing.assert_array_equal(lbp(inside), lbp(np.rot90(inside, axes=(1, 2)).copy()))


def test_one_radius_or_one_number_of_points_serves_all_circles(rng):
    images = rng.integers(0, 256, (2, 9, 9)).astype(np.uint8)
    several = LBP(points=8, radius=[1.0, 2.0]).fit_transform(images)
    parts = [LBP(radius=radius).fit_transform(images) for radius in (1.0, 2.0)]
    np.testing.assert_array_equal(several, np.hstack(parts))
    assert LBP(points=[8, 12], radius=2.0).fit(images).n_features_out_ == 10 + 14


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"points": 3}, "LBP: points must be an integer ≥ 4 and ≤ 24 or a list of integers; got 3"),
        (
            {"points": [8, 25], "radius": [1.0, 2.0]},
            r"LBP: points must be an integer or a list of integers ≥ 4 and ≤ 24; got \[8, 25\]",
        ),
        ({"points": 18, "method": "ror"}, 'LBP: points must be ≤ 16 for method="ror"; got 18'),
        (
            {"radius": [1.0, -2.0]},
            r"LBP: radius must be a number or a list of numbers > 0 and ≤ 100; got \[1.0, -2.0\]",
        ),
        ({"points": "8"}, "LBP: points must be an integer or a list of integers; got '8'"),
        (
            {"points": [8, 16], "radius": [1.0, 2.0, 3.0]},
            r"LBP: radius must be one, or as many as points \(2\)",
        ),
        ({"points": []}, r"LBP: points must be one integer or more; got \[\]"),
        ({"grid": 20}, "LBP: images must be at least 20 × 20 pixels for grid=20; got 9 × 12"),
        ({"method": "var"}, "LBP: method must be one of 'uniform'"),
    ],
)
def test_what_is_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        LBP(**parameters).fit(np.zeros((1, 9, 12), dtype=np.uint8))


def test_tuples_and_arrays_are_lists(rng):
    images = rng.integers(0, 256, (2, 12, 12)).astype(np.uint8)
    expected = LBP(points=[8, 16], radius=[1.0, 2.0]).fit_transform(images)
    for points, radius in (((8, 16), (1, 2)), (np.array([8, 16]), np.array([1.0, 2.0]))):
        np.testing.assert_array_equal(LBP(points=points, radius=radius).fit_transform(images), expected)


def test_pictures_are_labels_as_brightness():
    image = np.full((1, 5, 6, 3), 100, dtype=np.uint8)
    image[0, 2, 3] = 200
    picture = LBP().pictures(image)["patterns"]
    assert picture.shape == (1, 5, 6)
    assert picture[0, 2, 3] == 0
    assert picture[0, 2, 1] == round(8 / 9 * 255)


@pytest.mark.parametrize(
    "extractor",
    [
        LBP(points=[8, 12], radius=[1.0, 2.5], grid=2),
        LBP(method="ror", radius=2.0),
        LBP(method="nri_uniform", grid=3),
    ],
    ids=repr,
)
def test_laws(extractor):
    check_extractor(extractor)
