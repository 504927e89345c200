"""The one call that checks a feature map against the laws."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.testing.map_laws import LAWS, Case
from featbench.types import FeatureMatrix

__all__ = ["check_map"]


def check_map(feature_map: Any, *, X: FeatureMatrix | None = None) -> None:
    """Check that a feature map keeps the laws; return nothing where it does.

    Parameters
    ----------
    feature_map : FeatureMap
        An instance with the parameters to check; it is cloned and never fitted itself.
    X : ndarray of float32, (n, d), optional
        At least two rows of three numbers to check with. By default twelve rows of ten numbers from 0 to 1, of
        which one is all zeros, two are equal, and one column does not vary.

    Raises
    ------
    AssertionError
        Naming the class, the law that it breaks, and how.

    Examples
    --------
    >>> from featbench.maps import Power
    >>> check_map(Power(exponent=0.3))
    """
    case = Case(feature_map, _examples() if X is None else X)
    for sentence, law in LAWS.items():
        where = f"{type(feature_map).__name__} on rows {case.X.shape}: broken law: {sentence}"
        try:
            complaint = law(case)
        except Exception as error:
            raise AssertionError(f"{where} ({type(error).__name__}: {error})") from error
        if complaint:
            raise AssertionError(f"{where} ({complaint})")


def _examples() -> FeatureMatrix:
    X = np.random.default_rng(0).random((12, 10), dtype=np.float32)
    X[:, 3] = 0.5
    X[0] = 0
    X[2] = X[1]
    X[4, 5] = 1e-7
    return X
