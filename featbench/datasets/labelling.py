"""The order of names that people expect: ``img2`` before ``img10``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from featbench.types import Labels

__all__ = ["natural_key", "number_classes", "readable"]


def natural_key(name: str) -> tuple[Any, ...]:
    """Return a key that sorts digits inside names by their value, and letters without regard to case.

    Parameters
    ----------
    name : str
        May be any text; numbers may have any length.

    Returns
    -------
    tuple
        Total: two names that differ have keys that differ.
    """
    pieces: list[Any] = re.split(r"([0-9]+)", name)
    for position, piece in enumerate(pieces):
        if position % 2:  # digits: a longer number is larger, and `int` would stumble over very long ones
            digits = piece.lstrip("0")
            pieces[position] = (len(digits), digits)
        else:
            pieces[position] = piece.casefold()
    return (*pieces,), name


def number_classes(names: Sequence[str]) -> tuple[tuple[str, ...], Labels]:
    """Return the distinct names in natural order, and the number of each given name among them."""
    classes = tuple(sorted(set(names), key=natural_key))
    number = {name: index for index, name in enumerate(classes)}
    return classes, np.array([number[name] for name in names], dtype=np.int64)


def readable(name: str) -> str:
    r"""Return a file name as text that can be encoded: bytes that are no UTF-8 are written as ``\xe9``."""
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")
