"""Mistakes, images that all miss, agreement and calibration, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.report.failures import (
    Judged,
    agreement,
    calibration_error,
    missed_by_all,
    mistakes,
    reliability,
)

TRUTH = np.array([0, 0, 1, 1, 2, 2])


def judged(predictions: list[int], confidence: list[float] | None = None) -> Judged:
    sure = None if confidence is None else np.asarray(confidence, dtype=np.float32)
    return Judged({}, np.array(predictions), TRUTH, sure, None if confidence is None else "probability")


def test_the_most_confident_mistakes_come_first() -> None:
    row = judged([1, 0, 0, 1, 0, 1], [0.5, 0.9, 0.8, 1.0, 0.5, 0.6])
    assert mistakes(row, 3).tolist() == [2, 5, 0]
    assert mistakes(row, 10).tolist() == [2, 5, 0, 4], "of equals the first image first"
    assert mistakes(judged([1, 0, 0, 1, 0, 1]), 2).tolist() == [0, 2]
    assert not len(mistakes(judged([0, 0, 1, 1, 2, 2]), 5))


def test_images_that_no_row_gets_right() -> None:
    rows = [judged([1, 0, 0, 1, 0, 1]), judged([2, 0, 0, 0, 1, 1]), judged([1, 1, 1, 1, 0, 1])]
    # 0 is called 1, 2, 1; 4 is called 0, 1, 0; 5 is 1 for all, so it comes first.
    assert missed_by_all(rows).tolist() == [5, 0, 4]
    assert not len(missed_by_all([]))
    assert not len(missed_by_all([judged([0, 0, 1, 1, 2, 2])]))


def test_agreement_is_counted() -> None:
    rows = [judged([1, 0, 0, 1, 2, 2]), judged([1, 0, 1, 0, 2, 2]), judged([0, 0, 1, 1, 2, 2])]
    same, both_wrong = agreement(rows)
    np.testing.assert_allclose(same * 6, [[6, 4, 4], [4, 6, 4], [4, 4, 6]])
    # The first two err on {0, 2} and {0, 3}: one of three; the third never errs.
    np.testing.assert_allclose(both_wrong, [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]])


def test_a_reliability_curve_counted_by_hand() -> None:
    sure = [0.1, 0.15, 0.95, 1.0, 0.91, 0.0]
    right = [True, False, True, True, False, False]
    bins = reliability(sure, right)
    assert [(b.low, b.high, b.n) for b in bins] == [(0.0, 0.1, 2), (0.1, 0.2, 1), (0.9, 1.0, 3)]
    assert [b.accuracy for b in bins] == pytest.approx([0.5, 0.0, 2 / 3])
    assert [b.confidence for b in bins] == pytest.approx([0.05, 0.15, 2.86 / 3])
    by_hand = (2 * 0.45 + 1 * 0.15 + 3 * (2.86 / 3 - 2 / 3)) / 6
    assert calibration_error(bins) == pytest.approx(by_hand)
    assert reliability([], []) == []
    assert calibration_error([]) == 0


def test_calibrated_probabilities_lie_on_the_diagonal() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.2, 1, 40_000)
    bins = reliability(sure, rng.random(40_000) < sure)
    # Three standard deviations of the smallest bin's share, 5,000 images.
    assert all(abs(b.confidence - b.accuracy) < 3 * 0.5 / np.sqrt(4500) for b in bins)
