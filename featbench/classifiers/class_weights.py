"""What each training row counts, given what its class counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from featbench.errors import InputError, Shown, must_be, nearest
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["ClassWeight", "row_weights"]

ClassWeight: TypeAlias = Literal["balanced"] | dict[Any, float] | None


def row_weights(
    where: str, class_weight: ClassWeight, classes: AnyArray, codes: Labels
) -> Float64Array | None:
    """Return the weight of each row, as scikit-learn understands class weights.

    Parameters
    ----------
    where : str
        Who complains.
    class_weight : "balanced", mapping of label to weight, or None
        ``"balanced"`` gives every class the same total: ``n / (n_classes · rows of the class)``. A class that a
        mapping does not name counts 1. Labels may be written as text.
    classes : ndarray, (n_classes,)
    codes : ndarray of int64, (n,)
        Index into `classes`.

    Returns
    -------
    ndarray of float64, (n,), or None
        None where every row counts 1.

    Raises
    ------
    InputError
        Anything else, a label that is no class, a weight that is not a finite number above 0.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(codes, minlength=len(classes))
        weights: Float64Array = (len(codes) / (len(classes) * counts))[codes]
        return weights
    if not isinstance(class_weight, Mapping):
        constraint = "'balanced', a mapping of labels to weights, or None"
        raise InputError(must_be(where, "class_weight", constraint, class_weight))
    positions = {label: i for i, label in enumerate(classes.tolist())}
    written = {str(label): i for label, i in positions.items()}  # JSON has no other keys
    each = np.ones(len(classes))
    for label, weight in class_weight.items():
        if label not in positions and label not in written:
            found = nearest(str(label), written)
            known = Shown(f"{label!r}")
            remedy = f"Did you mean {found!r}?" if found else f"The labels are {_some(list(positions))}."
            raise InputError(must_be(where, "a label in class_weight", "one of the classes", known, remedy))
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < np.inf:
            what = f"the weight of class {label!r}"
            raise InputError(must_be(where, what, "a finite number above 0", weight))
        each[positions[label] if label in positions else written[label]] = weight
    return each[codes]


def _some(labels: list[Any]) -> str:
    return ", ".join(repr(label) for label in labels[:10]) + (", …" if len(labels) > 10 else "")
