"""Densities of a mixture against scipy's."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from featbench.numerics.gaussians import Gaussians

FLOAT64 = 1e-11  # relative, of sums of some dozen numbers


@pytest.mark.parametrize("offset", [0, 1e4])
@pytest.mark.parametrize(("k", "d"), [(1, 1), (4, 7)])
def test_posteriors_and_densities_are_scipys(rng, offset, k, d):
    weights, means, variances = (
        rng.random(k) + 0.1,
        rng.normal(size=(k, d)) + offset,
        rng.random((k, d)) + 0.1,
    )
    weights /= weights.sum()
    X = rng.normal(size=(50, d)) + offset
    logs = np.log(weights) + norm.logpdf(X[:, None], means, variances**0.5).sum(axis=2)
    mixture = Gaussians(weights, means, variances)
    powers = mixture.powers(X)
    shares, densities = mixture.posteriors(powers)
    tolerance = FLOAT64 * max(1, offset)  # what is left of the offset's digits
    np.testing.assert_allclose(densities, logsumexp(logs, axis=1), rtol=tolerance)
    np.testing.assert_allclose(
        shares, np.exp(logs - logsumexp(logs, axis=1)[:, None]), rtol=tolerance, atol=1e-12
    )
    np.testing.assert_allclose(
        powers, np.concatenate([X - mixture.centre, (X - mixture.centre) ** 2], axis=1)
    )


def test_a_row_far_from_all_gaussians_still_belongs_to_the_nearest():
    mixture = Gaussians(np.array([0.5, 0.5]), np.array([[0.0], [1.0]]), np.ones((2, 1)))
    shares, densities = mixture.posteriors(mixture.powers(np.array([[1e5]])))
    assert shares.tolist() == [[0.0, 1.0]]
    assert np.isfinite(densities).all()
