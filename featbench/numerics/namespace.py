"""Numpy and torch by the same lines: the functions that an array's own library offers under standard names.

References
----------
Python array API standard, https://data-apis.org/array-api/
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.types import AnyArray

__all__ = ["beside", "namespace"]


def namespace(X: AnyArray) -> Any:
    """Return the array-API functions for an array.

    Parameters
    ----------
    X : array
        Numpy's, or another library's that array-api-compat knows, such as a torch tensor.

    Returns
    -------
    module
        Numpy itself for its own arrays, otherwise what array-api-compat wraps.

    Raises
    ------
    TypeError
        No array.
    """
    if isinstance(X, np.ndarray):
        return np
    from array_api_compat import array_namespace

    return array_namespace(X)


def beside(X: AnyArray, values: AnyArray, dtype: str | None = None) -> AnyArray:
    """Return a numpy array's values as an array of X's library, on X's device.

    Parameters
    ----------
    X : array
    values : ndarray
    dtype : str, optional
        As the standard names it, such as ``"float32"``; by default that of `values`.

    Returns
    -------
    array
        `values` itself where nothing is to be done.
    """
    xp = namespace(X)
    if xp is np:
        return np.asarray(values, dtype=dtype)
    wanted = getattr(xp, dtype or values.dtype.name)
    moved: AnyArray = xp.asarray(np.ascontiguousarray(values), dtype=wanted, device=X.device)
    return moved
