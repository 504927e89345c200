import numpy as np
import pytest

from featbench.errors import InputError
from featbench.extractors import FilterBank
from featbench.extractors.filter_bank import filter_responses
from featbench.extractors.filtering import each_response
from featbench.testing import check_extractor

# Sums in float64 on both sides, rounded to float32 once.
ROUNDING = 1e-6
# Responses in float32 that a turned image has in another order of sums.
TURNED = 1e-4


def planes(images, **parameters):
    kept = {}
    chosen = {"bank": "mr8", "scale": 1.0, "normalize": True, "contrast": True} | parameters
    each_response(kept.__setitem__, images, **chosen)
    return np.stack([kept[i] for i in range(len(images))]).astype(float)


@pytest.mark.parametrize(("bank", "responses"), [("mr8", 8), ("lm", 48), ("schmid", 13)])
@pytest.mark.parametrize("grid", [1, 3])
def test_features_are_means_and_deviations_over_cells(rng, bank, responses, grid):
    images = rng.integers(0, 256, (2, 29, 34, 3)).astype(np.uint8)
    extractor = FilterBank(bank=bank, grid=grid).fit(images)
    ours = extractor.transform(images).reshape(2, grid, grid, responses, 2)
    assert extractor.n_features_out_ == grid * grid * responses * 2
    found = planes(images, bank=bank)
    for r, c in np.ndindex(grid, grid):
        rows = slice(r * 29 // grid, (r + 1) * 29 // grid)
        cell = found[:, :, rows, c * 34 // grid : (c + 1) * 34 // grid]
        expected = np.stack([np.abs(cell).mean(axis=(2, 3)), cell.std(axis=(2, 3))], axis=-1)
        np.testing.assert_allclose(ours[:, r, c], expected, rtol=0, atol=ROUNDING * np.abs(cell).max())


def test_names():
    images = np.zeros((1, 32, 32), dtype=np.uint8)
    names = FilterBank().fit(images).get_feature_names_out()
    assert names[0] == "filter_bank[cell 0,0; edge σ 1; mean]"
    assert names[16 + 3] == "filter_bank[cell 0,1; edge σ 2; deviation]"
    assert names[-1] == "filter_bank[cell 3,3; laplacian σ 10; deviation]"


def test_detail_is_found_where_it_is(rng):
    images = np.full((1, 64, 64), 128, dtype=np.uint8)
    images[0, 4:12, 52:60] = rng.integers(0, 256, (8, 8))
    fine = filter_responses(images, contrast=False).reshape(16, 8, 2)[:, [0, 3]]
    assert (fine.argmax(axis=0) == 3).all()


def test_a_flat_image_has_zeros():
    assert not filter_responses(np.full((1, 30, 30, 3), 77, dtype=np.uint8)).any()


def test_a_quarter_turn_moves_cells_and_nothing_else(rng):
    images = rng.integers(0, 256, (2, 40, 40)).astype(np.uint8)
    straight = filter_responses(images).reshape(2, 4, 4, 16)
    turned = filter_responses(np.rot90(images, axes=(1, 2)).copy()).reshape(2, 4, 4, 16)
    np.testing.assert_allclose(turned, np.rot90(straight, axes=(1, 2)), rtol=0, atol=TURNED)


def test_descriptors_are_the_responses_at_their_positions(rng):
    images = rng.integers(0, 256, (3, 31, 40, 3)).astype(np.uint8)
    extractor = FilterBank(bank="schmid", stride=5, scale=0.5)
    descriptors = extractor.describe(images)
    found = planes(images, bank="schmid", scale=0.5)
    # Rows 0, 5, … 30; of columns the last of 0, 5, … 35 leaves 4 over, 2 on either side.
    grid = np.array([(r, c) for r in range(0, 31, 5) for c in range(2, 38, 5)])
    np.testing.assert_array_equal(descriptors.offsets, np.arange(4) * len(grid))
    np.testing.assert_array_equal(descriptors.positions, np.tile(grid, (3, 1)))
    np.testing.assert_array_equal(descriptors.scales, 25)
    expected = np.concatenate([plane[:, grid[:, 0], grid[:, 1]].T for plane in found])
    np.testing.assert_array_equal(descriptors.values, expected.astype(np.float32))
    assert descriptors.values.flags.c_contiguous
    assert {a.dtype for a in (descriptors.values, descriptors.positions, descriptors.scales)} == {
        np.dtype(np.float32)
    }


def test_every_pixel_can_be_described(rng):
    images = rng.integers(0, 256, (1, 26, 30)).astype(np.uint8)
    descriptors = FilterBank(stride=1).describe(images)
    assert descriptors.values.shape == (26 * 30, 8)
    assert descriptors.positions[[0, -1]].tolist() == [[0, 0], [25, 29]]


def test_images_of_differing_sizes_some_too_small(rng):
    images = [rng.integers(0, 256, shape).astype(np.uint8) for shape in ((30, 40), (24, 50), (25, 25))]
    descriptors = FilterBank(stride=10).describe(images)
    assert np.diff(descriptors.offsets).tolist() == [3 * 4, 0, 3 * 3]
    large = [images[0], images[2]]
    together = FilterBank().fit(large).transform(large)
    np.testing.assert_array_equal(together, np.concatenate([filter_responses(i[None]) for i in large]))


def test_pictures_have_a_filter_above_each_response():
    images = np.full((2, 32, 40), 50, dtype=np.uint8)
    images[0, :, 20:] = 200
    pictures = FilterBank().pictures(images)["responses"]
    assert pictures.shape == (2, 4 * 32, 4 * 40)  # two lines of four, each a filter high and a response
    edge_filter, edge_response = pictures[0, :32, :40], pictures[0, 32:64, :40]
    assert edge_filter[16, [19, 21]].tolist() == [0, 255]  # brightness rises to the right
    assert edge_filter[0, 0] == 128
    assert edge_response[16, 20] > 200
    assert edge_response[16, 5] == 128
    assert (pictures[1, [*range(32, 64), *range(96, 128)]] == 128).all()  # a flat image has no answer
    assert FilterBank(bank="schmid").pictures(images)["responses"].shape == (2, 6 * 32, 6 * 40)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "FilterBank: images must be at least 25 × 25 pixels for scale=1; got 24 × 40. Enlarge"),
        (
            {"scale": 0.7, "grid": 30},
            "FilterBank: images must be at least 30 × 30 pixels for grid=30; .* or take fewer",
        ),
        ({"grid": 25}, "FilterBank: images must be at least 25 × 25 pixels for scale=1"),
        ({"scale": 0.4}, "FilterBank: scale must be a number ≥ 0.5 and ≤ 4; got 0.4"),
        ({"bank": "mr4"}, "FilterBank: bank must be one of 'mr8', 'lm', 'schmid'; got 'mr4'"),
        ({"stride": 0}, "FilterBank: stride must be an integer ≥ 1; got 0"),
        ({"contrast": 1}, "FilterBank: contrast must be true or false; got 1"),
    ],
)
def test_what_is_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        FilterBank(**parameters).fit(np.zeros((1, 24, 40), dtype=np.uint8))


def test_no_image_is_sent_back_twice():
    """A reader who enlarges to what the message says is through, whichever limit is the larger."""
    for grid, least in ((4, 25), (30, 30)):
        extractor = FilterBank(grid=grid)
        assert f"at least {least} × {least} pixels" in extractor.supports((1, 1))
        assert extractor.supports((least, least)) is None


def test_the_smallest_image_is_taken():
    images = np.zeros((1, 13, 13, 3), dtype=np.uint8)
    assert FilterBank(scale=0.5, grid=13).fit_transform(images).shape == (1, 13 * 13 * 16)
    assert "at least 13 × 13 pixels for scale=0.5" in FilterBank(scale=0.5).supports((12, 13, 3))


@pytest.mark.parametrize(
    "extractor",
    [
        FilterBank(bank="lm", scale=0.5, grid=2),
        FilterBank(bank="schmid", normalize=False, contrast=False, stride=7),
    ],
    ids=repr,
)
def test_laws(extractor):
    check_extractor(extractor)
