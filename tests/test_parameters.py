from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from featbench.errors import InputError
from featbench.parameters import Bounds, check_parameters


@dataclass(kw_only=True)
class Plugin:
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}

    cell: Annotated[int, Bounds(ge=1, lt=100)] = 8
    share: Annotated[float, Bounds(gt=0, le=1)] = 0.5
    metric: Literal["l1", "l2"] = "l2"
    grey: bool = False
    size: Annotated[int, Bounds(ge=1)] | None = None
    name: str = "x"
    radii: Annotated[float, Bounds(gt=0)] | list[Annotated[float, Bounds(gt=0)]] = 1.0


GOOD: list[dict[str, Any]] = [
    {},
    {"cell": 1},
    {"share": 1},
    {"share": 1.0},
    {"size": 3},
    {"size": None},
    {"metric": "l1"},
    {"radii": 2},
    {"radii": [1, 2.5]},
]
BAD: list[dict[str, Any]] = [
    {"cell": 0}, {"cell": 100}, {"cell": 2.0}, {"cell": "8"}, {"cell": True}, {"share": 0}, {"share": 1.5},
    {"share": "0.5"}, {"share": float("nan")}, {"metric": "l3"}, {"grey": 1}, {"grey": "true"}, {"size": 0},
    {"size": "big"}, {"name": 3}, {"radii": "1"}, {"radii": 0}, {"radii": [1, 0]}, {"radii": [True]},
    {"radii": [[1]]},
]  # fmt: skip


@pytest.mark.parametrize("parameters", GOOD)
def test_good_parameters_pass_both_ways(parameters: dict[str, Any]) -> None:
    check_parameters(Plugin(**parameters))
    TypeAdapter(Plugin).validate_json(json.dumps(parameters), strict=True)


@pytest.mark.parametrize("value", [np.zeros(3), ["l1", "l2"], {"l1": 1}])
def test_what_cannot_be_one_of_several_names_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="Plugin: metric must be one of 'l1', 'l2'"):
        check_parameters(Plugin(metric=value))


@pytest.mark.parametrize("parameters", BAD)
def test_bad_parameters_fail_both_ways(parameters: dict[str, Any]) -> None:
    """The Python check and the experiment file's agree on what is allowed."""
    with pytest.raises(InputError, match=f"Plugin: {next(iter(parameters))} must be"):
        check_parameters(Plugin(**parameters))
    with pytest.raises(ValidationError):
        TypeAdapter(Plugin).validate_json(json.dumps(parameters), strict=True)


def test_what_was_right_of_one_type_is_not_so_of_another() -> None:
    check_parameters(Plugin(cell=1, grey=True))
    with pytest.raises(InputError, match="cell must be an integer"):
        check_parameters(Plugin(cell=True))
    with pytest.raises(InputError, match="cell must be an integer"):
        check_parameters(Plugin(cell=1.0))  # type: ignore[arg-type]


def test_numpy_numbers_are_numbers() -> None:
    check_parameters(Plugin(cell=np.int64(4), share=np.float32(0.5), grey=np.bool_(True)))  # type: ignore[arg-type]


def test_bounds_are_in_the_message_and_in_the_schema() -> None:
    with pytest.raises(InputError, match="cell must be an integer ≥ 1 and < 100; got 0"):
        check_parameters(Plugin(cell=0))
    schema = TypeAdapter(Plugin).json_schema()["properties"]
    assert schema["cell"]["minimum"] == 1
    assert schema["cell"]["exclusiveMaximum"] == 100
    assert schema["metric"]["enum"] == ["l1", "l2"]


def test_tuples_and_arrays_are_lists() -> None:
    check_parameters(Plugin(radii=(1, 2.0)))  # type: ignore[arg-type]
    check_parameters(Plugin(radii=np.array([1.0, 2.0])))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"radii must be a number or a list of numbers > 0; got \(1, -2\)"):
        check_parameters(Plugin(radii=(1, -2)))  # type: ignore[arg-type]


def test_a_class_that_is_no_dataclass_is_told_what_is_missing() -> None:
    class Plain:
        cell: int = 8

    with pytest.raises(
        InputError, match="Plain: the class must be a dataclass; got a plain class. Write @data"
    ):
        check_parameters(Plain())
