"""What classifiers accept: checked rows and labels, or a message that says what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from featbench.base import Classifier
from featbench.errors import InputError, Shown, must_be
from featbench.parameters import check_parameters
from featbench.types import AnyArray, Labels

__all__ = ["new_rows", "training_rows"]

_ROWS = 4096
_DTYPES = (np.float64, np.float32, np.uint8)  # anything else becomes the first


def training_rows(
    classifier: Classifier, X: Any, y: Any, *, least_classes: int = 1
) -> tuple[AnyArray, AnyArray, Labels]:
    """Check parameters, rows and labels that a classifier is to be fitted to.

    Sets ``n_features_in_`` and, where columns have names, ``feature_names_in_``.

    Parameters
    ----------
    classifier : Classifier
    X : array-like, (n, d)
    y : array-like, (n,)
        Class labels: integers with or without gaps, strings, booleans.
    least_classes : int, optional
        How many different labels there must be.

    Returns
    -------
    X : ndarray of uint8, float32 or float64, (n, d)
        C-contiguous; other dtypes become float64.
    classes : ndarray, (n_classes,)
        The different labels, sorted.
    y : ndarray of int64, (n,)
        Index into `classes`.

    Raises
    ------
    InputError
        Naming what is wrong: lengths, shape, columns that hold NaN or infinity, labels that are no classes.
    """
    check_parameters(classifier)
    name = type(classifier).__name__
    try:
        X, y = validate_data(classifier, X, y, dtype=_DTYPES, order="C", ensure_all_finite=False, reset=True)
        check_classification_targets(y)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
    _check_finite(name, X)
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < least_classes:
        remedy = "Add rows of another class: there is nothing to tell apart."
        found = Shown(f"one class, {classes.tolist()[0]!r}")
        raise InputError(must_be(name, "y", f"labels of at least {least_classes} classes", found, remedy))
    return X, classes, codes.astype(np.int64)


def new_rows(classifier: Classifier, X: Any) -> AnyArray:
    """Check rows that a fitted classifier is to label; there may be none of them.

    Parameters
    ----------
    classifier : Classifier
    X : array-like, (n, d)
        With as many columns as in `fit`.

    Returns
    -------
    ndarray of uint8, float32 or float64, (n, d)

    Raises
    ------
    NotFittedError
        Before `fit`.
    InputError
        Another number of columns, NaN or infinity.
    """
    check_is_fitted(classifier)
    name = type(classifier).__name__
    try:
        rows: AnyArray = validate_data(
            classifier,
            X,
            dtype=_DTYPES,
            order="C",
            ensure_all_finite=False,
            ensure_min_samples=0,
            reset=False,
        )
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
    _check_finite(name, rows)
    return rows


def _check_finite(name: str, X: AnyArray) -> None:
    """Refuse NaN and infinity, naming the columns; looks at blocks, so that memory stays small."""
    if X.dtype == np.uint8:
        return
    counts = np.zeros(X.shape[1], dtype=np.int64)
    n_nan = 0
    for start in range(0, len(X), _ROWS):
        finite = np.isfinite(X[start : start + _ROWS])
        if not finite.all():
            counts += (~finite).sum(axis=0)
            n_nan += int(np.isnan(X[start : start + _ROWS]).sum())
    if not counts.any():
        return
    columns = np.flatnonzero(counts)
    shown = ", ".join(f"column {c} ({counts[c]} rows)" for c in columns[:3])
    more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
    kinds = f"{n_nan} NaN and {int(counts.sum()) - n_nan} infinite (inf) in {shown}{more}"
    remedy = "Drop those rows or columns, or mend what made them."
    raise InputError(must_be(name, "X", "finite", Shown(kinds), remedy))
