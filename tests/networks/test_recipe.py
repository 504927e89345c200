"""The triangle of learning rates."""

import pytest

from featbench.networks.recipe import triangle


@pytest.mark.parametrize(
    ("done", "expected"), [(0, 0.2), (0.115, 0.6), (0.23, 1.0), (0.615, 0.535), (1.0, 0.07)]
)
def test_rates_rise_from_a_fifth_and_fall_in_straight_lines(done, expected):
    assert triangle(done, peak_at=0.23, end=0.07) == pytest.approx(expected)


def test_rates_may_fall_from_the_start():
    assert triangle(0, peak_at=0, end=0) == 1
    assert triangle(1, peak_at=0, end=0) == 0
