"""Loss curves against objectives worked out by hand, and sizes of models against their arrays."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import logsumexp

from featbench.classifiers import KNN, SVM, GradientDescent, RandomSearch, ScikitClassifier, Softmax
from featbench.extractors import HOG, RawPixels
from featbench.learned import POINTS, loss_curve, model_size, size_of_parts
from featbench.preprocessing import make_preprocess

# Solvers add up losses in the rows' precision, and seven digits are kept.
SUMMED = 1e-5


@pytest.fixture
def rows(rng):
    y = rng.integers(0, 4, 200)
    X = rng.normal(size=(200, 12))
    X[:, :4] += 1.5 * np.eye(4)[y]
    return X.astype(np.float32), y


def mean_loss(model, coef, intercept, X, y):
    """The loss of rows by the textbook."""
    scores = X.astype(np.float64) @ coef.T + intercept
    each = np.arange(len(y))
    if isinstance(model, Softmax) or model.loss == "softmax":
        return np.mean(logsumexp(scores, axis=1) - scores[each, y])
    if model.loss == "one_vs_rest":
        target = np.where(np.arange(4) == y[:, None], 1, -1)
        margins = np.maximum(0, 1 - target * scores)
    else:
        margins = np.maximum(0, 1 + scores - scores[each, y][:, None])
        margins[each, y] = 0
    return np.mean((margins**2 if model.hinge == "squared" else margins).sum(axis=1))


def objective(model, X, y):
    ratio = {"l2": 0.0, "l1": 1.0, "elastic_net": 0.5}[getattr(model, "penalty", "l2")]
    penalty = ratio * np.abs(model.coef_).sum() + (1 - ratio) / 2 * (model.coef_**2).sum()
    return mean_loss(model, model.coef_, model.intercept_, X, y) + model.reg * penalty


@pytest.mark.parametrize(
    "model",
    [
        Softmax(reg=0.1),
        Softmax(reg=0.02, penalty="l1"),
        Softmax(reg=0.02, penalty="elastic_net"),
        SVM(reg=0.1),
        SVM(reg=0.1, hinge="plain"),
        SVM(reg=0.1, loss="one_vs_rest", hinge="plain"),
        SVM(reg=0.02, hinge="plain", penalty="l1", tol=1e-3),
    ],
    ids=repr,
)
def test_a_curve_goes_from_no_weights_to_the_objective_of_the_fitted_ones(model, rows):
    X, y = rows
    model.fit(X, y)
    assert model.converged_
    curve = loss_curve(model)
    assert [number for number, _ in curve] == list(range(len(model.loss_curve_)))
    nothing = np.zeros_like(model.coef_), np.zeros(4)
    assert curve[0][1] == pytest.approx(mean_loss(model, *nothing, X, y), rel=SUMMED)
    assert curve[-1][1] == pytest.approx(objective(model, X, y), rel=SUMMED)


def test_a_descents_curve_is_a_step_behind_its_weights(rows):
    """A minibatch's cost is taken just before its step; here all rows are one minibatch."""
    X, y = rows
    settings = {"batch_size": 200, "decay": "none", "learning_rate": 1e-2}
    before = GradientDescent(epochs=4, **settings).fit(X, y)
    curve = loss_curve(GradientDescent(epochs=5, **settings).fit(X, y))
    assert [number for number, _ in curve] == [0, 1, 2, 3, 4, 5]
    assert curve[0][1] == curve[1][1] == pytest.approx(np.log(4), rel=SUMMED)
    assert curve[-1][1] == pytest.approx(objective(before, X, y), rel=SUMMED)


def test_tries_are_counted_from_one(rows):
    X, y = rows
    model = RandomSearch(tries=20, criterion="accuracy").fit(X, y)
    curve = loss_curve(model)
    assert [number for number, _ in curve] == list(range(1, 21))
    assert curve[-1][1] == pytest.approx(np.mean(model.predict(X) != y), abs=1e-7)


def test_a_long_curve_is_thinned_evenly_and_keeps_its_ends():
    losses = 1 / (1 + np.arange(5000.0))
    curve = loss_curve(SimpleNamespace(loss_curve_=losses, n_iter_=4999))
    numbers = np.array([number for number, _ in curve])
    assert len(curve) == POINTS == 200
    assert (numbers[0], numbers[-1]) == (0, 4999)
    assert set(np.diff(numbers)) <= {25, 26}
    np.testing.assert_allclose([loss for _, loss in curve], losses[numbers], rtol=1e-6)


def test_losses_that_are_no_numbers_are_left_out_and_without_two_there_is_no_curve():
    diverged = SimpleNamespace(loss_curve_=np.array([2.0, 1.0, np.inf]), n_iter_=1)
    assert loss_curve(diverged) == [[0, 2.0], [1, 1.0]]
    for losses in ((), (1.0,), None, [[1.0, 2.0], [3.0, 4.0]]):
        assert loss_curve(SimpleNamespace(loss_curve_=losses)) is None
    assert loss_curve(KNN()) is None


def test_the_extractors_curve_stands_for_a_classifier_without_one(rows):
    network = SimpleNamespace(loss_curve_=np.array([0.5, 0.25]))
    for extractor in (network, SimpleNamespace(extractor=network), SimpleNamespace(extractor_=network)):
        assert loss_curve(KNN(), extractor) == [[1, 0.5], [2, 0.25]]
    assert loss_curve(Softmax().fit(*rows), network)[0][0] == 0


def test_a_model_is_as_large_as_the_arrays_that_it_needs(rng, rows):
    images = rng.integers(0, 256, (200, 8, 8, 3), dtype=np.uint8)
    X, y = rows
    prepared = make_preprocess("standardize").fit(X)
    nearest = model_size(RawPixels().fit(images), prepared, KNN().fit(X, y))
    # The mean image; means and deviations of columns; all training rows, the numbers of their classes, the classes.
    mean_image, scaling, kept = 8 * 8 * 3 * 4, 2 * 12 * 8, X.nbytes + y.nbytes + 4 * 8
    by_hand = {"extractor": mean_image, "preprocess": scaling, "classifier": kept}
    assert nearest == {"model_bytes": by_hand, "model_mb": sum(by_hand.values()) / 1e6}
    linear = Softmax().fit(X, y)
    weights = 4 * (12 + 1) * 8 + 4 * 8 + linear.loss_curve_.nbytes
    told = model_size(HOG(cell=4).fit(images), make_preprocess("none").fit(X), linear)
    assert told["model_bytes"] == {"extractor": 0, "preprocess": 0, "classifier": weights}


def test_the_size_of_what_could_only_be_pickled_is_not_told(rng, rows):
    images = rng.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    trees = ScikitClassifier(estimator="GaussianNB").fit(*rows)
    told = model_size(RawPixels().fit(images), make_preprocess("none"), trees)
    assert told["model_bytes"]["classifier"] is None
    assert told["model_mb"] is None
    assert size_of_parts({"one": 250_000, "other": 250_000})["model_mb"] == 0.5
