import numpy as np
import pytest

from featbench.maps.bandwidth import variance_bandwidth


def test_it_is_one_over_the_variance_of_all_numbers_and_the_length(rng):
    X = (rng.normal(size=(9000, 3)) + 1000).astype(np.float32)
    assert variance_bandwidth(X) == pytest.approx(1 / (3 * X.astype(float).var()), rel=1e-9)


def test_what_does_not_vary_has_one():
    assert variance_bandwidth(np.full((4, 2), 0.1, np.float32)) == pytest.approx(1)
