"""Sparse weights and class weights against scikit-learn's solvers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.utils.class_weight import compute_sample_weight

from featbench.base import Fold
from featbench.classifiers import SVM, Softmax

# No worse than the best of scikit-learn's by more than this share of the objective.
PARITY = 1e-4

# Both within 1e-4 of the optimum at most; where they solve the same problem they are not farther apart.
SAME = 1e-3


def blobs(rng, n=400, d=20, n_classes=4, dtype=np.float64):
    y = rng.integers(0, n_classes, n)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / 3
    X[:, :n_classes] += 1.5 * np.eye(n_classes)[y]
    return X.astype(dtype), y


def objective(model, X, y, coef, intercept):
    """Ours, in float64, from the definition."""
    weights = compute_sample_weight(model.class_weight, y)
    codes = np.unique(y, return_inverse=True)[1]
    scores = coef @ X.T.astype(np.float64) + intercept[:, None]
    loss = sum(
        weight * float(model._loss().value_and_gradient(scores[:, [i]], codes[[i]])[0])
        for i, weight in enumerate(weights)
    )
    share = {"l2": 0.0, "l1": 1.0, "elastic_net": model.l1_ratio}[model.penalty]
    penalty = share * np.abs(coef).sum() + (1 - share) / 2 * (coef**2).sum()
    return loss / len(y) + model.reg * penalty


def check(model, theirs, X, y):
    best = objective(model, X, y, theirs.coef_, theirs.intercept_)
    reached = objective(model, X, y, model.coef_, model.intercept_)
    assert model.objective_ == pytest.approx(reached, rel=1e-12)
    assert reached <= best * (1 + PARITY)
    assert abs(reached - best) <= SAME * best
    assert model.converged_
    assert reached - best <= model.optimality_ * reached + 1e-12


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("penalty", ["l1", "elastic_net"])
@pytest.mark.parametrize("reg", [1e-3, 1e-2, 1e-1])
def test_softmax_is_as_good_as_saga(dtype, penalty, reg, rng):
    X, y = blobs(rng, dtype=dtype)
    ours = Softmax(penalty=penalty, reg=reg, l1_ratio=0.3).fit(X, y)
    share = 1.0 if penalty == "l1" else 0.3
    theirs = LogisticRegression(
        solver="saga", l1_ratio=share, C=1 / (reg * len(y)), tol=1e-6, max_iter=20_000
    )
    check(ours, theirs.fit(X.astype(float), y), X, y)
    if penalty == "l1" and reg == 1e-2:
        assert 0.1 < np.mean(ours.coef_ == 0) < 0.9
        assert np.mean((ours.coef_ == 0) == (np.abs(theirs.coef_) < 1e-4)) > 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reg", [1e-2, 1e-1])
def test_one_vs_rest_is_as_good_as_linear_svc(dtype, reg, rng):
    X, y = blobs(rng, dtype=dtype)
    ours = SVM(loss="one_vs_rest", penalty="l1", reg=reg).fit(X, y)
    theirs = LinearSVC(
        penalty="l1", dual=False, C=1 / (reg * len(y)), tol=1e-8, max_iter=100_000, intercept_scaling=1000
    )
    check(ours, theirs.fit(X.astype(float), y), X, y)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 5.0, 2: 0.25}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_class_weights_mean_what_they_mean_in_scikit_learn(class_weight, dtype, rng):
    X, y = blobs(rng, dtype=dtype)
    keep = (y != 1) | (np.arange(400) % 10 == 0)
    X, y = X[keep], y[keep]
    C = 1 / (1e-2 * len(y))
    ours = Softmax(reg=1e-2, class_weight=class_weight).fit(X, y)
    theirs = LogisticRegression(C=C, class_weight=class_weight, tol=1e-10, max_iter=10_000)
    check(ours, theirs.fit(X.astype(float), y), X, y)
    # LinearSVC weighs the rest of a class by 1, and saga falls far short where weights differ: the bound alone.
    for model in (
        SVM(loss="one_vs_rest", reg=1e-2),
        Softmax(reg=1e-2, penalty="l1"),
        SVM(penalty="l1", reg=1e-2),
    ):
        model.set_params(class_weight=class_weight).fit(X, y)
        assert model.objective_ == pytest.approx(
            objective(model, X, y, model.coef_, model.intercept_), rel=1e-12
        )
        assert model.optimality_ <= 30 * model.tol  # of an absolute penalty it is not tight


def test_weights_of_one_change_nothing_and_named_labels_are_found(rng):
    X, y = blobs(rng)
    names = np.array(["ant", "bee", "cat", "dog"])[y]
    plain = Softmax().fit(X, names)
    for weights in ({"ant": 1.0}, {"ant": 1, "dog": 1.0}):
        same = Softmax(class_weight=weights).fit(X, names)
        np.testing.assert_allclose(same.coef_, plain.coef_, atol=1e-9)
    heavy = Softmax(class_weight={"ant": 50.0}, reg=0.1).fit(X, names)
    assert np.mean(heavy.predict(X) == "ant") > np.mean(plain.predict(X) == "ant")


@pytest.mark.parametrize(
    "model", [Softmax(penalty="l1"), SVM(penalty="l1"), SVM(penalty="elastic_net")], ids=repr
)
def test_a_strong_penalty_leaves_the_bias_alone(model, rng):
    X, y = blobs(rng)
    model.set_params(reg=100.0).fit(X, y)
    assert (model.coef_ == 0).all()
    assert (model.predict(X) == np.bincount(y).argmax()).all()
    assert model.optimality_ < 1e-9


@pytest.mark.parametrize("cls", [SVM, Softmax])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_awkward_columns(cls, dtype, rng):
    """Constant, repeated, of very different scales and means; then more columns than rows."""
    X, y = blobs(rng, n=200)
    X = np.hstack(
        [X, X[:, :1], np.full((200, 1), 7.0), np.zeros((200, 1)), X[:, 1:2] * 1000, X[:, 2:3] + 100]
    )
    model = cls(penalty="l1", reg=1e-2).fit(X.astype(dtype), y)
    assert model.converged_
    assert (model.coef_[:, 21:23] == 0).all()
    wide = np.hstack([X, rng.normal(size=(200, 400))]).astype(dtype)
    model = cls(penalty="l1", reg=3e-2).fit(wide, y)
    assert model.converged_
    assert np.mean(model.coef_ == 0) > 0.5
    tall = cls(penalty="l1", reg=3e-2).fit(np.vstack([wide] * 3), np.tile(y, 3))  # the same problem, d < n
    assert tall.objective_ == pytest.approx(model.objective_, rel=2e-4)


def test_an_elastic_net_without_its_absolute_part_is_the_ridge(rng):
    X, y = blobs(rng)
    net, ridge = Softmax(penalty="elastic_net", l1_ratio=0.0).fit(X, y), Softmax().fit(X, y)
    np.testing.assert_array_equal(net.coef_, ridge.coef_)


@pytest.mark.parametrize("cls", [SVM, Softmax])
def test_a_path_equals_separate_fits(cls, rng):
    X, y = blobs(rng)
    folds = [Fold(np.arange(300), np.arange(300, 400))]
    candidates = [
        {"reg": reg, "class_weight": weight}
        for reg in (1e-2, 1e-1)
        for weight in (None, "balanced", {0: 2.0})
    ]
    (predicted,) = cls(penalty="l1").fit_path(X, y, candidates, folds)
    for candidate, labels in zip(candidates, predicted, strict=True):
        alone = cls(penalty="l1", **candidate).fit(X[:300], y[:300]).predict(X[300:])
        assert np.mean(labels == alone) >= 0.98  # both are within 1e-4 of the optimum; near ties may turn


@pytest.mark.parametrize("cls", [SVM, Softmax])
def test_the_same_bits_again_on_any_number_of_threads(cls, rng, monkeypatch):
    X, y = blobs(rng, n=3000, dtype=np.float32)
    coefs = []
    for threads in ("1", "1", "3"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        coefs.append(cls(penalty="l1", reg=1e-2, class_weight="balanced").fit(X, y).coef_)
    np.testing.assert_array_equal(coefs[0], coefs[1])
    np.testing.assert_array_equal(coefs[0], coefs[2])
