"""Hinges with kinks against linear programs and a smooth reformulation, and what their duality gap is worth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from featbench.base import Fold
from featbench.classifiers import SVM

KINKED = [
    ("weston_watkins", "plain"),
    ("crammer_singer", "plain"),
    ("one_vs_rest", "plain"),
    ("crammer_singer", "squared"),
]

# The reference ends where SLSQP's last step changes the objective by less than 1e-12 of about 1.
EXACT = 1e-6
# No worse than scikit-learn's by more than this share of the objective.
PARITY = 1e-4


def tiny(rng, n=24, d=3, n_classes=3, dtype=np.float64):
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, d))
    X[:, :n_classes] += np.eye(n_classes)[y][:, :d]
    return X.astype(dtype), y


def blobs(rng, n=400, d=20, n_classes=5, dtype=np.float64):
    y = rng.integers(0, n_classes, n)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / 3
    X[:, :n_classes] += 1.5 * np.eye(n_classes)[y]
    return X.astype(dtype), y


def margins_of(loss, scores, y):
    """Margins one by one, ``[sample][...]``, straight from the definition; scores ``(n, n_classes)``."""
    classes = range(scores.shape[1])
    if loss == "one_vs_rest":
        return [[1 - s[t] if j == t else 1 + s[j] for j in classes] for s, t in zip(scores, y, strict=True)]
    return [[1 + s[j] - s[t] for j in classes if j != t] for s, t in zip(scores, y, strict=True)]


def objective(loss, hinge, reg, X, y, coef, intercept, weights=None):
    margins = np.maximum(margins_of(loss, X @ coef.T + intercept, y), 0)
    losses = margins.max(axis=1) if loss == "crammer_singer" else margins.sum(axis=1)
    losses = losses**2 if hinge == "squared" else losses
    return (
        np.average(losses) + reg / 2 * (coef**2).sum()
        if weights is None
        else (np.mean(weights * losses) + reg / 2 * (coef**2).sum())
    )


def reference(loss, hinge, reg, X, y, weights=None):
    """Minimize over weights, biases and slacks above the margins: smooth, with linear constraints."""
    n, d = X.shape
    n_classes = int(y.max()) + 1
    n_coef = n_classes * (d + 1)
    shared = loss == "crammer_singer"
    rows, owners = [], []
    for i in range(n):
        for j in range(n_classes):
            row = np.zeros((n_classes, d + 1))
            point = np.append(X[i], 1.0)
            if loss == "one_vs_rest":
                row[j] = -point if j == y[i] else point
            elif j == y[i]:
                continue
            else:
                row[j], row[y[i]] = point, -point
            rows.append(row.ravel())
            owners.append(i if shared else len(owners))
    n_slack = n if shared else len(owners)
    constraint = np.zeros((len(rows), n_coef + n_slack))
    constraint[:, :n_coef] = -np.array(rows)
    constraint[np.arange(len(rows)), n_coef + np.array(owners)] = 1
    penalized = np.zeros(n_coef + n_slack)
    penalized[:n_coef] = (np.arange(n_coef) % (d + 1) < d) * reg
    sample = np.arange(n) if shared else np.repeat(np.arange(n), n_slack // n)
    counts = (np.ones(n) if weights is None else weights)[sample] / n
    power = 2 if hinge == "squared" else 1

    def value(z):
        return penalized @ z**2 / 2 + counts @ z[n_coef:] ** power

    def gradient(z):
        result = penalized * z
        result[n_coef:] = counts * (2 * z[n_coef:] if power == 2 else 1)
        return result

    start = np.zeros(n_coef + n_slack)
    start[n_coef:] = 1
    found = minimize(
        value,
        start,
        jac=gradient,
        method="SLSQP",
        bounds=[(None, None)] * n_coef + [(0, None)] * n_slack,
        constraints={"type": "ineq", "fun": lambda z: constraint @ z - 1, "jac": lambda z: constraint},
        options={"ftol": 1e-13, "maxiter": 1000},
    )
    assert found.success, found.message
    return found.fun


@pytest.mark.parametrize(("loss", "hinge"), KINKED)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_optimum_of_tiny_problems(loss, hinge, n_classes, rng):
    X, y = tiny(rng, n_classes=n_classes)
    for reg in (1e-2, 1.0):
        model = SVM(loss=loss, hinge=hinge, reg=reg, tol=1e-8, max_iter=5000).fit(X, y)
        best = reference(loss, hinge, reg, X, y)
        reached = objective(loss, hinge, reg, X, y, model.coef_, model.intercept_)
        assert model.objective_ == pytest.approx(reached, rel=1e-12)
        assert abs(reached - best) <= EXACT * best
        assert reached - best <= model.optimality_ * reached + 1e-9 * best  # the reference's own rounding
        assert model.optimality_ <= EXACT


@pytest.mark.parametrize(("loss", "hinge"), KINKED)
def test_weighted_classes(loss, hinge, rng):
    X, y = tiny(rng, n=21)
    keep = np.flatnonzero((y != 2) | (np.arange(21) < 9))
    X, y = X[keep], y[keep]
    model = SVM(loss=loss, hinge=hinge, reg=0.1, class_weight="balanced", tol=1e-8, max_iter=5000).fit(X, y)
    weights = (len(y) / (3 * np.bincount(y)))[y]
    best = reference(loss, hinge, 0.1, X, y, weights)
    reached = objective(loss, hinge, 0.1, X, y, model.coef_, model.intercept_, weights)
    assert model.objective_ == pytest.approx(reached, rel=1e-12)
    assert abs(reached - best) <= EXACT * best
    assert model.optimality_ <= EXACT


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_vs_rest_is_as_good_as_linear_svc(dtype, rng):
    X, y = blobs(rng, dtype=dtype)
    for reg in (1e-2, 1e-1):
        ours = SVM(loss="one_vs_rest", hinge="plain", reg=reg).fit(X, y)
        theirs = LinearSVC(
            C=1 / (reg * len(y)), loss="hinge", tol=1e-8, max_iter=1_000_000, intercept_scaling=10
        ).fit(X.astype(float), y)
        arguments = "one_vs_rest", "plain", reg, X.astype(float), y
        assert ours.objective_ <= objective(*arguments, theirs.coef_, theirs.intercept_) * (1 + PARITY)
        assert ours.objective_ == pytest.approx(objective(*arguments, ours.coef_, ours.intercept_), rel=1e-12)


def test_crammer_singer_is_as_good_as_linear_svc(rng):
    X, y = blobs(rng)
    for reg in (1e-2, 1e-1):
        ours = SVM(loss="crammer_singer", hinge="plain", reg=reg).fit(X, y)
        theirs = LinearSVC(
            C=1 / (reg * len(y)),
            multi_class="crammer_singer",
            tol=1e-8,
            max_iter=1_000_000,
            intercept_scaling=10,
        ).fit(X, y)
        arguments = "crammer_singer", "plain", reg, X, y
        best = objective(*arguments, theirs.coef_, theirs.intercept_)
        assert ours.objective_ <= best * (1 + PARITY)
        assert best <= ours.objective_ * 1.02  # the same problem, but for their penalty on the bias


@pytest.mark.parametrize(("loss", "hinge"), KINKED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_fit_states_its_gap(loss, hinge, dtype, rng):
    X, y = blobs(rng, dtype=dtype)
    X[:, 3] *= 30
    X[:, 4] = 7
    for reg in (1e-2, 1e-1, 10.0):
        model = SVM(loss=loss, hinge=hinge, reg=reg).fit(X, y)
        assert model.converged_
        assert 0 <= model.optimality_ <= model.tol
        better = SVM(loss=loss, hinge=hinge, reg=reg, tol=1e-6, max_iter=20_000).fit(X.astype(float), y)
        assert better.objective_ >= model.objective_ * (1 - model.optimality_) * (1 - 1e-12)
        assert model.loss_curve_[0] == pytest.approx({"weston_watkins": 4, "one_vs_rest": 5}.get(loss, 1))


@pytest.mark.parametrize(("loss", "hinge"), KINKED)
def test_a_path_equals_separate_fits(loss, hinge, rng):
    X, y = blobs(rng)
    folds = [Fold(np.arange(300), np.arange(300, 400))]
    candidates = [{"reg": reg} for reg in (1e-2, 1e-1, 1.0)]
    (predicted,) = SVM(loss=loss, hinge=hinge).fit_path(X, y, candidates, folds)
    for candidate, labels in zip(candidates, predicted, strict=True):
        alone = SVM(loss=loss, hinge=hinge, **candidate).fit(X[:300], y[:300]).predict(X[300:])
        assert np.mean(labels == alone) >= 0.98  # both are within 1e-4 of the optimum; near ties may turn


@pytest.mark.parametrize(("loss", "hinge"), KINKED)
def test_the_same_bits_again_on_any_number_of_threads(loss, hinge, rng, monkeypatch):
    X, y = blobs(rng, n=3000, dtype=np.float32)
    coefs = []
    for threads in ("1", "1", "3"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        coefs.append(SVM(loss=loss, hinge=hinge, reg=0.1).fit(X, y).coef_)
    np.testing.assert_array_equal(coefs[0], coefs[1])
    np.testing.assert_array_equal(coefs[0], coefs[2])


@pytest.mark.parametrize(("loss", "hinge"), KINKED)
def test_more_features_than_rows_and_nothing_to_learn(loss, hinge, rng):
    y = np.arange(60) % 4
    X = rng.normal(size=(60, 500))
    X[:, :4] += 3 * np.eye(4)[y]
    model = SVM(loss=loss, hinge=hinge, reg=1.0).fit(X, y)
    assert model.converged_
    assert (model.predict(X) == y).all()
    constant = SVM(loss=loss, hinge=hinge).fit(np.ones((5, 3)), [0, 1, 1, 0, 1])
    assert constant.converged_
    assert (constant.predict(np.ones((2, 3))) == 1).all()


def test_a_fit_that_was_cut_short_warns_with_a_true_bound(rng):
    X, y = blobs(rng)
    with pytest.warns(ConvergenceWarning, match=r"reg = 0\.001 ended after 20 iterations"):
        model = SVM(hinge="plain", reg=1e-3, max_iter=20).fit(X, y)
    best = SVM(hinge="plain", reg=1e-3, tol=1e-6, max_iter=20_000).fit(X, y).objective_
    assert best >= model.objective_ * (1 - model.optimality_)
    assert model.optimality_ > model.tol


@pytest.mark.parametrize(("loss", "hinge"), KINKED)
def test_sparse_weights_state_their_gap_and_equal_those_of_a_path(loss, hinge, rng):
    X, y = blobs(rng, n=200)
    folds = [Fold(np.arange(150), np.arange(150, 200))]
    candidates = [{"reg": reg} for reg in (2e-2, 5e-2)]
    template = SVM(loss=loss, hinge=hinge, penalty="l1", tol=1e-3, max_iter=5000)
    (predicted,) = template.fit_path(X, y, candidates, folds)
    for candidate, labels in zip(candidates, predicted, strict=True):
        model = SVM(**{**template.get_params(), **candidate}).fit(X[:150], y[:150])
        assert model.converged_
        assert model.optimality_ <= model.tol
        assert 0 < np.mean(model.coef_ == 0) < 1
        assert (
            np.mean(labels == model.predict(X[150:])) >= 0.9
        )  # both are within 1e-3 of the optimum; near ties may turn


@pytest.mark.parametrize("penalty", ["l1", "elastic_net"])
def test_sparse_weights_are_the_same_bits_on_any_number_of_threads(penalty, rng, monkeypatch):
    X, y = blobs(rng, n=3000, dtype=np.float32)
    coefs = []
    for threads in ("1", "1", "3"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        coefs.append(SVM(hinge="plain", penalty=penalty, reg=0.1, class_weight="balanced").fit(X, y).coef_)
    np.testing.assert_array_equal(coefs[0], coefs[1])
    np.testing.assert_array_equal(coefs[0], coefs[2])


@pytest.mark.parametrize("penalty", ["l1", "elastic_net"])
def test_sparse_weights_of_nothing_to_learn(penalty):
    model = SVM(hinge="plain", penalty=penalty, reg=1e-2).fit(np.ones((5, 3)), [0, 1, 1, 0, 1])
    assert model.converged_
    assert (model.predict(np.ones((2, 3))) == 1).all()
    assert (model.coef_ == 0).all()
