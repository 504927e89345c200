"""The one call that checks a classifier against the laws."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.testing.classifier_laws import LAWS, Case

__all__ = ["check_classifier"]


def check_classifier(classifier: Any) -> None:
    """Check that a classifier keeps the laws; return nothing where it does.

    Parameters
    ----------
    classifier : Classifier
        An instance with the parameters to check; it is cloned and never fitted itself.

    Raises
    ------
    AssertionError
        Naming the class, the law that it breaks, and how.

    Examples
    --------
    >>> from featbench.classifiers import KNN
    >>> check_classifier(KNN(n_neighbors=3))
    """
    for dtype in (np.float32, np.float64):
        case = Case(classifier, *_example(dtype))
        for sentence, law in LAWS.items():
            where = f"{type(classifier).__name__} on {np.dtype(dtype)} rows: broken law: {sentence}"
            try:
                complaint = law(case)
            except Exception as error:
                raise AssertionError(f"{where} ({type(error).__name__}: {error})") from error
            if complaint:
                raise AssertionError(f"{where} ({complaint})")


def _example(dtype: Any) -> tuple[Any, Any]:
    """Return rows of four classes, well apart, so that rounding decides no prediction."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 4
    X = rng.normal(size=(60, 6))
    X[np.arange(60), y] += 20
    return X.astype(dtype), y
