"""Occlusion maps, against a scorer whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.evidence.occlusion import GREY, falls, hidden


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3), (12, 20, 3)])
def test_a_linear_scorer_falls_by_what_is_hidden(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=shape)
    image = rng.integers(0, 256, shape, dtype=np.uint8)
    before = image.copy()

    copies = hidden(image, 5)
    scores = (copies * weights).sum(axis=tuple(range(1, copies.ndim)))
    fallen = falls(scores)

    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(copies[0], image)
    lost = (image.astype(float) - GREY) * weights
    height, width = shape[0] // 4, shape[1] // 4
    for i in range(5):
        for j in range(5):
            top, left = round(i * (shape[0] - height) / 4), round(j * (shape[1] - width) / 4)
            assert fallen[i, j] == pytest.approx(lost[top : top + height, left : left + width].sum())


def test_only_where_the_scorer_looks_does_it_fall() -> None:
    image = np.zeros((16, 16), dtype=np.uint8)
    fallen = falls(-hidden(image, 4)[:, 0, 0].astype(float))
    assert fallen[0, 0] == GREY
    assert np.count_nonzero(fallen) == 1


def test_an_image_of_one_pixel() -> None:
    copies = hidden(np.full((1, 1), 200, np.uint8), 4)
    assert copies[0] == 200
    assert (falls(copies[:, 0, 0].astype(float)) == 200 - GREY).all()
