import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featbench.errors import InputError
from featbench.extractors import HueHistogram
from featbench.extractors.color import _bins, _opencv_levels, hue_histogram
from featbench.testing import check_extractor

# Rows sum to 1 in float32.
FLOAT32 = 1e-6


def image_of(*colours):
    """One image, a single row of the given RGB colours."""
    return np.array([[colours]], dtype=np.uint8)


def exact_bins(pixels, bins):
    """⌊bins · hue⌋ in whole numbers, written from the hexagon, 0 for grey."""
    r, g, b = pixels.astype(np.int64).T
    high, low = pixels.max(axis=1).astype(np.int64), pixels.min(axis=1).astype(np.int64)
    d = high - low
    numerator = np.select(
        [high == r, high == g], [(g - b) % np.maximum(6 * d, 1), 2 * d + b - r], 4 * d + r - g
    )
    return numerator * bins // np.maximum(6 * d, 1)


def test_every_hue_there_is_falls_into_its_bin():
    # All sixths of the circle, all differences d between the channels, all positions between 0 and d.
    d, position = (grid.ravel() for grid in np.mgrid[1:256, 0:256])
    d, position = d[position <= d], position[position <= d]
    zero = np.zeros_like(d)
    ways = [(d, position, zero), (position, d, zero), (zero, d, position)]
    ways += [(zero, position, d), (position, zero, d), (d, zero, position)]
    pixels = np.concatenate([np.stack(way, axis=1) for way in ways]).astype(np.uint8)
    place = np.empty(len(pixels), dtype=np.uint32)
    for bins in (1, 2, 3, 6, 7, 10, 16, 64, 180, 255, 256, 360, 1021, 1529, 1530):
        _bins(pixels.ravel(), bins, place)
        np.testing.assert_array_equal(place, exact_bins(pixels, bins))


def test_every_colour_there_is_gets_the_level_that_opencv_gives_it():
    import cv2

    place = np.empty(1 << 16, dtype=np.uint32)
    green, blue = (np.ascontiguousarray(grid) for grid in np.mgrid[:256, :256].astype(np.uint8))
    for red in range(256):
        colours = np.stack([np.full_like(green, red), green, blue], axis=-1)
        _opencv_levels(colours.ravel(), place)
        levels = cv2.cvtColor(colours, cv2.COLOR_RGB2HSV)[..., 0]
        np.testing.assert_array_equal(place, levels.ravel())


@pytest.mark.parametrize("bins", [1, 7, 16, 49, 90, 179, 180])
def test_opencv_levels_are_counted_as_calchist_does(rng, bins):
    import cv2

    images = rng.integers(0, 256, (5, 32, 30, 3)).astype(np.uint8)
    ours = hue_histogram(images, bins=bins, weighted=False, levels="opencv")
    for image, histogram in zip(images, ours, strict=True):
        hue = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 0]
        counts = cv2.calcHist([hue], [0], None, [bins], [0, 180]).ravel()
        np.testing.assert_array_equal(np.rint(histogram * 960), counts)
        np.testing.assert_array_equal(histogram, (counts.astype(np.float64) / 960).astype(np.float32))


def test_opencv_levels_by_hand():
    # 359.2° is nearer to 360°, level 0, than to 358°; weights are saturations, 1 and 1/4.
    image = image_of((255, 0, 3), (150, 200, 150))
    exact, rounded = (hue_histogram(image, bins=180, levels=levels)[0] for levels in ("exact", "opencv"))
    np.testing.assert_allclose(exact[[60, 179]], [0.2, 0.8], atol=FLOAT32)
    np.testing.assert_allclose(rounded[[0, 60]], [0.8, 0.2], atol=FLOAT32)


def test_more_bins_than_opencv_has_levels_are_refused():
    message = (
        'HueHistogram: bins must be at most 180 for levels="opencv"; got 181. Finer hues are exact ones.'
    )
    with pytest.raises(InputError, match=message):
        HueHistogram(bins=181, levels="opencv").fit(np.zeros((1, 2, 2, 3), dtype=np.uint8))


def histogram_by_colorsys(image, bins, weighted):
    total = np.zeros(bins)
    for r, g, b in image.reshape(-1, 3) / 255:
        hue, saturation, _ = colorsys.rgb_to_hsv(r, g, b)
        total[int(hue * bins + 1e-9)] += saturation if weighted else 1
    return total / max(total.sum(), 1e-300)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.booleans(),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([2, 9, 256]),
)
def test_histograms_equal_colorsys(seed, bins, weighted, height, width, levels):
    # colorsys works in floats: 1e-9 lifts a hue that belongs on an edge over it, and no other.
    images = np.random.default_rng(seed).integers(0, levels, (2, height, width, 3)).astype(np.uint8)
    expected = [histogram_by_colorsys(image, bins, weighted) for image in images]
    np.testing.assert_allclose(hue_histogram(images, bins=bins, weighted=weighted), expected, atol=FLOAT32)


def test_equals_the_course(rng):
    # The course: hue in 0 … 255, ten bins, density times width. The pixels avoid the edges of its bins.
    pixels = rng.integers(0, 256, (400, 3)).astype(np.uint8)
    hues = np.array([colorsys.rgb_to_hsv(*pixel)[0] for pixel in pixels / 255]) * 255
    inside = np.abs(hues / 25.5 - np.rint(hues / 25.5)) > 1e-6
    counts, edges = np.histogram(hues[inside], bins=np.linspace(0, 255, 11), density=True)
    ours = hue_histogram(pixels[inside][None, None], bins=10, weighted=False)[0]
    np.testing.assert_allclose(ours, counts * np.diff(edges), atol=FLOAT32)


def test_pure_colours_by_hand():
    red, yellow, green, blue = (255, 0, 0), (9, 9, 0), (0, 100, 0), (0, 0, 1)
    histogram = HueHistogram(bins=6).fit_transform(image_of(red, yellow, green, green, blue))[0]
    np.testing.assert_allclose(histogram, [0.2, 0.2, 0.4, 0, 0.2, 0], atol=FLOAT32)


def test_saturation_is_the_weight():
    # Saturations 1 and 1/4: red gets four fifths.
    histogram = hue_histogram(image_of((200, 0, 0), (150, 200, 150)), bins=3)[0]
    np.testing.assert_allclose(histogram, [0.8, 0.2, 0], atol=FLOAT32)


def test_grey_pixels_count_as_red_or_not_at_all():
    image = image_of((7, 7, 7), (0, 0, 0), (255, 255, 255), (0, 0, 50))
    np.testing.assert_array_equal(hue_histogram(image, bins=3, weighted=False)[0], [0.75, 0, 0.25])
    np.testing.assert_array_equal(hue_histogram(image, bins=3, weighted=True)[0], [0, 0, 1])
    np.testing.assert_array_equal(hue_histogram(image[:, :, :3], bins=3, weighted=True)[0], [0, 0, 0])


def test_grey_images_are_refused_with_the_reason():
    sentence = r"HueHistogram: images must be in colour, \(n, h, w, 3\); got grey. Grey pixels have no hue."
    with pytest.raises(InputError, match=sentence):
        HueHistogram().fit(np.zeros((2, 8, 8), dtype=np.uint8))
    assert "in colour" in HueHistogram().supports((8, 8))
    assert HueHistogram().supports((8, 8, 3)) is None


def test_bins_beyond_the_hues_there_are_are_refused():
    with pytest.raises(InputError, match="HueHistogram: bins must be an integer ≥ 1 and ≤ 1530; got 2000"):
        HueHistogram(bins=2000).fit(np.zeros((2, 8, 8, 3), dtype=np.uint8))


def test_names_are_lower_edges():
    extractor = HueHistogram(bins=16).fit(np.zeros((1, 2, 2, 3), dtype=np.uint8))
    assert list(extractor.get_feature_names_out()[:3]) == ["hue[0°]", "hue[22.5°]", "hue[45°]"]


def test_pictures_show_the_colour_of_the_bin_as_bright_as_it_counts():
    image = image_of((10, 200, 10), (90, 90, 90), (0, 0, 30))
    pictures = HueHistogram(bins=12).pictures(image)["hues"][0, 0]
    assert pictures.argmax(axis=1).tolist() == [1, 0, 2]
    assert pictures[0].max() == round(0.95 * 255)  # its saturation
    assert not pictures[1].any()
    assert HueHistogram(bins=12, weighted=False).pictures(image)["hues"].max(axis=-1).min() == 255


@pytest.mark.parametrize(
    "extractor",
    [HueHistogram(bins=180), HueHistogram(bins=7, weighted=False), HueHistogram(bins=50, levels="opencv")],
    ids=repr,
)
def test_laws(extractor):
    check_extractor(extractor)
