import itertools

import numpy as np
import pytest
from hog_reference import cs231n, dalal, luma_of_floats, luma_of_thousandths, uoctti
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import hog as scikit_image_hog

from featbench.errors import InputError
from featbench.extractors import HOG
from featbench.extractors.hog import hog
from featbench.extractors.hog_dalal import orientation_table
from featbench.extractors.hog_uoctti import _vote, direction_table
from featbench.testing import check_extractor

NORMS = ("l1", "l1-sqrt", "l2", "l2-hys")

# What the issue promises of the equality with scikit-image, which itself sums a cell in float32.
SCIKIT_IMAGE = 1e-5
# Features in [0, 1] whose cells are summed exactly; what is left is float32 in the normalisation.
FLOAT32 = 2e-6
# The course's means reach 365 grey levels in float64; ours are rounded to float32 once, its own carry the
# rounding of a running sum.
COURSE = 1e-4


def scikit_image(image, orientations, cell, block, block_norm, **more):
    name = {"l1": "L1", "l1-sqrt": "L1-sqrt", "l2": "L2", "l2-hys": "L2-Hys"}[block_norm]
    axis = -1 if image.ndim == 3 else None
    return scikit_image_hog(
        image, orientations, (cell, cell), (block, block), name, channel_axis=axis, **more
    )


def random_case(seed):
    """Draw parameters and an image: colour or grey, square or not, noise, ramps or few levels."""
    rng = np.random.default_rng(seed)
    orientations, cell, block = (int(rng.integers(1, high)) for high in (20, 11, 4))
    height, width = rng.integers(block * cell, block * cell + 3 * cell + 5, 2)
    image = rng.integers(0, 256, (height, width, 3)[: rng.integers(2, 4)])
    if seed % 3 == 1:
        image //= 40
    if seed % 3 == 2:
        image = np.cumsum(image // 64, axis=1) % 256
    return image.astype(np.uint8), orientations, cell, block, NORMS[seed % 4]


@pytest.mark.parametrize("seed", range(60))
def test_dalal_equals_scikit_image(seed):
    image, *parameters = random_case(seed)
    ours = hog(
        image[None], **dict(zip(("orientations", "cell", "block", "block_norm"), parameters, strict=True))
    )
    np.testing.assert_allclose(ours[0], scikit_image(image, *parameters), rtol=0, atol=SCIKIT_IMAGE)


@pytest.mark.parametrize("shape", [(32, 32, 3), (128, 64, 3), (61, 97, 3), (50, 34)])
@pytest.mark.parametrize("block_norm", NORMS)
def test_dalal_equals_scikit_image_on_a_photograph(shape, block_norm):
    from skimage.data import astronaut

    photograph = astronaut()[100:, 150:]
    image = photograph[: shape[0], : shape[1]] if len(shape) == 3 else photograph[: shape[0], : shape[1], 1]
    ours = hog(image[None], block_norm=block_norm)
    np.testing.assert_allclose(ours[0], scikit_image(image, 9, 8, 2, block_norm), rtol=0, atol=SCIKIT_IMAGE)


@pytest.mark.parametrize("seed", range(40))
def test_square_roots_equal_scikit_image(seed):
    # A third of the images has few grey levels: gradients such as (√3, 1), on the edge of a bin, are common.
    image, *parameters = random_case(seed)
    names = ("orientations", "cell", "block", "block_norm")
    ours = hog(image[None], **dict(zip(names, parameters, strict=True)), gamma="sqrt")
    expected = scikit_image(image, *parameters, transform_sqrt=True)
    np.testing.assert_allclose(ours[0], expected, rtol=0, atol=SCIKIT_IMAGE)


@pytest.mark.parametrize("orientations", [2, 3, 6, 12, 18, 90])
@pytest.mark.parametrize("block_norm", NORMS)
def test_square_roots_on_the_edges_of_bins_equal_scikit_image(rng, orientations, block_norm):
    images = rng.choice(np.array([0, 1, 3, 4, 9, 12, 27], dtype=np.uint8), (20, 20, 20, 3))
    ours = hog(images, orientations=orientations, cell=5, block_norm=block_norm, gamma="sqrt")
    expected = [scikit_image(image, orientations, 5, 2, block_norm, transform_sqrt=True) for image in images]
    np.testing.assert_allclose(ours, expected, rtol=0, atol=SCIKIT_IMAGE)


def test_a_step_in_shadow_counts_like_one_in_light():
    # A step of the root by 2 in each row of cells: from 1 to 3 above, from 13 to 15 below.
    steps = np.repeat(np.array([[1, 9], [169, 225]], dtype=np.uint8), 8, axis=1)
    image = np.repeat(steps, 8, axis=0)
    none, sqrt = (
        hog(image[None], block_norm="l1", gamma=gamma)[0].reshape(2, 2, 9)[:, 0, 0]
        for gamma in ("none", "sqrt")
    )
    assert none[1] == pytest.approx(7 * none[0], rel=FLOAT32)
    assert sqrt[1] == pytest.approx(sqrt[0], rel=FLOAT32)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 24),
    st.integers(1, 5),
    st.sampled_from(NORMS),
    st.sampled_from(["none", "sqrt"]),
    st.booleans(),
)
def test_signed_directions_equal_the_slow_reference(seed, orientations, cell, block_norm, gamma, colour):
    rng = np.random.default_rng(seed)
    shape = (2, *rng.integers(max(4, 2 * cell), 18, 2), 3)[: 4 if colour else 3]
    images = rng.integers(0, 256, shape).astype(np.uint8)
    parameters = {"orientations": orientations, "cell": cell, "block_norm": block_norm}
    ours = hog(images, **parameters, signed=True, gamma=gamma)
    slow = [dalal(image, orientations, cell, 2, block_norm, 360, gamma) for image in images]
    np.testing.assert_allclose(ours, slow, rtol=0, atol=FLOAT32)


def test_signed_directions_tell_light_from_dark():
    rising = np.tile(np.arange(0, 80, 10, dtype=np.uint8), (8, 1))
    ways = [rising, rising.T, rising[:, ::-1], rising.T[::-1]]
    loudest = [hog(way.copy()[None], block=1, orientations=4, signed=True)[0].argmax() for way in ways]
    assert loudest == [0, 1, 2, 3]
    names = HOG(block=1, orientations=4, signed=True).fit(rising[None]).get_feature_names_out()
    assert [name.split("; ")[-1] for name in names] == ["0°]", "90°]", "180°]", "270°]"]
    unsigned = [hog(way.copy()[None], block=1, orientations=4)[0].argmax() for way in ways]
    assert unsigned == [0, 2, 0, 2]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(3, 12),
    st.integers(1, 9),
    st.sampled_from([2, 6, 256]),
    st.booleans(),
)
def test_uoctti_equals_the_slow_reference(seed, orientations, cell, levels, colour):
    rng = np.random.default_rng(seed)
    shape = (2, *rng.integers(max(4, cell), 30, 2), 3)[: 4 if colour else 3]
    images = rng.integers(0, levels, shape).astype(np.uint8)
    ours = hog(images, orientations=orientations, cell=cell, variant="uoctti")
    slow = [uoctti(image, orientations, cell) for image in images]
    np.testing.assert_allclose(ours, slow, rtol=0, atol=FLOAT32)


def test_uoctti_by_hand():
    # One cell of 8 × 8, a gradient of 20 in the 36 inner pixels, all towards 0°. Each of the four blocks is
    # the cell four times: √(4 e²) = 2 e, a half, limited to 0.2; four halves of that, 0.4, and 0.2357 · 0.2.
    image = np.tile(np.arange(0, 80, 10, dtype=np.uint8), (8, 1))
    expected = np.zeros(31)
    expected[[0, 18]] = 0.4
    expected[27:] = 0.2357 * 0.2
    np.testing.assert_allclose(hog(image[None], variant="uoctti")[0], expected, atol=FLOAT32)
    # The other way: the opposite direction, the same orientation.
    assert np.flatnonzero(hog(image[None, :, ::-1], variant="uoctti")[0]).tolist() == [9, 18, 27, 28, 29, 30]


def test_a_vote_is_shared_among_the_nearest_cells():
    # Of a bright pixel's neighbours only the left one, here at row 3, column 4, has a gradient to the right. It
    # is 3/8 of a cell below the centre of row 0, at 1.5, and 5/8 of a cell right of the centre of column 0.
    image = np.zeros((8, 8, 1), dtype=np.uint8)
    image[3, 5] = 100
    votes = np.empty((4, 4, 8))
    _vote(image, direction_table(4), 4, votes)
    expected = np.zeros((4, 4))
    expected[1:3, 1:3] = 100 * np.outer([5 / 8, 3 / 8], [3 / 8, 5 / 8])
    np.testing.assert_array_equal(votes[..., 0], expected)


def test_the_nearest_direction():
    def nearest(g_row, g_col, orientations=9):
        return direction_table(orientations)[g_row + 255, g_col + 255]

    # 20° apart; upright gradients are half-way between 80° and 100°, 260° and 280°.
    assert [nearest(0, 5), nearest(5, 0), nearest(0, -5), nearest(-5, 0)] == [0, 4, 9, 13]
    assert [nearest(-1, 100), nearest(40, 109), nearest(100, 100)] == [0, 1, 2]
    assert [nearest(3, 3, 4), nearest(-3, 3, 4), nearest(-1, 255, 4)] == [1, 7, 0]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_dalal_equals_the_slow_reference(data):
    seed, block_norm = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.sampled_from(NORMS))
    orientations = data.draw(st.integers(1, 12))
    cell, block = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 3))
    height, width = (data.draw(st.integers(max(4, cell * block), 20)) for _ in range(2))
    levels = data.draw(st.sampled_from([2, 5, 256]))
    shape = (2, height, width, 3)[: data.draw(st.sampled_from([3, 4]))]
    images = np.random.default_rng(seed).integers(0, levels, shape).astype(np.uint8)
    ours = hog(images, orientations=orientations, cell=cell, block=block, block_norm=block_norm)
    slow = np.stack([dalal(image, orientations, cell, block, block_norm) for image in images])
    np.testing.assert_allclose(ours, slow, rtol=0, atol=FLOAT32)


def test_cells_of_any_size_are_summed_exactly(rng):
    image = rng.integers(0, 256, (203, 201)).astype(np.uint8)
    ours = hog(image[None], cell=100, block=2, orientations=5, block_norm="l2")[0]
    np.testing.assert_allclose(ours, dalal(image, 5, 100, 2, "l2"), rtol=0, atol=FLOAT32)


def test_channels_of_equal_magnitude_are_told_apart_as_scikit_image_does():
    # 17² + 52² = 28² + 47², but glibc's hypot rounds one of them down; (0, 5) and (3, 4) are truly equal.
    pairs = [((17, 52), (28, 47)), ((28, 47), (17, 52)), ((0, 5), (3, 4)), ((3, 4), (0, 5))]
    steps = np.arange(256)
    squares = steps[:, None] ** 2 + steps**2
    for square in (7565, 10034, 15496):
        ways = np.argwhere(squares == square)
        pairs += [(tuple(a), tuple(b)) for a in ways for b in ways]
    for a, b in pairs:
        for channels in ((a, b, (0, 0)), (a, b, a), ((0, 0), a, b)):
            check_one_gradient(channels)


def check_one_gradient(channels):
    """Compare with scikit-image where one pixel alone has gradients, those given, (row, column) a channel."""
    image = np.zeros((3, 3, 3), dtype=np.uint8)
    image[2, 1], image[1, 2] = np.transpose(channels)
    ours = hog(image[None], cell=3, block=1, orientations=90, block_norm="l1")[0]
    np.testing.assert_allclose(ours, scikit_image(image, 90, 3, 1, "l1"), rtol=0, atol=SCIKIT_IMAGE)


def test_channels_of_gradients_beyond_16_bits_are_compared():
    # Squares of 65,425 and more; 16 bits hold 65,535.
    gradients = [(255, 20), (20, 255), (200, 180), (254, 110), (255, 255)]
    for channels in itertools.product(gradients, repeat=3):
        check_one_gradient(channels)


def test_a_ramp_by_hand():
    # Columns rise by 10: the gradient is 20 in 6 of 8 columns, 0 at both ends; towards 0°, bin 0.
    image = np.tile(np.arange(0, 80, 10, dtype=np.uint8), (8, 1))
    mean = 20 * 6 / 8
    expected = np.zeros(9)
    expected[0] = mean / (mean + 1e-5)
    np.testing.assert_allclose(hog(image[None], block=1, block_norm="l1")[0], expected, atol=1e-7)
    # Rows rise instead: 90°, the fifth bin.
    assert np.argmax(hog(image.T[None], block=1)[0]) == 4


def test_cs231n_ramp_by_hand():
    # Forward differences of 10 in 7 of 8 columns; towards 0°, the middle of −90° … 90°.
    image = np.tile(np.arange(0, 80, 10, dtype=np.uint8), (8, 1))
    expected = np.zeros(9)
    expected[4] = 10 * 7 / 8
    np.testing.assert_allclose(hog(image[None], variant="cs231n")[0], expected)
    assert not hog(image[None, :, ::-1], variant="cs231n").any()  # the other way: dropped, as in the course


def test_the_table_puts_exact_edges_into_the_bin_above():
    def bin_of(orientations, g_row, g_col):
        return orientation_table(orientations)[(g_row + 255) * 512 + g_col + 255]

    assert [bin_of(4, *g) for g in ((0, 7), (7, 7), (7, 0), (7, -7), (0, -7), (-7, -7))] == [0, 1, 2, 3, 0, 1]
    assert [bin_of(9, *g) for g in ((0, 1), (1, 0), (255, -1), (-1, -255), (1, -255))] == [0, 4, 4, 0, 8]
    assert orientation_table(180).max() == 179


@pytest.mark.parametrize(("orientations", "cell"), [(9, 8), (6, 5), (13, 3), (1, 7)])
@pytest.mark.parametrize("levels", [256, 8])
def test_cs231n_equals_the_course(rng, orientations, cell, levels):
    # Few grey levels make exactly vertical gradients common, which the course's 1e-15 decides upon.
    colour = rng.integers(0, levels, (2, 34, 34, 3)).astype(np.uint8)
    grey = colour[..., 0]
    images = np.repeat(grey[..., None], 3, axis=-1) if levels < 256 else colour
    for batch in (images, grey):
        ours = hog(batch, orientations=orientations, cell=cell, variant="cs231n")
        course = [cs231n(luma_of_floats(image), orientations, cell) for image in batch]
        np.testing.assert_allclose(ours, course, atol=COURSE)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.integers(1, 5),
    st.integers(5, 14),
    st.integers(5, 14),
    st.sampled_from([3, 256]),
)
def test_cs231n_equals_the_course_without_rounding_noise(seed, orientations, cell, height, width, levels):
    images = np.random.default_rng(seed).integers(0, levels, (2, height, width, 3)).astype(np.uint8)
    if orientations % 4 == 0:  # edges at ±45°: a float angle on such an edge may fall to either side
        orientations += 1
    ours = hog(images, orientations=orientations, cell=cell, variant="cs231n")
    course = [cs231n(luma_of_thousandths(image), orientations, cell) for image in images]
    np.testing.assert_allclose(ours, course, atol=COURSE)


def test_the_course_gets_144_numbers_of_a_small_image(rng):
    images = rng.integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    assert HOG(variant="cs231n").fit_transform(images).shape == (3, 144)
    assert HOG().fit_transform(images).shape == (3, 324)


@pytest.mark.parametrize(
    ("parameters", "shape", "least"),
    [
        ({}, (15, 40), "at least 16 × 16 pixels for cell=8 and block=2; got 15 × 40"),
        (
            {"cell": 10, "block": 3},
            (40, 29, 3),
            "at least 30 × 30 pixels for cell=10 and block=3; got 40 × 29",
        ),
        ({"variant": "cs231n"}, (7, 7), "at least 8 × 8 pixels for cell=8; got 7 × 7"),
        ({"variant": "uoctti", "cell": 6}, (5, 9), "at least 6 × 6 pixels for cell=6; got 5 × 9"),
    ],
)
def test_an_image_too_small_is_told_the_smallest_legal_size(parameters, shape, least):
    with pytest.raises(InputError, match=least):
        hog(np.zeros((1, *shape), dtype=np.uint8), **parameters)
    assert least in HOG(**parameters).supports(shape)
    side = int(least.split()[2])
    assert HOG(**parameters).supports((side, side)) is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cell": 0}, "HOG: cell must be an integer ≥ 1; got 0"),
        ({"orientations": 181}, "HOG: orientations must be an integer ≥ 1 and ≤ 180; got 181"),
        ({"block": 1.5}, "HOG: block must be an integer; got 1.5"),
        ({"variant": "dallal"}, "HOG: variant must be one of 'dalal', 'cs231n', 'uoctti'; got 'dallal'"),
        ({"block_norm": "L2"}, "HOG: block_norm must be one of 'l1'"),
        ({"gamma": 0.5}, "HOG: gamma must be one of 'none', 'sqrt'; got 0.5"),
        ({"signed": "yes"}, "HOG: signed must be true or false; got 'yes'"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        hog(np.zeros((1, 32, 32, 3), dtype=np.uint8), **parameters)


@pytest.mark.parametrize("variant", ["dalal", "cs231n"])
def test_names_say_where_a_feature_comes_from(rng, variant):
    # Only the cell in row 1, column 2 has gradients, so only features named after it are not zero.
    images = np.full((1, 32, 40), 100, dtype=np.uint8)
    images[0, 10:14, 18:22] = rng.integers(0, 256, (4, 4))
    extractor = HOG(variant=variant).fit(images)
    names, features = extractor.get_feature_names_out(), extractor.transform(images)[0]
    lit = set(names[features > 0])
    assert lit
    assert all(name.startswith("hog[cell 1,2;") for name in lit)
    if variant == "dalal":
        assert {name.split("; ")[1] for name in lit} == {"block 0,1", "block 0,2", "block 1,1", "block 1,2"}


def test_names_of_uoctti_say_direction_orientation_and_texture(rng):
    images = rng.integers(0, 256, (1, 32, 24, 3)).astype(np.uint8)
    names = HOG(variant="uoctti").fit(images).get_feature_names_out()
    assert len(names) == 4 * 3 * 31
    cell = [name.removeprefix("hog[cell 1,2; ") for name in names[5 * 31 : 6 * 31]]
    assert cell[:2] + cell[17:20] == [
        "direction 0°]",
        "direction 20°]",
        "direction 340°]",
        "orientation 0°]",
        "orientation 20°]",
    ]
    assert cell[27:] == [
        f"texture {where}]" for where in ("right below", "right above", "left below", "left above")
    ]


def test_the_range_of_uoctti(rng):
    images = rng.integers(0, 2, (5, 40, 40, 3)).astype(np.uint8) * np.uint8(255)
    cells = HOG(variant="uoctti", cell=5).fit_transform(images).reshape(-1, 31)
    assert cells.min() >= 0
    assert cells[:, :-4].max() <= 0.4 + FLOAT32
    assert cells[:, -4:].max() <= 1


def test_a_texture_is_named_after_its_block():
    # Noise in the lower right corner drowns a faint edge in the blocks that hold it; elsewhere the edge is loud.
    image = np.full((1, 40, 40), 100, dtype=np.uint8)
    image[0, 16:24, 20:] += 1
    image[0, 28:, 28:] = np.random.default_rng(0).integers(0, 256, (12, 12))
    extractor = HOG(variant="uoctti").fit(image)
    features = dict(zip(extractor.get_feature_names_out(), extractor.transform(image)[0], strict=True))
    textures = {
        where: features[f"hog[cell 2,2; texture {where}]"]
        for where in ("right below", "right above", "left below", "left above")
    }
    assert min(textures, key=textures.get) == "right below"
    assert max(textures, key=textures.get) == "left above"


def test_strokes_of_opposite_directions_are_one():
    ramp = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (16, 1))
    drawings = [
        HOG(signed=True, orientations=8).pictures(way[None])["strokes"] for way in (ramp, ramp[:, ::-1])
    ]
    np.testing.assert_array_equal(*drawings)


def test_names_give_the_lower_edge_of_a_bin():
    image = np.tile(np.arange(0, 80, 10, dtype=np.uint8), (8, 1)).T
    extractor = HOG(block=1).fit(image[None])
    loudest = np.argmax(extractor.transform(image[None]))
    assert extractor.get_feature_names_out()[loudest] == "hog[cell 0,0; block 0,0; 80°]"


@pytest.mark.parametrize("variant", ["dalal", "cs231n", "uoctti"])
def test_strokes_run_along_edges(variant):
    step = np.zeros((1, 16, 16), dtype=np.uint8)
    step[:, :, 8:] = 200  # a vertical edge
    strokes = HOG(variant=variant).pictures(step)["strokes"]
    assert strokes.shape == (1, 32, 32)
    # dalal sees it from both sides, in cells 0 and 1 of each row; the course's difference lies in the left one.
    cell = strokes[0, :16, :16]
    assert cell[1:-1].max(axis=1).min() > 200  # from top to bottom
    assert not cell[:, :5].any()  # at most half a bin, 10°, from upright
    assert not cell[:, 11:].any()


def test_strokes_of_a_flat_image_are_black():
    assert not HOG().pictures(np.full((2, 16, 16, 3), 77, dtype=np.uint8))["strokes"].any()


def test_the_function_returns_an_array_where_pandas_frames_are_the_rule():
    from sklearn import config_context

    with config_context(transform_output="pandas"):
        assert isinstance(hog(np.zeros((1, 16, 16), dtype=np.uint8)), np.ndarray)


@pytest.mark.parametrize(
    "extractor",
    [
        HOG(cell=5, block=3, block_norm="l1-sqrt"),
        HOG(block=1, block_norm="l2"),
        HOG(signed=True, gamma="sqrt", orientations=5),
        HOG(variant="cs231n", cell=6),
        HOG(variant="uoctti", cell=5, orientations=4),
    ],
    ids=repr,
)
def test_laws(extractor):
    check_extractor(extractor)
