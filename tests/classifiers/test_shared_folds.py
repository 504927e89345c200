"""Cross-validations whose folds share one fit, and those that must not."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, Normalizer

from featbench.base import Fold
from featbench.classifiers import Softmax
from featbench.classifiers.shared_folds import SharedFolds
from featbench.numerics.problem import Problem
from featbench.preprocessing import Standardize

N = 240


def rows(rng):
    y = rng.permutation(np.arange(N) % 3)
    X = rng.normal(size=(N, 6)) + 2 * np.eye(6)[y]
    return X.astype(np.float32), y


def cross_validation(n_folds=4):
    part = np.arange(N) % n_folds
    return [Fold(np.flatnonzero(part != p), np.flatnonzero(part == p)) for p in range(n_folds)]


def test_rows_in_the_order_of_their_parts(rng):
    _, y = rows(rng)
    folds = cross_validation()
    shared = SharedFolds.of(folds, y)
    for fold, part in zip(folds, shared.parts, strict=True):
        np.testing.assert_array_equal(shared.order[part], fold.validation)


def test_what_is_no_cross_validation(rng):
    _, y = rows(rng)
    whole = cross_validation()
    first = whole[0]
    assert SharedFolds.of(cross_validation(2), y) is None
    assert SharedFolds.of(whole[:3], y) is None  # some rows are never judged
    assert SharedFolds.of([Fold(first.train[1:], first.validation), *whole[1:]], y) is None
    leaking = np.append(first.train[1:], first.validation[0])
    assert SharedFolds.of([Fold(leaking, first.validation), *whole[1:]], y) is None
    y[first.validation[0]] = 9  # a class that its fold cannot learn
    assert SharedFolds.of(whole, y) is None


@pytest.mark.parametrize(
    ("preprocess", "calls"),
    [
        (None, 1),
        (Standardize(), 1),
        (Standardize(with_std=False), 1),
        (Normalizer(), 1),
        (FunctionTransformer(), 1),
        (MinMaxScaler(), 0),
        (FunctionTransformer(np.abs), 0),
    ],
    ids=repr,
)
def test_every_preprocessing_predicts_as_fits_alone_do(preprocess, calls, rng, monkeypatch):
    X, y = rows(rng)
    folds, regs = cross_validation(), (1e-4, 1e-2)
    shared = []
    fit_folds = Problem.fit_folds
    monkeypatch.setattr(Problem, "fit_folds", lambda *args: shared.append(1) or fit_folds(*args))
    model = Softmax(tol=1e-5)
    found = model.fit_path(X, y, [{"reg": reg} for reg in regs], folds, preprocess)
    assert len(shared) == calls
    for fold, predicted in zip(folds, found, strict=True):
        train, validation = X[fold.train], X[fold.validation]
        if preprocess is not None:
            fitted = preprocess.fit(train)
            train, validation = fitted.transform(train), fitted.transform(validation)
        for reg, labels in zip(regs, predicted, strict=True):
            alone = Softmax(reg=reg, tol=1e-5).fit(train, y[fold.train]).predict(validation)
            assert np.mean(labels == alone) >= 0.98  # only near ties may turn


@pytest.mark.parametrize("parameters", [{"class_weight": "balanced"}, {"penalty": "l1"}])
def test_objectives_that_are_fitted_fold_by_fold(parameters, rng, monkeypatch):
    X, y = rows(rng)
    monkeypatch.setattr(Problem, "fit_folds", None)
    found = Softmax(**parameters).fit_path(X, y, [{"reg": 1e-2}], cross_validation())
    assert len(found) == 4


@pytest.mark.parametrize("d", [N + 1, N // 10 + 1])
def test_few_rows_a_column_are_fitted_fold_by_fold(d, rng, monkeypatch):
    _, y = rows(rng)
    monkeypatch.setattr(Problem, "fit_folds", None)
    X = rng.normal(size=(N, d))
    assert len(Softmax().fit_path(X, y, [{"reg": 1.0}], cross_validation())) == 4


def test_rows_that_selection_is_given_are_not_written(rng):
    """A fold's rows are prepared in place, in a copy."""
    X, y = rows(rng)
    before = X.copy()
    folds = cross_validation()[:2]  # two are fitted fold by fold
    Softmax().fit_path(X, y, [{"reg": 1e-2}], folds, Standardize())
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("preprocess", [Standardize(), Normalizer()], ids=repr)
def test_prepared_rows_are_the_only_copy(preprocess, rng):
    """Rows of 4.8 MB are put in order and prepared in place; those that were given stay as they are."""
    y = np.arange(30_000) % 3
    X = rng.normal(size=(30_000, 40)).astype(np.float32) + 1
    before = X.copy()
    part = np.arange(len(X)) % 4
    shared = SharedFolds.of([Fold(np.flatnonzero(part != p), np.flatnonzero(part == p)) for p in range(4)], y)
    tracemalloc.start()
    prepared, _ = shared.prepare(X, preprocess)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(prepared, preprocess.fit_transform(X[shared.order]))
    assert peak < 1.7 * X.nbytes
