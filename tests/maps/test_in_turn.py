"""Maps fitted in turn are those fitted by hand."""

from __future__ import annotations

import numpy as np

from featbench.maps import L2, PCA, Power, Whiten
from featbench.maps.in_turn import fit_in_turn, lengths_after


def test_each_learns_from_what_the_one_before_makes(rng):
    X = rng.normal(size=(50, 8)).astype(np.float32)
    power, pca, norm, whiten = Power(), PCA(components=5), L2(), Whiten()
    fitted = fit_in_turn([power, pca, norm, whiten], 8, lambda _: X)
    expected = X
    for step in (power, pca, norm, whiten):
        expected = step.fit(expected).transform(expected)
    rows = X
    for step in fitted:
        rows = step.transform(rows)
    np.testing.assert_array_equal(rows, expected)
    assert fitted[0] is not power


def test_rows_are_asked_for_only_where_a_map_learns_and_no_more_than_fit():
    asked = []

    def learned_from(most):
        asked.append(most)
        return np.eye(6, 5, dtype=np.float32)

    last = fit_in_turn([L2(), Power()], 5, learned_from)[-1]
    assert (asked, last.n_features_in_) == ([], 5)
    fit_in_turn([PCA(components=2), L2()], 5, learned_from)
    assert asked == [2**27 // 5]  # 512 MB
    fit_in_turn(
        [PCA(components=2)], 10**6, lambda most: asked.append(most) or np.zeros((3, 10**6), np.float32)
    )
    assert asked[1:] == [1000]


def test_lengths_on_the_way():
    assert lengths_after([L2(), PCA(components=3)], 7) == [7, 7, 3]
