"""Occlusion maps, against a scorer whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.evidence.occlusion import GREY, affordable, occlusion


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3), (12, 20, 3)])
def test_a_linear_scorer_falls_by_what_is_hidden(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=shape)
    image = rng.integers(0, 256, shape, dtype=np.uint8)
    before = image.copy()

    whole, falls = occlusion(
        lambda images: (images * weights).sum(axis=tuple(range(1, images.ndim))), image, 5
    )

    np.testing.assert_array_equal(image, before)
    assert whole == pytest.approx((image * weights).sum())
    lost = (image.astype(float) - GREY) * weights
    height, width = shape[0] // 4, shape[1] // 4
    for i in range(5):
        for j in range(5):
            top, left = round(i * (shape[0] - height) / 4), round(j * (shape[1] - width) / 4)
            assert falls[i, j] == pytest.approx(lost[top : top + height, left : left + width].sum())


def test_only_where_the_scorer_looks_does_it_fall() -> None:
    image = np.zeros((16, 16), dtype=np.uint8)
    _, falls = occlusion(lambda images: -images[:, 0, 0].astype(float), image, 4)
    assert falls[0, 0] == GREY
    assert np.count_nonzero(falls) == 1


def test_an_image_of_one_pixel() -> None:
    whole, falls = occlusion(lambda x: x[:, 0, 0].astype(float), np.full((1, 1), 200, np.uint8), 4)
    assert whole == 200
    assert (falls == 200 - GREY).all()


def test_size_follows_what_an_image_takes() -> None:
    assert affordable(0.0, 0.5) == (3, 8)
    assert affordable(0.5 / (3 * 65), 0.5) == (3, 8)
    assert affordable(0.5 / (3 * 65) * 1.01, 0.5) == (3, 6)
    assert affordable(0.5 / 17, 0.5) == (1, 4)
    assert affordable(0.1, 0.5) is None
