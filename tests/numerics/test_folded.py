"""Models of folds out of one fit to all rows, against fits of their own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from featbench.numerics import folded
from featbench.numerics.folded import fit_folds, fold_scales
from featbench.numerics.linear import EXACT, ORDER, fit_linear
from featbench.numerics.losses import HINGES, SOFTMAX

LOSSES = {"softmax": SOFTMAX, **HINGES}
REGS = (1e-4, 1e-2, 1.0)
TOLERANCE = 1e-3  # what the search is asked for
SLACK = 1.5  # times that: ORDER goes by an estimate, which is too small where columns nearly depend on one another
EXACTLY = 1e-9  # of the reference


def problem(rng, n=600, d=8, n_classes=3, dtype=np.float32):
    y = rng.permutation(np.arange(n) % n_classes)
    X = rng.normal(size=(n, d)) @ (np.eye(d) + 0.4 * rng.normal(size=(d, d)))
    X[:, :n_classes] += np.eye(n_classes)[y]
    return (X * np.geomspace(0.1, 10, d) + 3).astype(dtype), y


def cut(n, n_folds=4):
    edges = np.linspace(0, n, n_folds + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def objective(X, y, loss, reg, coef, intercept, scale):
    scores = coef @ X.T.astype(np.float64) + intercept[:, None]
    return float(loss.value_and_gradient(scores, y)[0]) / len(y) + reg / 2 * ((coef * scale) ** 2).sum()


def check(X, y, loss, *, rescaled, tol=TOLERANCE, aim=ORDER):
    """Each fold's models against float64 fits to its own rows, standardized by themselves."""
    parts = cut(len(X))
    whole = StandardScaler().fit_transform(X) if rescaled else X
    scales = fold_scales(whole, whole.mean(axis=0), parts)
    found = fit_folds(whole, y, 3, loss, REGS, parts, rescaled, max_iter=500, tol=tol, aim=aim)
    for i, (part, fits) in enumerate(zip(parts, found, strict=True)):
        left = np.delete(np.arange(len(X)), part)
        rows, labels = X[left].astype(np.float64), y[left]
        own = StandardScaler().fit_transform(rows) if rescaled else rows
        best = fit_linear(own, labels, 3, loss, REGS, max_iter=5000, tol=EXACTLY)
        scale = scales[i] if rescaled else np.ones(X.shape[1])
        for fit, reference, reg in zip(fits, best, REGS, strict=True):
            ours = objective(whole[left], labels, loss, reg, fit.coef, fit.intercept, scale)
            theirs = objective(own, labels, loss, reg, reference.coef, reference.intercept, 1.0)
            assert (
                theirs * (1 - 1e-5) <= ours <= theirs * (1 + SLACK * tol)
            )  # float32 rows differ by their rounding
            assert ours == pytest.approx(fit.curve[-1], rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("rescaled", [False, True])
def test_every_fold_comes_to_its_own_optimum(name, rescaled, rng):
    check(*problem(rng), LOSSES[name], rescaled=rescaled)


def test_as_near_as_a_fit_that_is_kept(rng):
    check(*problem(rng, dtype=np.float64), SOFTMAX, rescaled=True, tol=1e-5, aim=EXACT)


def test_folds_that_differ_from_the_whole(rng):
    """Rows sorted by class, and one part of other rows altogether."""
    X, y = problem(rng)
    X[:150] = 4 * X[:150] + 20
    check(X, y, SOFTMAX, rescaled=True)
    order = np.argsort(y, kind="stable")
    check(X[order], y[order], SOFTMAX, rescaled=False)


def test_few_rows_for_each_column_are_no_place_to_begin(rng, monkeypatch):
    begun = []
    search = folded.Batch.search

    def counting(self, objective, *rest, **more):
        begun.append(sum(part.stop - part.start for part in objective._parts))
        return search(self, objective, *rest, **more)

    monkeypatch.setattr(folded.Batch, "search", counting)
    for d, sizes in ((8, [150, 600, 450, 450, 450, 450]), (60, [600, 450, 450, 450, 450])):
        begun.clear()
        X, y = problem(rng, d=d)
        fit_folds(X, y, 3, SOFTMAX, REGS, cut(600), False, max_iter=500, tol=1e-3, aim=ORDER)
        assert begun == sizes


def test_scales_are_those_of_the_folds(rng):
    X, _ = problem(rng)
    X[:, 3] = 7  # constant
    X[:, 4] = np.arange(600) < 100  # constant outside the first part
    parts = cut(600)
    whole = StandardScaler().fit(X)
    for part, scale in zip(parts, fold_scales(X, X.mean(axis=0), parts), strict=True):
        own = StandardScaler().fit(np.delete(X, part, axis=0))
        ratio = own.scale_ / whole.scale_
        if part.start == 0:
            ratio[4] = 0
        np.testing.assert_allclose(scale, ratio, rtol=1e-4)


@pytest.mark.parametrize("rescaled", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_a_column_that_varies_among_the_left_out_alone_has_no_weight(name, rescaled, rng):
    X, y = problem(rng)
    X[:, 4] = np.arange(600) == 5
    whole = StandardScaler().fit_transform(X) if rescaled else X
    found = fit_folds(
        whole, y, 3, LOSSES[name], REGS, cut(600), rescaled, max_iter=500, tol=TOLERANCE, aim=ORDER
    )
    for fold, fits in enumerate(found):
        assert all((fit.coef[:, 4] == 0).all() == (fold == 0) for fit in fits)


def test_bits_do_not_depend_on_the_number_of_threads(rng, monkeypatch):
    X, y = problem(rng, n=5000)
    coefs = []
    for threads in ("1", "1", "3"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        found = fit_folds(X, y, 3, SOFTMAX, REGS, cut(5000), False, max_iter=500, tol=1e-3, aim=ORDER)
        coefs.append([fit.coef for fits in found for fit in fits])
    np.testing.assert_array_equal(coefs[0], coefs[1])
    np.testing.assert_array_equal(coefs[0], coefs[2])
