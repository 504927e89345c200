"""Class weights against scikit-learn's, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from sklearn.utils.class_weight import compute_sample_weight

from featbench.classifiers import Softmax
from featbench.classifiers.class_weights import row_weights
from featbench.errors import InputError


@pytest.mark.parametrize("weights", ["balanced", {"ant": 3.0}, {"bee": 1, "cat": 0.5}, {}])
def test_the_weights_of_scikit_learn(weights):
    classes, codes = np.array(["ant", "bee", "cat"]), np.array([0, 1, 1, 2, 2, 2, 2])
    expected = compute_sample_weight(weights, classes[codes])
    np.testing.assert_allclose(row_weights("W", weights, classes, codes), expected, rtol=1e-15)


def test_none_is_none():
    assert row_weights("W", None, np.array([0, 1]), np.array([0, 1])) is None


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("even", "W: class_weight must be 'balanced', a mapping of labels to weights, or None; got 'even'"),
        ([1.0, 2.0], "class_weight must be 'balanced', a mapping"),
        ({"bea": 1.0}, "must be one of the classes; got 'bea'. Did you mean 'bee'?"),
        ({7: 1.0}, r"must be one of the classes; got 7. The labels are 'ant', 'bee'"),
        ({"ant": 0}, "the weight of class 'ant' must be a finite number above 0; got 0"),
        ({"ant": float("nan")}, "the weight of class 'ant' must be a finite number above 0; got nan"),
        ({"ant": True}, "the weight of class 'ant' must be"),
        ({"ant": "much"}, "the weight of class 'ant' must be"),
    ],
)
def test_what_is_refused(weights, message):
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        row_weights("W", weights, np.array(["ant", "bee"]), np.array([0, 1]))


def test_labels_that_went_through_json_are_found():
    classes, codes = np.array([0, 3]), np.array([0, 1, 1])
    np.testing.assert_array_equal(row_weights("W", {"3": 0.5}, classes, codes), [1, 0.5, 0.5])


@pytest.mark.parametrize("weights", [None, "balanced", {"cat": 2.0, "dog": 1}])
def test_an_experiment_file_can_say_them(weights):
    parsed = TypeAdapter(Softmax).validate_json(json.dumps({"class_weight": weights}), strict=True)
    assert parsed.class_weight == weights


@pytest.mark.parametrize("wrong", ["even", [1.0], {"cat": "much"}])
def test_an_experiment_file_cannot_say_nonsense(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(Softmax).validate_json(json.dumps({"class_weight": wrong}), strict=True)
