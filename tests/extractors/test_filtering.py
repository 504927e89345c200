import numpy as np
import pytest
import scipy.ndimage

from featbench.extractors.filtering import Convolution, convolution_with, each_response
from featbench.extractors.filters import filter_bank
from featbench.extractors.raw import to_grey

# Transforms in float32 of some thousand numbers, against sums in float64; relative to the largest.
FLOAT32 = 2e-6


def close(ours, expected):
    expected = np.asarray(expected)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=FLOAT32 * max(1, np.abs(expected).max()))


def responses_of(images, *, bank="mr8", scale=1.0, normalize=True, contrast=False):
    kept = {}
    each_response(kept.__setitem__, images, bank=bank, scale=scale, normalize=normalize, contrast=contrast)
    return np.stack([kept[i] for i in range(len(images))])


def by_definition(image, bank, scale, *, normalize, contrast):
    """Every filter slid over the image by SciPy; then maxima and Weber's law, written out."""
    plane = image.astype(float)
    plane = (plane - plane.mean()) / plane.std() if normalize else plane / 255
    filters = filter_bank(bank, scale).filters
    found = np.stack([scipy.ndimage.convolve(plane, f, mode="reflect") for f in filters])
    if bank == "mr8":
        edges = [np.abs(found[6 * k : 6 * k + 6]).max(axis=0) for k in range(3)]
        bars = [found[6 * k : 6 * k + 6].max(axis=0) for k in range(3, 6)]
        found = np.stack([*edges, *bars, found[36], found[37]])
    if contrast:
        length = np.linalg.norm(found, axis=0)
        found = found * np.log(1 + length / 0.03) / length
    return found


# As small as may be; mirrored to twice the size in one direction, by the filter's radius in the other; both.
@pytest.mark.parametrize("shape", [(25, 25), (30, 61), (90, 27), (64, 70)])
def test_outputs_equal_scipy(rng, shape):
    plane = rng.normal(size=shape).astype(np.float32)
    filters = filter_bank("lm").filters[::5]  # edges, bars and spots of all sizes
    ours = Convolution(filters, *shape).outputs(plane)
    close(ours, [scipy.ndimage.convolve(plane.astype(float), f, mode="reflect") for f in filters])


def test_outputs_of_many_blocks_equal_those_of_one(rng, monkeypatch):
    plane = rng.normal(size=(40, 33)).astype(np.float32)
    convolution = convolution_with("schmid", 1.0, 40, 33)
    whole = convolution.outputs(plane)
    monkeypatch.setattr("featbench.extractors.filtering._BLOCK", 1)
    close(convolution.outputs(plane), whole)


def test_an_asymmetric_filter_is_turned_round(rng):
    # A convolution with a single pixel at the right of the centre brings what stands at the left.
    filters = np.zeros((1, 3, 3))
    filters[0, 1, 2] = 1
    plane = rng.normal(size=(4, 5)).astype(np.float32)
    expected = plane[:, [0, 0, 1, 2, 3]]
    close(Convolution(filters, 4, 5).outputs(plane), expected[None])


@pytest.mark.parametrize("contrast", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(("bank", "scale"), [("mr8", 0.6), ("lm", 0.5), ("schmid", 1.0)])
def test_responses_equal_their_definition(rng, bank, scale, normalize, contrast):
    images = rng.integers(0, 256, (2, 31, 40, 3)).astype(np.uint8)
    images[1] //= 8
    ours = responses_of(images, bank=bank, scale=scale, normalize=normalize, contrast=contrast)
    for found, grey in zip(ours, to_grey(images), strict=True):
        expected = by_definition(grey, bank, scale, normalize=normalize, contrast=contrast)
        # Weber's law makes 33 times as much of a small response, and of its rounding.
        np.testing.assert_allclose(found, expected, rtol=0, atol=FLOAT32 / 0.03 if contrast else FLOAT32)


@pytest.mark.parametrize("bank", ["mr8", "lm", "schmid"])
@pytest.mark.parametrize("normalize", [False, True])
def test_a_flat_image_has_no_responses(bank, normalize):
    images = np.array([0, 93, 255], dtype=np.uint8)[:, None, None] + np.zeros((3, 26, 37), dtype=np.uint8)
    assert not responses_of(images, bank=bank, normalize=normalize, contrast=True).any()


def test_light_and_contrast_do_not_matter_once_normalised(rng):
    image = rng.integers(0, 60, (1, 30, 30)).astype(np.uint8)
    close(responses_of(3 * image + 40), responses_of(image))
    close(
        responses_of(3 * image + 40, normalize=False, bank="lm"),
        3 * responses_of(image, normalize=False, bank="lm"),
    )


@pytest.mark.parametrize("shape", [(48, 48), (40, 61)])
def test_quarter_and_half_turns_turn_the_maximum_responses(rng, shape):
    images = rng.integers(0, 256, (1, *shape)).astype(np.uint8)
    straight = responses_of(images)
    for quarters in (1, 2, 3):
        turned = responses_of(np.rot90(images, quarters, axes=(1, 2)).copy())
        close(turned, np.rot90(straight, quarters, axes=(2, 3)))


@pytest.mark.parametrize(("bank", "least", "most"), [("mr8", 0, 0.25), ("schmid", 0, 0.15), ("lm", 0.9, 2)])
def test_a_turned_pattern_hardly_changes_what_has_no_orientation(bank, least, most):
    row, col = np.mgrid[-48:48, -48:48] + 0.5
    images = []
    for angle in np.deg2rad(np.arange(0, 180, 22.5)):
        u, v = np.cos(angle) * col + np.sin(angle) * row, np.cos(angle) * row - np.sin(angle) * col
        waves = 50 * np.sin(u / 3) + 40 * np.sin(v / 6 + 1) + 30 * np.cos((u + v) / 4.3)
        images.append(np.rint(128 + waves).astype(np.uint8))
    found = np.abs(responses_of(np.array(images), bank=bank))[:, :, np.hypot(row, col) < 20].mean(axis=2)
    # How far a response changes over all turns, as a share of itself; the middle one of the responses.
    assert least <= np.median(np.ptp(found, axis=0) / found.mean(axis=0)) < most


@pytest.mark.parametrize(("k", "angle"), list(enumerate(range(0, 180, 30))))
def test_a_step_fires_the_edge_filter_across_it_most(k, angle):
    row, col = np.mgrid[-32:32, -32:32] + 0.5
    distance = np.cos(np.deg2rad(angle)) * col + np.sin(np.deg2rad(angle)) * row
    image = np.where(distance > 0, 200, 50).astype(np.uint8)
    found = responses_of(image[None], bank="lm")[0, :, 31:33, 31:33].mean(axis=(1, 2))
    names = filter_bank("lm").names
    assert [names[6 * family + found[6 * family :][:6].argmax()] for family in range(3)] == [
        f"edge σ {sigma}, {angle:g}°" for sigma in (1.41, 2, 2.83)
    ]
    assert (found[k:18:6] > 0).all()  # brighter towards larger columns, and for 90° towards larger rows


def test_weber_by_hand():
    # All of the 13 responses of a pixel become log(1 + L / 0.03) / L times as large.
    images = np.zeros((1, 25, 25), dtype=np.uint8)
    images[0, 12, 12] = 255
    plain = responses_of(images, bank="schmid")[0, :, 12, 12]
    length = np.sqrt((plain.astype(float) ** 2).sum())
    close(
        responses_of(images, bank="schmid", contrast=True)[0, :, 12, 12],
        plain * np.log1p(length / 0.03) / length,
    )
