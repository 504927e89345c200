"""What preprocessing has learned, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from featbench.errors import StoreError, must_be
from featbench.preprocessing import make_preprocess
from featbench.types import AnyArray

__all__ = ["restore_preprocess", "state_of"]

_LEARNED = ("mean_", "scale_")


def state_of(preprocess: Any) -> dict[str, AnyArray]:
    """Return the arrays of fitted preprocessing, none where it learns nothing."""
    learned = {name: getattr(preprocess, name, None) for name in _LEARNED}
    return {name: value for name, value in learned.items() if value is not None}


def restore_preprocess(name: str, arrays: Mapping[str, AnyArray], d: int) -> Any:
    """Return fitted preprocessing.

    Parameters
    ----------
    name : str
        One of `featbench.preprocessing.PREPROCESSORS`.
    arrays : mapping of str to ndarray
        Of `state_of`.
    d : int
        Columns of the rows that it takes.

    Returns
    -------
    transformer

    Raises
    ------
    StoreError
        The arrays are not those of this preprocessing, for so many columns.
    UnknownNameError
        No preprocessing of that name.
    """
    fitted = make_preprocess(name).fit(np.zeros((2, d), dtype=np.float32))
    expected = set(state_of(fitted))
    if set(arrays) != expected:
        raise StoreError(must_be("preprocess", "its arrays", f"{sorted(expected)}", sorted(arrays)))
    for key, value in arrays.items():
        if value.shape != (d,) or value.dtype != np.float64 or not np.isfinite(value).all():
            raise StoreError(
                f"preprocess: {key} must be {d} finite float64; got {value.dtype} {value.shape}."
            )
        if key == "scale_" and not (value > 0).all():
            raise StoreError("preprocess: scale_ must be above 0.")
    for key in expected:
        setattr(fitted, key, arrays[key])
    return fitted
