"""Every registered classifier keeps the laws, ours and scikit-learn's; and the check notices who does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from featbench.classifiers import CLASSIFIERS, KNN, MLP, SVM, Bottleneck, Ensemble, Softmax
from featbench.testing import check_classifier

VARIANTS = {
    "knn": [
        {},
        {"metric": "l1", "n_neighbors": 3},
        {"weights": "distance"},
        {"metric": "cosine", "weights": "kernel"},
    ],
    "svm": [
        {},
        {"loss": "one_vs_rest"},
        {"penalty": "l1", "class_weight": "balanced"},
    ],
    "softmax": [{}, {"penalty": "elastic_net"}],
    "mlp": [{"hidden": 32}, {"method": "momentum", "dropout": 0.0, "learning_rate": 0.1}],
    "bottleneck": [{"cells": 2, "channels": 8}, {"cells": 3, "method": "adam", "learning_rate": 0.01}],
    "ensemble": [
        {"members": ["softmax", {"name": "svm", "reg": 1.0}]},
        {
            "members": ["majority", {"name": "knn", "n_neighbors": 3}, {"name": "mlp", "hidden": 8}],
            "vote": "hard",
        },
    ],
    "sgd": [{}],
    "random_search": [{"tries": 100}],
    "sklearn": [{}, {"estimator": "GaussianNB"}],
    "chance": [{}],
    "majority": [{}],
}

# Takes scores, one column a class, which the rows of the laws are not: tests/classifiers/test_own_head.py.
ELSEWHERE = ("own_head",)


def test_every_registered_classifier_is_checked():
    own = {name for name, row in CLASSIFIERS.rows().items() if row.distribution == "featbench"}
    assert own == {*VARIANTS, *ELSEWHERE}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [(name, parameters) for name, variants in VARIANTS.items() for parameters in variants],
    ids=str,
)
def test_classifier_keeps_the_laws(name, parameters):
    check_classifier(CLASSIFIERS.load(name)(**parameters))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # some checks allow few steps
@parametrize_with_checks(
    [
        KNN(),
        KNN(metric="l1"),
        SVM(),
        SVM(loss="one_vs_rest"),
        Softmax(),
        MLP(),
        Bottleneck(cells=1),
        Ensemble(),
    ]
)
def test_scikit_learn_check_estimator(estimator, check):
    check(estimator)


@dataclass(kw_only=True, eq=False, repr=False)
class Standardized(KNN):
    """Standardizes what it predicts by the batch: a row's prediction depends on the rows beside it."""

    def predict(self, X):
        return super().predict((X - X.mean(axis=0)) if len(X) else X)


@dataclass(kw_only=True, eq=False, repr=False)
class WritesInput(KNN):
    """Standardizes the training rows in place."""

    def fit(self, X, y):
        X -= X.mean(axis=0)
        return super().fit(X, y)


@dataclass(kw_only=True, eq=False, repr=False)
class WrongPath(KNN):
    """Forgets the candidates."""

    def _path(self, X, y, X_new, candidates):
        return super()._path(X, y, X_new, [{"n_neighbors": 30}] * len(candidates))


@dataclass(kw_only=True, eq=False, repr=False)
class Swallows(KNN):
    """Takes NaN for 0."""

    def fit(self, X, y):
        return super().fit(np.nan_to_num(X), y)


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (Standardized, "rows beside it"),
        (WritesInput, "Inputs are never written"),
        (WrongPath, "fit_path predicts"),
        (Swallows, "cannot be right are refused"),
    ],
)
def test_check_classifier_names_the_broken_law(broken, law):
    with pytest.raises(AssertionError, match=law):
        check_classifier(broken())
