"""What no classifier may stumble over: right, or refused with the reason and what to do; all of them held to it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from featbench.classifiers import CLASSIFIERS
from featbench.errors import InputError

# Small, so that each fit takes milliseconds.
SMALL = {
    "knn": [
        {"n_neighbors": 3},
        {"n_neighbors": 1, "metric": "l1"},
        {"n_neighbors": 3, "weights": "distance"},
    ],
    "svm": [
        {},
        {"loss": "crammer_singer", "hinge": "plain"},
        {"loss": "one_vs_rest", "hinge": "plain", "penalty": "l1"},
    ],
    "softmax": [{"reg": 0.1}, {"penalty": "l1", "reg": 0.1}],
    "mlp": [{"hidden": 8, "epochs": 5}],
    "bottleneck": [{"cells": 2, "channels": 4, "epochs": 5}],
    "ensemble": [
        {"members": ["softmax", "majority"]},
        {"members": ["svm", {"name": "knn", "n_neighbors": 1}], "vote": "hard"},
    ],
    "sgd": [{"epochs": 2}],
    "random_search": [{"tries": 10}],
    "sklearn": [{"estimator": "GaussianNB"}, {"estimator": "SVC"}],
    "chance": [{}],
    "majority": [{}],
}
ALL = [(name, parameters) for name, variants in SMALL.items() for parameters in variants]

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning"),
    # GaussianNB's, of a variance of 0.
    pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning:sklearn"),
]


def build(name, parameters):
    return CLASSIFIERS.load(name)(**parameters)


def blobs(rng, n=24, d=6):
    y = np.arange(n) % 3
    X = rng.normal(size=(n, d))
    X[:, :3] += 4 * np.eye(3)[y]
    return X, y


def check(model, X, classes):
    """Labels are known ones, scores are finite, or it is said that they are not: scikit-learn's may be NaN."""
    assert np.isin(model.predict(X), classes).all()
    for method in ("predict_proba", "decision_function"):
        if hasattr(model, method):
            try:
                assert np.isfinite(getattr(model, method)(X)).all()
            except InputError as error:
                told = f"ScikitClassifier: GaussianNB: {method} must be finite; got 24 rows with NaN or infinity. Drop"
                assert str(error).startswith(told)


def fitted_or_refused(model, X, y, *reasons):
    """Return the fitted model, or None where it was refused for one of the reasons."""
    try:
        return model.fit(X, y)
    except InputError as error:
        assert any(reason in str(error) for reason in reasons), error
        return None


def test_every_registered_classifier_is_held_to_it():
    own = {name for name, row in CLASSIFIERS.rows().items() if row.distribution == "featbench"}
    assert own - {"own_head"} == set(SMALL), "own_head takes a network's scores, tested beside it"


@pytest.mark.parametrize(("name", "parameters"), ALL, ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_named_by_column_and_counted(name, parameters, value, rng):
    X, y = blobs(rng)
    model = build(name, parameters).fit(X, y)
    X[[2, 5, 7], 4] = value
    counts = "3 NaN and 0 infinite" if np.isnan(value) else "0 NaN and 3 infinite"
    message = rf"X must be finite; got {counts} \(inf\) in column 4 \(3 rows\)\. Drop those rows or columns"
    with pytest.raises(InputError, match=message):
        build(name, parameters).fit(X, y)
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(model, method):
            with pytest.raises(InputError, match=message):
                getattr(model, method)(X)


@pytest.mark.parametrize(("name", "parameters"), ALL, ids=str)
def test_one_class(name, parameters, rng):
    X, _ = blobs(rng)
    model = fitted_or_refused(
        build(name, parameters), X, ["cat"] * len(X), "got one class, 'cat'", "number of classes"
    )
    if model is not None:
        assert (model.predict(X) == "cat").all()


@pytest.mark.parametrize(("name", "parameters"), ALL, ids=str)
def test_a_single_row(name, parameters, rng):
    X, _ = blobs(rng)
    few = "n_neighbors must be from 1 to the number of training rows (n_samples = 1)"
    model = fitted_or_refused(
        build(name, parameters), X[:1], ["cat"], "got one class, 'cat'", "number of classes", few
    )
    if model is not None:
        assert (model.predict(X) == "cat").all()


@pytest.mark.parametrize(("name", "parameters"), ALL, ids=str)
def test_one_row_is_labelled_like_all(name, parameters, rng):
    X, y = blobs(rng)
    model = build(name, parameters).fit(X, y)
    assert model.predict(X[:1]).tolist() == model.predict(X)[:1].tolist()


@pytest.mark.parametrize(("name", "parameters"), ALL, ids=str)
@pytest.mark.parametrize("labels", [["ant", "bee", "cat"], [-3, 7, 1000], [0, 2, 5]], ids=str)
def test_labels_that_are_strings_or_have_gaps(name, parameters, labels, rng):
    X, y = blobs(rng)
    named = np.array(labels)[y]
    model = build(name, parameters).fit(X, named)
    assert model.classes_.tolist() == labels
    plain = build(name, parameters).fit(X, y)
    assert model.predict(X).tolist() == np.array(labels)[plain.predict(X)].tolist()


@pytest.mark.parametrize(("name", "parameters"), ALL, ids=str)
def test_constant_columns_and_nothing_but_those(name, parameters, rng):
    X, y = blobs(rng)
    X[:, 4:] = [7.0, 0.0]
    check(build(name, parameters).fit(X, y), X, y)
    check(build(name, parameters).fit(np.ones_like(X), y), X, y)


@pytest.mark.parametrize(("name", "parameters"), ALL, ids=str)
def test_far_more_columns_than_rows(name, parameters, rng):
    X, y = blobs(rng, n=9, d=500)
    model = build(name, parameters).fit(X.astype(np.float32), y)
    check(model, X, y)
    if name in ("svm", "softmax", "knn"):
        assert np.mean(model.predict(X) == y) >= 0.6


@pytest.mark.parametrize(("name", "parameters"), ALL, ids=str)
def test_labels_that_were_never_seen_are_misses(name, parameters, rng):
    X, y = blobs(rng)
    model = build(name, parameters).fit(X, y)
    unseen = np.where(np.arange(len(y)) % 2 == 0, y, 99)
    hits = (model.predict(X) == y)[::2].sum()
    assert model.score(X, unseen) == hits / len(y)
    assert model.score(X, np.full(len(y), 99)) == 0


def test_more_neighbours_than_rows(rng):
    X, y = blobs(rng)
    with pytest.raises(InputError, match=r"n_neighbors.*24.*"):
        build("knn", {"n_neighbors": 25}).fit(X, y)
    with pytest.raises(InputError, match=r"n_neighbors.*24.*"):
        build("ensemble", {"members": ["majority", {"name": "knn", "n_neighbors": 25}]}).fit(X, y)
    assert "n_neighbors = 25" in build("knn", {"n_neighbors": 25}).refuses({}, 24)
