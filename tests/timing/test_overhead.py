from __future__ import annotations

from featbench.timing import overhead


def test_the_instrument_takes_little_of_a_second() -> None:
    found = overhead()
    assert 0 < found.sample_s < 1e-3
    assert found.watch > 0
    assert found.of_one_second == found.sample_s + found.watch
