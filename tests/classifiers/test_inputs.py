"""What is wrong with rows and labels is said in words."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from featbench.classifiers import KNN, SVM, Softmax
from featbench.classifiers.inputs import new_rows, training_rows
from featbench.errors import InputError


def test_rows_keep_their_precision_and_labels_become_numbers():
    for dtype, kept in (
        (np.uint8, np.uint8),
        (np.float32, np.float32),
        (np.int64, np.float64),
        (bool, np.float64),
    ):
        X, classes, codes = training_rows(KNN(), np.ones((3, 2), dtype=dtype), ["b", "a", "b"])
        assert X.dtype == kept
        assert classes.tolist() == ["a", "b"]
        assert codes.tolist() == [1, 0, 1]
        assert codes.dtype == np.int64


def test_rows_that_are_right_are_not_copied():
    X = np.ones((5, 2), dtype=np.float32)
    assert np.shares_memory(training_rows(KNN(), X, [0, 1, 0, 1, 0])[0], X)


def test_values_that_are_not_finite_are_counted_by_column():
    X = np.ones((5000, 9), dtype=np.float32)  # more than one block
    X[[3, 4999], 7] = np.nan, np.inf
    X[0, 2] = np.nan
    message = (
        r"Softmax: X must be finite; got 2 NaN and 1 infinite \(inf\) in column 2 \(1 rows\), "
        r"column 7 \(2 rows\)\. Drop those rows or columns"
    )
    with pytest.raises(InputError, match=message):
        Softmax().fit(X, np.arange(5000) % 2)
    X[:, 3:7] = np.nan
    with pytest.raises(InputError, match=r"column 4 .* and 3 more\. Drop"):
        Softmax().fit(X, np.arange(5000) % 2)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones(4), [0, 1, 0, 1], "SVM: Expected 2D array, got 1D array"),
        (np.ones((4, 2)), [0, 1, 0], "SVM: Found input variables with inconsistent numbers of samples"),
        (np.ones((4, 0)), [0, 1, 0, 1], r"SVM: Found array with 0 feature\(s\)"),
        (np.ones((0, 2)), [], r"SVM: Found array with 0 sample\(s\)"),
        (np.ones((4, 2)), [0.1, 0.2, 0.3, 0.4], "SVM: Unknown label type: continuous"),
        (np.ones((4, 2)), np.ones((4, 2)), "SVM: y should be a 1d array"),
        (np.ones((4, 2)) * 1j, [0, 1, 0, 1], "SVM: Complex data not supported"),
        ([["x", "y"]] * 4, [0, 1, 0, 1], "SVM: could not convert string to float"),
    ],
)
def test_what_cannot_be_fitted(X, y, message):
    with pytest.raises(InputError, match=message):
        SVM().fit(X, y)


def test_what_cannot_be_predicted(rng):
    model = SVM().fit(rng.normal(size=(8, 3)), [0, 1] * 4)
    with pytest.raises(InputError, match="SVM: X has 2 features, but SVM is expecting 3"):
        model.predict(np.ones((1, 2)))
    with pytest.raises(InputError, match="1 NaN and 0 infinite"):
        model.predict([[1.0, np.nan, 2.0]])
    with pytest.raises(NotFittedError):
        new_rows(SVM(), np.ones((1, 3)))
    assert model.decision_function(np.ones((0, 3))).shape == (0,)
