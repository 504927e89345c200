"""SVM and softmax against scikit-learn's optima, and what they say about themselves."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from featbench.base import Fold
from featbench.classifiers import SVM, Softmax
from featbench.errors import InputError
from featbench.numerics.problem import Problem
from featbench.testing import check_classifier

# No worse than the best of scikit-learn's by more than this share of the objective.
PARITY = 1e-4


def objective(model, coef, intercept, X, y):
    """Ours: mean loss plus reg / 2 ‖W‖², in float64."""
    codes = np.searchsorted(np.unique(y), y)
    value, _ = model._loss().value_and_gradient(coef @ X.T.astype(np.float64) + intercept[:, None], codes)
    return float(value) / len(y) + model.reg / 2 * (coef**2).sum()


def blobs(rng, n=400, d=20, n_classes=5, dtype=np.float64):
    y = rng.integers(0, n_classes, n)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / 3
    X[:, :n_classes] += 1.5 * np.eye(n_classes)[y]
    return X.astype(dtype), y


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reg", [1e-4, 1e-2, 1.0])
def test_softmax_is_as_good_as_logistic_regression(dtype, reg, rng):
    X, y = blobs(rng, dtype=dtype)
    ours = Softmax(reg=reg).fit(X, y)
    theirs = LogisticRegression(C=1 / (reg * len(y)), tol=1e-10, max_iter=10_000).fit(X.astype(float), y)
    best = objective(ours, theirs.coef_, theirs.intercept_, X, y)
    assert ours.objective_ <= best * (1 + PARITY)
    assert ours.objective_ == pytest.approx(objective(ours, ours.coef_, ours.intercept_, X, y), rel=1e-12)
    agree = np.mean(ours.predict(X) == theirs.predict(X.astype(float)))
    assert agree >= 0.99
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X.astype(float)), atol=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reg", [1e-3, 1e-1])
def test_one_vs_rest_is_as_good_as_linear_svc(dtype, reg, rng):
    """LinearSVC penalizes the bias; on a column of 1,000 that penalty is a millionth of what it would be."""
    X, y = blobs(rng, dtype=dtype)
    ours = SVM(loss="one_vs_rest", reg=reg).fit(X, y)
    theirs = LinearSVC(
        C=1 / (reg * len(y)), dual=False, tol=1e-10, max_iter=100_000, intercept_scaling=1000
    ).fit(X.astype(float), y)
    best = objective(ours, theirs.coef_, theirs.intercept_, X, y)
    assert ours.objective_ <= best * (1 + PARITY)
    assert abs(ours.objective_ - best) <= 1e-3 * best  # the same problem, then
    assert np.mean(ours.predict(X) == theirs.predict(X.astype(float))) >= 0.99


def test_two_classes_follow_scikit_learns_conventions(rng):
    X, y = blobs(rng, n_classes=2)
    names = np.array(["no", "yes"])[y]
    reg = 1e-2
    ours = Softmax(reg=reg).fit(X, names)
    # One weight vector w stands for the rows −w/2 and w/2, whose penalty is half as large.
    theirs = LogisticRegression(C=2 / (reg * len(y)), tol=1e-10, max_iter=10_000).fit(X, names)
    scores = ours.decision_function(X)
    assert scores.shape == (400,)
    assert ours.coef_.shape == (2, 20)
    np.testing.assert_allclose(scores, theirs.decision_function(X), atol=0.05)
    np.testing.assert_array_equal(ours.predict(X), np.where(scores > 0, "yes", "no"))
    assert SVM().fit(X, names).decision_function(X).shape == (400,)


@pytest.mark.parametrize("model", [SVM(), SVM(loss="one_vs_rest"), Softmax()], ids=repr)
def test_a_fit_states_how_near_its_optimum_it_is(model, rng):
    X, y = blobs(rng, dtype=np.float32)
    model.fit(X, y)
    assert model.converged_
    assert model.optimality_ <= model.tol
    assert model.expected_gain_ <= model.optimality_
    assert model.optimality_ >= model.gradient_norm_**2 / (2 * model.reg) / model.objective_ * (1 - 1e-12)
    assert model.loss_curve_.shape == (model.n_iter_ + 1,)
    assert model.loss_curve_[-1] == pytest.approx(model.objective_, rel=1e-5)  # summed in float32
    stated = json.loads(json.dumps(model.optimum_, allow_nan=False))
    assert stated["optimality"] == model.optimality_
    assert set(stated) == {"objective", "gradient_norm", "optimality", "expected_gain", "converged", "n_iter"}


def test_a_fit_that_was_cut_short_warns_and_says_what_to_do(rng):
    X, y = blobs(rng)
    with pytest.warns(
        ConvergenceWarning, match=r"reg = 0\.0001 ended after 3 iterations.*Raise max_iter or reg"
    ):
        model = SVM(reg=1e-4, max_iter=3).fit(X, y)
    assert not model.converged_
    assert model.n_iter_ == 3
    folds = [Fold(np.arange(300), np.arange(300, 400))]
    candidates = [{"reg": 1e-5}, {"reg": 1e-4}, {"reg": 1e6}]
    with pytest.warns(
        ConvergenceWarning, match=r"SVM: searched fits with reg = 1e-05, 0\.0001 ended before tol"
    ):
        SVM(max_iter=3).fit_path(X, y, candidates, folds)


def test_the_loss_curve_starts_at_zero_weights(rng):
    X, y = blobs(rng)
    assert SVM().fit(X, y).loss_curve_[0] == pytest.approx(4)  # C − 1
    assert Softmax().fit(X, y).loss_curve_[0] == pytest.approx(np.log(5))


@pytest.mark.parametrize("cls", [SVM, Softmax])
def test_a_path_is_one_batch_and_equals_separate_fits(cls, rng, monkeypatch):
    X, y = blobs(rng, dtype=np.float32)
    part = np.arange(400) % 4
    folds = [Fold(np.flatnonzero(part != p), np.flatnonzero(part == p)) for p in range(4)]
    candidates = [{"reg": reg} for reg in (1e-3, 1e-2, 1e-1, 1.0)]
    batches = []

    def counting(self, X, codes, n_classes, regs, parts, rescaled):
        batches.append(list(regs))
        return fit_folds(self, X, codes, n_classes, regs, parts, rescaled)

    fit_folds = Problem.fit_folds
    monkeypatch.setattr(Problem, "fit_folds", counting)
    predictions = cls().fit_path(X, y, candidates, folds, StandardScaler())
    assert batches == [[1e-3, 1e-2, 1e-1, 1.0]]
    for fold, predicted in zip(folds, predictions, strict=True):
        scaler = StandardScaler().fit(X[fold.train])
        train, validation = scaler.transform(X[fold.train]), scaler.transform(X[fold.validation])
        for candidate, labels in zip(candidates, predicted, strict=True):
            alone = cls(**candidate).fit(train, y[fold.train]).predict(validation)
            # Rounding differs between wide and narrow products; only a near tie between classes may turn.
            assert np.mean(labels == alone) >= 0.99


def test_candidates_that_differ_in_more_than_reg(rng):
    X, y = blobs(rng)
    folds = [Fold(np.arange(300), np.arange(300, 400))]
    candidates = [
        {"loss": loss, "reg": reg} for reg in (1e-2, 1.0) for loss in ("one_vs_rest", "weston_watkins")
    ]
    (predicted,) = SVM().fit_path(X, y, candidates, folds)
    for candidate, labels in zip(candidates, predicted, strict=True):
        expected = SVM(**candidate).fit(X[:300], y[:300]).predict(X[300:])
        assert np.mean(labels == expected) >= 0.99


@pytest.mark.parametrize("cls", [SVM, Softmax])
def test_the_same_bits_again(cls, rng):
    X, y = blobs(rng, dtype=np.float32)
    first, second = cls().fit(X, y), cls().fit(X, y)
    np.testing.assert_array_equal(first.coef_, second.coef_)
    np.testing.assert_array_equal(first.intercept_, second.intercept_)


@pytest.mark.parametrize("cls", [SVM, Softmax])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_more_features_than_rows(cls, dtype, rng):
    y = np.arange(200) % 4
    X = rng.normal(size=(200, 3000))
    X[:, :4] += 3 * np.eye(4)[y]
    model = cls(reg=1.0).fit(X.astype(dtype), y)
    assert model.converged_
    assert model.coef_.shape == (4, 3000)
    assert (model.predict(X) == y).all()


@pytest.mark.parametrize("cls", [SVM, Softmax])
def test_small_awkward_sets(cls, rng):
    one_each = cls(reg=0.1).fit(np.eye(3), ["c", "a", "b"])  # a row a class
    assert one_each.predict(np.eye(3)).tolist() == ["c", "a", "b"]
    constant = cls().fit(np.ones((5, 3)), [0, 1, 1, 0, 1])  # nothing to learn but the frequencies
    assert constant.converged_
    assert (constant.predict(np.ones((2, 3))) == 1).all()
    pixels = rng.integers(0, 256, (60, 5), dtype=np.uint8)
    y = np.arange(60) % 2
    assert cls(reg=100.0).fit(pixels, y).coef_.dtype == np.float64


def test_features_of_any_ordinary_scale_reach_the_same_predictions(rng):
    """reg means the same where it is scaled with the square of the features."""
    X, y = blobs(rng)
    expected = Softmax(reg=1e-2, tol=1e-8).fit(X, y).predict(X)
    for scale in (2.0**-20, 2.0**20):
        model = Softmax(reg=1e-2 * scale**2, tol=1e-8).fit(X * scale, y)
        np.testing.assert_array_equal(model.predict(X * scale), expected)


@pytest.mark.parametrize("cls", [SVM, Softmax])
def test_features_too_large_for_their_precision(cls, rng):
    X, y = blobs(rng, dtype=np.float32)
    with pytest.raises(InputError, match=r"X must be within ±2e\+15 for float32.*Scale the features"):
        cls().fit(X * np.float32(1e18), y)


@pytest.mark.parametrize("cls", [SVM, Softmax])
def test_one_class_is_refused(cls, rng):
    with pytest.raises(InputError, match="labels of at least 2 classes; got one class, 'cat'"):
        cls().fit(rng.normal(size=(4, 2)), ["cat"] * 4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "hinge"}, "loss must be one of 'weston_watkins', 'crammer_singer', 'one_vs_rest'"),
        ({"hinge": "huber"}, "hinge must be one of 'squared', 'plain'"),
        ({"penalty": "l0"}, "penalty must be one of 'l2', 'l1', 'elastic_net'"),
        ({"penalty": "elastic_net", "l1_ratio": 1.5}, "l1_ratio must be a number ≥ 0 and ≤ 1"),
        ({"class_weight": "even"}, "class_weight must be 'balanced', a mapping"),
        ({"class_weight": {9: 2.0}}, "a label in class_weight must be one of the classes; got 9"),
        ({"class_weight": {1: -1.0}}, "the weight of class 1 must be a finite number above 0"),
        ({"reg": 0.0}, "reg must be a number > 0"),
        ({"reg": float("nan")}, "reg must be a number"),
        ({"reg": float("inf")}, "reg must be a number"),
        ({"max_iter": 0}, "max_iter must be an integer ≥ 1"),
        ({"tol": 1.0}, "tol must be a number > 0 and < 1"),
    ],
)
def test_bad_parameters(parameters, message, rng):
    X, y = blobs(rng, n=20)
    with pytest.raises(InputError, match=message):
        SVM(**parameters).fit(X, y)
    with pytest.raises(InputError, match=message):
        SVM().fit_path(X, y, [{}, parameters], [Fold(np.arange(15), np.arange(15, 20))])


@pytest.mark.parametrize(
    "model",
    [
        SVM(hinge="plain"),
        SVM(loss="crammer_singer"),
        SVM(loss="one_vs_rest", penalty="l1", reg=1e-2),
        Softmax(penalty="elastic_net", class_weight="balanced"),
    ],
    ids=repr,
)
def test_the_laws_of_classifiers(model):
    check_classifier(model)


def test_random_labels_give_chance_in_validation(rng):
    X, y = rng.normal(size=(1000, 30)), rng.integers(0, 4, 1000)
    folds = [Fold(np.arange(500), np.arange(500, 1000)), Fold(np.arange(500, 1000), np.arange(500))]
    candidates = [{"reg": reg} for reg in (1e-2, 1.0)]
    for model in (SVM(), Softmax()):
        for fold, predicted in zip(folds, model.fit_path(X, y, candidates, folds), strict=True):
            for labels in predicted:  # a quarter, five standard deviations of 500 tosses either way
                assert abs(np.mean(labels == y[fold.validation]) - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 500)


def test_ordinary_fits_are_silent(rng):
    X, y = blobs(rng)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for reg in SVM.default_search["reg"]:
            SVM(reg=reg).fit(X, y)
        for reg in Softmax.default_search["reg"]:
            Softmax(reg=reg).fit(X, y)
