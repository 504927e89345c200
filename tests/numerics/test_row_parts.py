"""A mean over rows against all rows at once."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.numerics.row_parts import mean_over_rows


@pytest.mark.parametrize("n", [1, 128, 129, 300])
def test_it_is_the_mean_of_all_rows(n, rng):
    X, point = rng.normal(size=(n, 3)), rng.normal(size=3)
    seen = np.zeros(n, dtype=int)

    def backward(rows, into):
        seen[rows] += 1
        into[:] = 2 * (X[rows] * X[rows] * point).sum(axis=0)
        return float(((X[rows] * point) ** 2).sum())

    loss, gradient = mean_over_rows(backward, n, point)
    assert (seen == 1).all()
    assert loss == pytest.approx(((X * point) ** 2).sum() / n, rel=1e-12)  # float64 sums in another order
    np.testing.assert_allclose(gradient, 2 * (X**2).mean(axis=0) * point, rtol=1e-12)


def test_rows_on_a_device_stay_together():
    torch = pytest.importorskip("torch")
    asked = []

    def backward(rows, into):
        asked.append(rows)
        into[:] = 1.0
        return 600.0

    loss, gradient = mean_over_rows(backward, 300, torch.zeros(2))
    assert asked == [slice(0, 300)]
    assert loss == 2
    assert gradient.tolist() == [pytest.approx(1 / 300)] * 2
