import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featbench.errors import InputError
from featbench.extractors import GIST
from featbench.extractors.gist import gabor_filters, gist, normalize_contrast
from featbench.testing import check_extractor

# Transforms in float32 of some thousand numbers, against float64; relative to the largest.
FLOAT32 = 2e-5
# Half a cycle a pixel is two frequencies in one, which stands on one side only; the finest filters let a little pass.
NYQUIST = 2e-3


def close(ours, expected):
    np.testing.assert_allclose(ours, expected, rtol=0, atol=FLOAT32 * max(1, np.abs(expected).max()))


def continued(plane, height, width, margin):
    """The image mirrored by `margin` before it, and on to a size of height × width."""
    after = [
        (margin, size - margin - extent) for size, extent in zip((height, width), plane.shape, strict=True)
    ]
    return np.pad(plane, after, mode="symmetric")


def authors_filters(height, width, scales, orientations):
    """Transfer functions as in the authors' code: centred frequencies, angles wrapped by hand."""
    fx, fy = np.meshgrid(np.arange(width) - width // 2, np.arange(height) - height // 2)
    fr = np.fft.ifftshift(np.sqrt((fx / width) ** 2 + (fy / height) ** 2))
    t = np.fft.ifftshift(np.angle(fx / width + 1j * fy / height))
    filters = []
    for scale in range(scales):
        for k in range(orientations):
            tr = t - np.pi / orientations * k
            tr = tr + 2 * np.pi * (tr < -np.pi) - 2 * np.pi * (tr > np.pi)
            across = fr / (0.3 / 1.85**scale) - 1
            g = np.exp(-10 * 0.35 * across**2 - 2 * (16 * orientations**2 / 32**2) * np.pi * tr**2)
            g[0, 0] = 0
            filters.append(g)
    return np.stack(filters)


def by_definition(plane, scales, orientations, grid):
    height, width = plane.shape
    transfer = gabor_filters(height, width, scales, orientations).transfer
    margin = -(-max(height, width) // 4)
    whole = continued(plane, *transfer.shape[1:], margin)
    means = []
    for g in authors_filters(*transfer.shape[1:], scales, orientations):
        amplitude = np.abs(np.fft.ifft2(np.fft.fft2(whole) * g))[
            margin : margin + height, margin : margin + width
        ]
        for r, c in np.ndindex(grid, grid):
            rows = slice(r * height // grid, (r + 1) * height // grid)
            means.append(amplitude[rows, c * width // grid : (c + 1) * width // grid].mean())
    return np.array(means)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(4, 30),
    st.integers(4, 30),
)
def test_features_equal_their_definition(seed, scales, orientations, grid, height, width):
    images = np.random.default_rng(seed).integers(0, 256, (2, height, width)).astype(np.uint8)
    ours = gist(images, scales=scales, orientations=orientations, grid=grid, contrast=False)
    close(ours, [by_definition(image.astype(float), scales, orientations, grid) for image in images])


@pytest.mark.parametrize("shape", [(32, 32), (21, 40), (64, 30), (4, 5)])
def test_contrast_equals_its_definition(rng, shape):
    image = rng.integers(0, 256, shape).astype(np.uint8)
    height, width = shape

    def smooth(values):
        fx, fy = np.meshgrid(np.fft.fftfreq(values.shape[1]), np.fft.fftfreq(values.shape[0]))
        s1 = 4 / np.sqrt(np.log(2)) / max(shape)
        return np.fft.ifft2(np.fft.fft2(values) * np.exp(-(fx**2 + fy**2) / s1**2)).real

    import scipy.fft

    sizes = [scipy.fft.next_fast_len(extent + 10) for extent in shape]
    whole = continued(np.log(image + 1.0), *sizes, 5)
    whole = whole - smooth(whole)
    expected = (whole / (0.2 + np.sqrt(np.abs(smooth(whole**2)))))[5 : 5 + height, 5 : 5 + width]
    close(normalize_contrast(image), expected)


def test_a_response_is_a_convolution(rng):
    # The definition in space: each filter's kernel, slid over the mirrored image, at one pixel.
    plane = rng.normal(size=(12, 9)).astype(np.float32)
    filters = gabor_filters(12, 9, 2, 3)
    kernels = np.fft.ifft2(filters.transfer)
    _, height, width = kernels.shape
    whole = continued(plane, height, width, 3)
    y, x = 7, 4
    rows, cols = (3 + y - np.arange(height)) % height, (3 + x - np.arange(width)) % width
    expected = np.abs((kernels * whole[np.ix_(rows, cols)]).sum(axis=(1, 2)))
    close(filters.amplitudes(plane)[:, y, x], expected)


@pytest.mark.parametrize("contrast", [False, True])
@pytest.mark.parametrize(("scale", "k"), [(0, 0), (1, 2), (2, 4), (1, 7)])
def test_stripes_are_loudest_in_the_filter_of_their_period_and_direction(contrast, scale, k):
    angle = np.pi * k / 8
    row, col = np.mgrid[:64, :64]
    wave = np.cos(2 * np.pi * 0.3 / 1.85**scale * (col * np.cos(angle) + row * np.sin(angle)))
    image = np.rint(128 + 40 * wave).astype(np.uint8)
    extractor = GIST(grid=1, contrast=contrast).fit(image[None])
    loudest = extractor.get_feature_names_out()[extractor.transform(image[None])[0].argmax()]
    assert loudest == f"gist[period {1.85**scale / 0.3:.1f}; {22.5 * k:g}°; cell 0,0]"


def test_detail_is_found_where_it_is(rng):
    image = np.full((1, 64, 64), 128, dtype=np.uint8)
    image[0, 4:12, 52:60] = rng.integers(0, 256, (8, 8))
    features = gist(image, contrast=False).reshape(32, 4, 4)
    assert (features[:8].reshape(8, 16).argmax(axis=1) == 3).all()


def test_a_quarter_turn_moves_orientations_and_cells(rng):
    images = rng.integers(0, 256, (1, 40, 40)).astype(np.uint8)
    # Mirrored lengths that are the same on both sides: 40 + 2 · 10 transforms fast as it is.
    straight = gist(images, scales=2).reshape(2, 8, 4, 4)
    turned = gist(np.rot90(images, axes=(1, 2)).copy(), scales=2).reshape(2, 8, 4, 4)
    back = np.rot90(turned, -1, axes=(2, 3))
    np.testing.assert_allclose(np.roll(back, 4, axis=1), straight, rtol=0, atol=NYQUIST)


def test_light_and_contrast_hardly_matter(rng):
    image = rng.integers(40, 120, (1, 32, 32)).astype(np.uint8)
    plain, contrast = (
        np.abs(gist(2 * image, contrast=c) / gist(image, contrast=c) - 1).mean() for c in (False, True)
    )
    assert plain > 0.9
    assert contrast < 0.05


@pytest.mark.parametrize("contrast", [False, True])
def test_a_flat_image_has_no_detail(contrast):
    close(gist(np.full((1, 20, 31, 3), 90, dtype=np.uint8), contrast=contrast), np.zeros((1, 512)))


def test_strokes_run_along_stripes():
    image = np.tile(np.array([50, 50, 200, 200], dtype=np.uint8), (1, 32, 8))
    strokes = GIST(grid=1).pictures(image)["strokes"]
    assert strokes.shape == (1, 16, 16)
    assert strokes[0, 1:-1].max(axis=1).min() == 255  # upright
    assert strokes[0, 8, 0] < 128 < strokes[0, 1, 8]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"grid": 9}, "GIST: images must be at least 9 × 9 pixels for grid=9; got 8 × 12"),
        ({"scales": 0}, "GIST: scales must be an integer ≥ 1 and ≤ 8; got 0"),
        ({"orientations": 33}, "GIST: orientations must be an integer ≥ 1 and ≤ 32; got 33"),
    ],
)
def test_what_is_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        GIST(**parameters).fit(np.zeros((1, 8, 12), dtype=np.uint8))


def test_laws():
    check_extractor(GIST(scales=2, orientations=3, grid=3, contrast=False))
