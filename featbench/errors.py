"""The exceptions that featbench raises on purpose, and the sentence they speak.

::

    FeatbenchError            exit code 1
    ├── ConfigError           2   the experiment file or the command line
    │   └── UnknownNameError  2   a name that is not there, with the nearest that is
    ├── DataError             3   a data set, a file or a folder
    ├── InputError            3   arrays handed to a plug-in (also a ValueError)
    ├── MissingExtraError     2   an optional dependency (also an ImportError)
    ├── StoreError            1   results that cannot be written or read
    └── SealError             1   test labels asked for out of order

A message reads ``<where>: <what> must be <constraint>; got <value>. <remedy>``; `must_be` builds it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar

__all__ = [
    "ConfigError",
    "DataError",
    "FeatbenchError",
    "InputError",
    "MissingExtraError",
    "SealError",
    "Shown",
    "StoreError",
    "UnknownNameError",
    "must_be",
    "nearest",
]


class FeatbenchError(Exception):
    """Anything that a user can mend; the command line prints its message alone."""

    exit_code: ClassVar[int] = 1


class ConfigError(FeatbenchError):
    """An experiment file, a ``--set`` or a flag says something that cannot be run."""

    exit_code = 2


class UnknownNameError(ConfigError):
    """A name (of a plug-in, a key, a data set) that nobody has registered.

    Parameters
    ----------
    where : str
        The place the name was read from.
    kind : str
        What the name should name, such as ``"extractor"``.
    name : str
        The name as given.
    known : iterable of str
        Every name that would have been right.
    """

    def __init__(self, where: str, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        suggestion = nearest(name, known)
        hint = f"Did you mean {suggestion!r}? " if suggestion else ""
        listing = f"Known: {', '.join(known)}." if known else "None is known."
        super().__init__(f"{where}: unknown {kind} {name!r}. {hint}{listing}")


class DataError(FeatbenchError):
    """A data set that is missing, damaged or cannot serve the purpose."""

    exit_code = 3


class InputError(FeatbenchError, ValueError):
    """Images, features or labels that a plug-in cannot work with."""

    exit_code = 3


class MissingExtraError(FeatbenchError, ImportError):
    """An optional dependency is not installed.

    Parameters
    ----------
    where : str
        What needs it.
    package : str
        The distribution that is missing.
    extra : str
        The extra of featbench that brings it.
    """

    exit_code = 2

    def __init__(self, where: str, package: str, extra: str) -> None:
        super().__init__(
            f"{where}: needs {package}, which is not installed. "
            f"Install it with: pip install 'featbench[{extra}]'"
        )


class StoreError(FeatbenchError):
    """Results that cannot be written or read."""


class SealError(FeatbenchError):
    """Test labels were asked for before selection and refit were done."""


def must_be(where: str, what: str, constraint: str, got: Any, remedy: str = "") -> str:
    """Build the one error sentence of the project.

    Parameters
    ----------
    where : str
        The plug-in, file or key that complains.
    what : str
        The parameter or thing that is wrong.
    constraint : str
        What it must be.
    got : object
        What came; shown with `repr` and cut at 120 characters. A `str` made by the caller to describe
        a value rather than to be one is best passed through `Shown`.
    remedy : str, optional
        What to do about it.

    Returns
    -------
    str
    """
    value = repr(got)
    if len(value) > 120:
        value = value[:117] + "..."
    return f"{where}: {what} must be {constraint}; got {value}.{' ' + remedy if remedy else ''}"


class Shown(str):
    """A description that `must_be` prints as it is, without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` most probably stands for, or None."""
    small = {other.lower(): other for other in known}
    matches = difflib.get_close_matches(name.lower(), list(small), n=1, cutoff=0.6)
    return small[matches[0]] if matches else None
