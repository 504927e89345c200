"""Selection by intervals, on its own: any intervals that hold the distances give the same neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featbench.numerics import lists
from featbench.numerics.candidates import FORMULAS, consider, finish
from featbench.numerics.lists import Lists, _by_dtype


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 400),
    k=st.integers(1, 60),
    width=st.sampled_from([0.0, 1.5, 50.0]),
    spare=st.sampled_from([16, 512]),
)
def test_intervals_of_any_width(seed, n, k, width, spare):
    """Rows of one column; distances to the query at 0 are integers with many ties."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 40, (n, 1)).astype(np.float32)
    sums = X.T.copy()
    loose = np.where(rng.random(n) < 0.8, width * rng.random(n), 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "_SPARE", spare)
        found = Lists(1, k).part(0, 1)
    zero, one = np.zeros(1), np.ones(n)
    train = FORMULAS["l1"], False, _by_dtype(X), one, one
    query = _by_dtype(np.zeros((1, 1), dtype=np.float32)), np.ones(1), np.ones(1)
    half = n // 2
    for part in (slice(0, half), slice(half, n)):
        ends = (-loose[part], loose[part]), (zero, zero)
        consider(sums[:, part].copy(), part.start, (1.0, 1.0), *ends, k, found, train, query)
    distances, indices = np.full((1, k), np.inf), np.full((1, k), n)
    finish(k, found, train, query, distances, indices)
    order = np.lexsort((indices[0], distances[0]))
    expected = np.argsort(X[:, 0], kind="stable")[:k]
    np.testing.assert_array_equal(indices[0][order][: len(expected)], expected)
    np.testing.assert_array_equal(distances[0][order][: len(expected)], X[expected, 0])
    assert (indices[0][order][len(expected) :] == n).all()
