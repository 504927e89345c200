"""Every measure's intervals, one pair after another, beside the exact distance; shared by its tests."""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def ends(measure, Q):
    """Lower and upper ends of the distances of queries to all training rows, (m, n)."""
    n, m = len(measure.X), len(Q)
    query, _, _ = measure.query(Q)
    train = measure.train(0, n)
    sums = measure.room(m, n)
    measure.sums(query.rows, train.rows, sums)
    values = sums[:m, :n].astype(float)
    low = train.low + measure.slope_low * values + query.low[:, None]
    return low, train.high + measure.slope_high * values + query.high[:, None]


def exact(a, b, metric):
    """The distance (squared for L2) in rational numbers, as the nearest float64."""
    pairs = [(Fraction(float(x)), Fraction(float(y))) for x, y in zip(a, b, strict=True)]
    if metric == "l1":
        return float(sum(abs(x - y) for x, y in pairs))
    if metric == "l2":
        return float(sum((x - y) ** 2 for x, y in pairs))
    if metric == "chi2":
        return float(sum((x - y) ** 2 / (x + y) for x, y in pairs if x + y))
    if metric == "intersection":
        a_sum, b_sum = (sum(side) for side in zip(*pairs, strict=True))
        return float(1 - sum(min(x / a_sum, y / b_sum) for x, y in pairs))
    product, aa, bb = (sum(v) for v in zip(*((x * y, x * x, y * y) for x, y in pairs), strict=True))
    return 1 - float(product) / float(np.sqrt(float(aa)) * np.sqrt(float(bb)))


def distances(X, Q, metric):
    return np.array([[exact(x, q, metric) for x in X] for q in Q])
