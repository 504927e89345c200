import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from featbench.errors import InputError
from featbench.extractors import SIFT
from featbench.extractors.raw import to_grey
from featbench.extractors.sift import dense_sift
from featbench.images import ImageSource
from featbench.testing import check_extractor

# Means and lengths in float32.
FLOAT32 = 1e-6


@pytest.fixture
def crops():
    return np.stack([astronaut()[y : y + 70, x : x + 90] for y, x in [(0, 170), (60, 180), (300, 20)]])


def pooled(values, positions, shape, grid):
    """Means by cell of one image, by loops, at length 1."""
    sums, counts = np.zeros((grid, grid, 128)), np.zeros((grid, grid, 1))
    for value, (row, col) in zip(values, positions, strict=True):
        cell = [
            next(i for i in range(grid) if round(float(place)) < (i + 1) * extent // grid)
            for place, extent in zip((row, col), shape, strict=True)
        ]
        sums[*cell] += value
        counts[*cell] += 1
    means = (sums / np.maximum(counts, 1)).ravel()
    return means / (np.linalg.norm(means) or 1)


def test_local_descriptors_equal_opencv_where_they_say(crops):
    found = SIFT(step=7, sizes=[3.0, 5.0]).describe(crops)
    assert len(found) == 3
    rows, cols = np.arange(3, 70, 7), np.arange(2, 90, 7)  # 69 % 7 // 2 and 89 % 7 // 2
    assert found.offsets.tolist() == [0, 260, 520, 780]
    for i, image in enumerate(to_grey(crops)):
        one = found.images(i, i + 1)
        points = [
            cv2.KeyPoint(float(c), float(r), s, 0, 0, 0) for s in (3.0, 5.0) for r in rows for c in cols
        ]
        np.testing.assert_array_equal(one.positions, np.float32([p.pt[::-1] for p in points]))
        np.testing.assert_array_equal(one.scales, np.float32([p.size for p in points]))
        assert np.abs(one.values - cv2.SIFT.create().compute(image, points)[1]).max() <= 1
        assert np.array_equal(one.values, np.rint(one.values))


@pytest.mark.parametrize("keypoints", ["dense", "detected"])
@pytest.mark.parametrize("root", [False, True])
def test_features_are_means_of_descriptors(crops, keypoints, root):
    extractor = SIFT(keypoints=keypoints, sizes=[2.0, 4.0], step=5, root=root, grid=3)
    features, found = extractor.fit_transform(crops), extractor.describe(crops)
    assert features.shape == (3, 9 * 128)
    for i in range(3):
        one = found.images(i, i + 1)
        np.testing.assert_allclose(features[i], pooled(one.values, one.positions, (70, 90), 3), atol=FLOAT32)
        assert np.linalg.norm(features[i]) == pytest.approx(1, abs=FLOAT32)


def test_brightness_and_contrast_hardly_matter(crops):
    dim = to_grey(crops) // 4
    ours, theirs = dense_sift(dim, step=8), dense_sift(3 * dim + 40, step=8)
    assert np.abs(ours - theirs).max() <= 1
    assert ours.max() > 100


@pytest.mark.parametrize("keypoints", ["dense", "detected"])
def test_root_sift(crops, keypoints):
    plain, root = (SIFT(keypoints=keypoints, root=r).describe(crops).values for r in (False, True))
    np.testing.assert_allclose(root, np.sqrt(plain / plain.sum(axis=1, keepdims=True)), atol=FLOAT32)
    np.testing.assert_allclose(np.linalg.norm(root, axis=1), 1, atol=FLOAT32)


def test_the_function_gives_what_the_extractor_describes(crops):
    values = dense_sift(crops, step=6, sizes=(2.0, 3.5), root=True)
    assert values.shape == (3, 2, 12, 15, 128)
    described = SIFT(step=6, sizes=[2.0, 3.5], root=True).describe(crops)
    np.testing.assert_array_equal(values.reshape(-1, 128), described.values)
    np.testing.assert_array_equal(dense_sift(crops), dense_sift(to_grey(crops)))
    assert dense_sift(crops[:0]).shape == (0, 1, 18, 23, 128)


@pytest.mark.parametrize("keypoints", ["dense", "detected"])
def test_images_of_differing_sizes(crops, keypoints):
    extractor = SIFT(keypoints=keypoints, grid=2, step=9)
    images = [crops[0], crops[1][:40, :33], crops[2][:2, :30], crops[1]]
    found = extractor.describe(images)
    for i, image in enumerate(images):
        alone = extractor.describe(image[None])
        np.testing.assert_array_equal(found.images(i, i + 1).values, alone.values)
        np.testing.assert_array_equal(found.images(i, i + 1).positions, alone.positions)
    assert found.offsets[3] == found.offsets[2]  # two rows are too few for a gradient
    features = extractor.fit(images[:2]).transform([images[3], images[1]])
    np.testing.assert_array_equal(
        features[0], SIFT(keypoints=keypoints, grid=2, step=9).fit_transform(crops)[1]
    )


def test_flat_images_and_empty_cells_have_zeros():
    images = np.full((2, 40, 40), 90, dtype=np.uint8)
    images[1, 30:, :8] = 200
    for keypoints in ("dense", "detected"):
        assert not SIFT(keypoints=keypoints).fit_transform(images)[0].any()
    features = SIFT(step=20, sizes=2.0).fit_transform(images)[1].reshape(4, 4, 128)
    # Points lie at 19 % 20 = 9 and 29, 9 pixels wide: only the one at row 29, column 9 sees the square.
    occupied = np.zeros((4, 4), dtype=bool)
    occupied[2, 0] = True
    assert np.array_equal(features.any(axis=2), occupied)


def test_names_say_which_number_is_what():
    # Brighter to the right, in the right half alone: direction 0° in the two cells there.
    image = np.full((1, 48, 48), 20, dtype=np.uint8)
    image[0, :, 24:] = 20 + 8 * np.arange(24)
    extractor = SIFT(sizes=1.0, grid=2).fit(image)
    names = extractor.get_feature_names_out()
    features = dict(zip(names, extractor.transform(image)[0], strict=True))
    assert names[0] == "sift[cell 0,0; part 0,0; 0°]"
    assert names[-1] == "sift[cell 1,1; part 3,3; 315°]"
    assert features["sift[cell 0,1; part 1,2; 0°]"] > 0.05
    assert all(abs(value) < FLOAT32 for name, value in features.items() if "; 0°" not in name)
    turned = dict(zip(names, extractor.transform(np.rot90(image, axes=(1, 2)).copy())[0], strict=True))
    assert turned["sift[cell 0,1; part 2,1; 90°]"] > 0.05  # brighter towards smaller rows


def test_pictures(crops):
    pictures = SIFT(grid=2).pictures(crops)
    assert set(pictures) == {"strokes"}
    assert pictures["strokes"].shape == (3, 2 * 4 * 16, 2 * 4 * 16)
    pictures = SIFT(keypoints="detected").pictures(crops)
    assert set(pictures) == {"strokes", "keypoints"}
    assert pictures["keypoints"].shape == crops.shape


def test_strokes_run_along_edges():
    row, col = np.mgrid[:64, :64]
    slope = (2 * (row + col)).astype(
        np.uint8
    )  # brighter down and to the right: edges run up and to the right
    glyph = SIFT(grid=1, sizes=2.0).pictures(slope[None])["strokes"][0, 16:32, 16:32]
    assert glyph[12, 3] > 200
    assert glyph[3, 12] > 200
    assert glyph[3, 3] == glyph[12, 12] == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"grid": 30},
            r"SIFT: images must be at least 30 × 30 pixels for grid=30; got 20 × 24. Enlarge .* or take fewer",
        ),
        ({"sizes": 0.5}, "SIFT: sizes must be a number ≥ 1 and ≤ 256 or a list of numbers; got 0.5"),
        (
            {"sizes": [2.0, -1.0]},
            r"SIFT: sizes must be a number or a list of numbers ≥ 1 and ≤ 256; got \[2.0, -1.0\]",
        ),
        ({"sizes": []}, r"SIFT: sizes must be one number or more; got \[\]"),
        ({"sizes": [True]}, "SIFT: sizes must be a number or a list of numbers"),
        ({"sizes": np.ones((1, 2))}, "SIFT: sizes must be a number or a list of numbers"),
        ({"step": 0}, "SIFT: step must be an integer ≥ 1; got 0"),
        ({"keypoints": "corners"}, "SIFT: keypoints must be one of 'dense', 'detected'; got 'corners'"),
    ],
)
def test_what_is_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        SIFT(**parameters).fit(np.zeros((1, 20, 24), dtype=np.uint8))


def test_tuples_and_arrays_of_sizes_are_lists(crops):
    expected = SIFT(sizes=[3.0, 4.0]).fit_transform(crops)
    for sizes in ((3.0, 4.0), (3, 4), np.array([3.0, 4.0])):
        np.testing.assert_array_equal(SIFT(sizes=sizes).fit_transform(crops), expected)


def test_images_without_inner_pixels_are_refused():
    message = "SIFT: images must be at least 3 × 3 pixels for grid=1; got 2 × 24. Enlarge the images."
    with pytest.raises(InputError, match=message):
        SIFT(grid=1).fit(np.zeros((1, 2, 24), dtype=np.uint8))
    with pytest.raises(InputError, match=message):
        dense_sift(np.zeros((1, 2, 24), dtype=np.uint8))
    SIFT(grid=1).fit(np.zeros((1, 3, 4), dtype=np.uint8))


def test_the_function_wants_an_array():
    class Nothing(ImageSource):
        image_shape = (9, 9)

        def __len__(self):
            return 0

        def read(self, indices):
            raise AssertionError

    with pytest.raises(InputError, match="dense_sift: images must be an array or a list of arrays"):
        dense_sift(Nothing())
    with pytest.raises(InputError, match="SIFT: step must be an integer"):
        dense_sift(np.zeros((1, 9, 9), dtype=np.uint8), step=0)


@pytest.mark.parametrize(
    "extractor",
    [
        SIFT(root=True, sizes=[1.0, 6.5], step=5, grid=3),
        SIFT(sizes=1.0, step=1, grid=1),
        SIFT(keypoints="detected"),
        SIFT(keypoints="detected", root=True, grid=1),
    ],
    ids=repr,
)
def test_laws(extractor):
    check_extractor(extractor)
