"""Constraints on the parameters of plug-ins, written once and read twice.

A plug-in is a dataclass whose fields are annotated, for instance ``Annotated[int, Bounds(ge=1)]``. The
experiment file is validated against the annotations by pydantic, which also derives the JSON Schema;
a plug-in built in Python is checked against the same annotations when it is fitted, without pydantic,
so that an extractor stays light to import.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Hashable
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from featbench.errors import InputError, Shown, must_be

__all__ = ["Bounds", "check_parameters"]

_PLAIN = {int: "an integer", float: "a number", bool: "true or false", str: "text"}
_PLURAL = {int: "integers", float: "numbers", bool: "truth values", str: "texts"}


@dataclasses.dataclass(frozen=True)
class Bounds:
    """The interval that a number must lie in; an end that is None is open to infinity.

    Parameters
    ----------
    ge, gt : float, optional
        Lower end, included or excluded.
    le, lt : float, optional
        Upper end, included or excluded.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def holds(self, value: float) -> bool:
        """Tell whether `value` lies inside; NaN never does."""
        return (
            value == value
            and (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )

    def __str__(self) -> str:
        ends = (("≥", self.ge), (">", self.gt), ("≤", self.le), ("<", self.lt))
        return " and ".join(f"{sign} {end:.9g}" for sign, end in ends if end is not None)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Translate to the constraints that pydantic knows; called by pydantic alone."""
        import annotated_types

        interval = annotated_types.Interval(ge=self.ge, gt=self.gt, le=self.le, lt=self.lt)
        return handler(Annotated[source, *interval])


@cache
def _annotations(cls: type) -> dict[str, Any]:
    if not dataclasses.is_dataclass(cls):
        remedy = (
            "Write @dataclass(kw_only=True, eq=False, repr=False) above it, and its parameters as fields."
        )
        raise InputError(must_be(cls.__name__, "the class", "a dataclass", Shown("a plain class"), remedy))
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def check_parameters(plugin: Any) -> None:
    """Check every parameter of a plug-in against its annotation.

    Parameters
    ----------
    plugin : dataclass instance
        An extractor, a classifier or a data set.

    Raises
    ------
    InputError
        Naming the class, the parameter, what it must be and what came; or the class is no dataclass.
    """
    cls = type(plugin)
    annotations: dict[str, Any] = _annotations(cls)  # type: ignore[arg-type]
    for name, annotation in annotations.items():
        value = getattr(plugin, name)
        kind = type(value)
        # Plain values are looked up: a transform of one image would feel the walk through annotations.
        if kind in _PLAIN or value is None:
            complaint = _plain_complaint(cls, name, kind, value)  # type: ignore[arg-type]
        else:
            complaint = _complaint(annotation, value)
        if complaint:
            raise InputError(must_be(cls.__name__, name, complaint, value))


@lru_cache(maxsize=4096)
def _plain_complaint(cls: type, name: str, kind: type, value: Any) -> str | None:  # noqa: ARG001 - 1 is not True
    return _complaint(_annotations(cls)[name], value)


def _complaint(annotation: Any, value: Any) -> str | None:
    """Say what `value` must be, or None where it already is."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        complaint = _complaint(inner, value)
        if complaint or value is None or isinstance(value, str):
            return complaint
        broken = [m for m in metadata if isinstance(m, Bounds) and not m.holds(value)]
        return f"{_PLAIN.get(inner, 'a number')} {broken[0]}" if broken else None
    if origin is Literal:
        options = get_args(annotation)
        # An array would be compared number by number.
        known = isinstance(value, Hashable) and value in options
        return None if known else "one of " + ", ".join(repr(o) for o in options)
    if origin in (Union, types.UnionType):
        complaints = [_complaint(option, value) for option in get_args(annotation)]
        return None if None in complaints else " or ".join(c for c in complaints if c)
    if annotation is type(None):
        return None if value is None else "None"
    if origin is list:
        return _list_complaint(get_args(annotation)[0], value)
    if annotation in _PLAIN:
        return None if _is_plain(annotation, value) else _PLAIN[annotation]
    return None  # richer types are checked by the plug-in itself


def _list_complaint(item: Any, value: Any) -> str | None:
    """Say what a list must be, or None; tuples and arrays are lists, items of richer types always right."""
    inner, *metadata = get_args(item) if get_origin(item) is Annotated else (item,)
    if inner not in _PLURAL:
        return None
    values = value.tolist() if hasattr(value, "tolist") else value
    wanted = f"a list of {_PLURAL[inner]}"
    if not isinstance(values, (list, tuple)):
        return wanted
    bounds = [f" {m}" for m in metadata if isinstance(m, Bounds)]
    return wanted + "".join(bounds) if any(_complaint(item, v) for v in values) else None


def _is_plain(kind: type, value: Any) -> bool:
    import numbers

    if isinstance(value, bool) or (hasattr(value, "dtype") and value.dtype == bool):
        return kind is bool
    if kind is int:
        return isinstance(value, numbers.Integral)
    if kind is float:
        return isinstance(value, numbers.Real)
    return isinstance(value, kind)
