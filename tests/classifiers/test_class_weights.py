"""Class weights against scikit-learn's, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

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
