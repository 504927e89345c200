import numpy as np
import pytest
import scipy.ndimage

from featbench.extractors.filters import filter_bank, radius_of

# Sums of 2,401 numbers in float64, of which the absolute values sum to 1.
ROUNDING = 1e-12
# Cubic interpolation between pixels of a filter whose σ is 2: up to 4.4 % of its absolute values.
INTERPOLATION = 0.06

BANKS = {"mr8": 38, "lm": 48, "schmid": 13}


def gauss1d(sigma, x, order):
    """The published code's Gaussian and its derivatives."""
    g = np.exp(-(x**2) / (2 * sigma**2)) / np.sqrt(2 * np.pi * sigma**2)
    return [g, -g * x / sigma**2, g * (x**2 - sigma**2) / sigma**4][order]


def normalise(f):
    f = f - f.mean()
    return f / np.abs(f).sum()


def spot(sigma, log):
    y, x = np.mgrid[-24:25, -24:25]
    g = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return normalise(g * (x**2 + y**2 - 2 * sigma**2) / sigma**4 if log else g)


def oriented(sigmas):
    """Edges, then bars, as the published code has them: y upwards, the derivative along a turned y."""
    x, y = np.meshgrid(np.arange(-24, 25), np.arange(24, -25, -1))
    filters = []
    for order in (1, 2):
        for sigma in sigmas:
            for k in range(6):
                c, s = np.cos(np.pi * k / 6), np.sin(np.pi * k / 6)
                along, across = c * x - s * y, s * x + c * y
                filters.append(normalise(gauss1d(3 * sigma, along, 0) * gauss1d(sigma, across, order)))
    return filters


def same_but_for_order_and_sign(ours, published):
    """Each filter of one set is one of the other's, or its negative; no two are the same one's."""
    products = np.tensordot(ours, published, axes=([1, 2], [1, 2]))
    lengths = np.sqrt(np.outer((np.square(ours)).sum(axis=(1, 2)), np.square(published).sum(axis=(1, 2))))
    matches = np.abs(np.abs(products / lengths) - 1) < ROUNDING
    return (matches.sum(axis=0) == 1).all() and (matches.sum(axis=1) == 1).all()


def test_mr8_has_the_published_filters():
    published = np.array([*oriented([1, 2, 4]), spot(10, log=False), spot(10, log=True)])
    ours = filter_bank("mr8").filters
    assert same_but_for_order_and_sign(ours, published)
    np.testing.assert_allclose(ours[-2:], published[-2:], rtol=0, atol=ROUNDING)


def test_lm_has_the_published_filters():
    sigmas = np.sqrt(2) ** np.arange(1, 5)
    published = oriented(sigmas[:3]) + [spot(sigma, log=False) for sigma in sigmas]
    published += [spot(factor * sigma, log=True) for factor in (1, 3) for sigma in sigmas]
    ours = filter_bank("lm").filters
    assert same_but_for_order_and_sign(ours, np.array(published))
    np.testing.assert_allclose(ours[36:], published[36:], rtol=0, atol=ROUNDING)


def test_schmid_has_the_published_filters():
    y, x = np.mgrid[-24:25, -24:25]
    r = np.sqrt(x**2 + y**2)
    pairs = [
        *((2, 1), (4, 1), (4, 2), (6, 1), (6, 2), (6, 3), (8, 1)),
        *((8, 2), (8, 3), (10, 1), (10, 2), (10, 3), (10, 4)),
    ]
    published = [normalise(np.cos(r * np.pi * t / s) * np.exp(-(r**2) / (2 * s**2))) for s, t in pairs]
    np.testing.assert_allclose(filter_bank("schmid").filters, published, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("name", BANKS)
def test_filters_sum_to_zero_and_their_absolute_values_to_one(name, scale):
    filters = filter_bank(name, scale).filters
    side = 2 * radius_of(scale) + 1
    assert filters.shape == (BANKS[name], side, side)
    np.testing.assert_allclose(filters.sum(axis=(1, 2)), 0, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(np.abs(filters).sum(axis=(1, 2)), 1, rtol=ROUNDING)


def test_supports():
    assert [radius_of(scale) for scale in (0.5, 1.0, 2.0, 4.0)] == [12, 24, 48, 96]


@pytest.mark.parametrize("name", ["mr8", "lm"])
def test_orientations_are_rotations_of_one_another(name):
    families = filter_bank(name).filters[:36].reshape(6, 6, 49, 49)
    for family in families:
        for k in range(3):  # a quarter turn is exact: pixels fall on pixels
            turned = np.rot90(family[k], -1)
            np.testing.assert_allclose(family[k + 3], turned, rtol=0, atol=ROUNDING)
    # 30° falls between pixels, and so does interpolation; the second size is smooth and ends inside the square.
    for family in families.reshape(2, 3, 6, 49, 49)[:, 1]:
        turned = scipy.ndimage.rotate(family[0], -30, reshape=False, order=3)
        assert np.abs(turned - family[1]).sum() < INTERPOLATION
        assert np.abs(turned - family[5]).sum() > 0.5


def test_rings_have_no_orientation():
    for image in filter_bank("schmid").filters:
        for turned in (np.rot90(image), image[::-1], image.T):
            np.testing.assert_allclose(turned, image, rtol=0, atol=ROUNDING)
        # 3, 4, 5: two pixels as far from the centre that no symmetry of the square makes equal.
        np.testing.assert_allclose(image[24 + 3, 24 + 4], image[24, 24 + 5], rtol=0, atol=ROUNDING)


def test_a_scaled_bank_is_the_bank_seen_from_nearer():
    # Every other pixel of the doubled filter, but for what normalising makes of other sums.
    for name in BANKS:
        once, twice = filter_bank(name).filters, filter_bank(name, 2.0).filters[:, ::2, ::2]
        for a, b in zip(once, twice, strict=True):
            assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.999999


def test_edges_rise_and_bars_are_dark():
    bank = filter_bank("lm")
    assert bank.names[:2] == ("edge σ 1.41, 0°", "edge σ 1.41, 30°")
    edge, bar = bank.filters[0], bank.filters[18]
    ramp, line = np.tile(np.arange(49.0), (49, 1)), np.zeros((49, 49))
    line[:, 24] = -1
    assert (edge[::-1, ::-1] * ramp).sum() > 0  # a convolution turns the filter round
    assert (bar[::-1, ::-1] * line).sum() > 0


def test_names():
    assert filter_bank("mr8").names == (
        *("edge σ 1", "edge σ 2", "edge σ 4", "bar σ 1", "bar σ 2", "bar σ 4"),
        *("gaussian σ 10", "laplacian σ 10"),
    )
    assert filter_bank("lm", 0.5).names[36:] == (
        *("gaussian σ 0.707", "gaussian σ 1", "gaussian σ 1.41", "gaussian σ 2"),
        *("laplacian σ 0.707", "laplacian σ 1", "laplacian σ 1.41", "laplacian σ 2"),
        *("laplacian σ 2.12", "laplacian σ 3", "laplacian σ 4.24", "laplacian σ 6"),
    )
    assert filter_bank("schmid").names[-1] == "rings σ 10, 4 cycles"
    for name in BANKS:
        names = filter_bank(name).names
        assert len(set(names)) == len(names) == len(filter_bank(name).shown)


def test_a_bank_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        filter_bank("mr8").filters[0, 0, 0] = 1
