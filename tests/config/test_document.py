from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featbench.config.document import MAX_BYTES, parse, parse_value
from featbench.errors import ConfigError


def test_numbers_text_and_truth_are_told_apart() -> None:
    data = parse("a: 1e-3\nb: yes\nc: true\nd: '1'\ne: 0x10\nf: 2020-01-01\ng: ~\nh: .inf", "x").data
    assert data == {
        "a": 0.001, "b": "yes", "c": True, "d": "1", "e": 16, "f": "2020-01-01", "g": None, "h": float("inf"),
    }  # fmt: skip
    assert type(data["a"]) is float
    assert type(data["e"]) is int


def test_lines_of_keys_and_items() -> None:
    document = parse("a: 1\n\nb:\n  - c: 2\n  - d: 3\n", "x.yaml")
    assert document.lines[("b", 1, "d")] == 5
    assert document.where(("b", 1, "d")) == "x.yaml:5: b[1].d"
    assert document.where(("b", 1, "new")) == "x.yaml:5: b[1].new"
    assert document.where(("new",)) == "x.yaml: new"
    assert document.where(()) == "x.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", r"x:2: the key 'a' stands here a second time, first in line 1"),
        ("a: [", r"x:1: is not YAML"),
        ("a: !!python/object/apply:os.system ['true']", r"x:1: the tag .* is not allowed"),
        ("a: !!binary aGk=", "the tag"),
        ("[1]", "must be a mapping"),
        ("? [1]\n: 2", "a key must be plain text"),
        ("1: 2", "a key must be plain text"),
        ("a: &x [*x]", "at most 20 levels deep"),
        ("a: " + "[" * 30 + "]" * 30, "at most 20 levels deep"),
        ("a: " + "[" * 10_000, "is not YAML"),
        ("a: 1\n---\nb: 2", "is not YAML"),
        ("a: \x00", "is not YAML"),
        ("a: " + "x" * MAX_BYTES, "at most 256,000 bytes"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(text, "x")


def test_aliases_are_counted_expanded() -> None:
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 10)}]")
    with pytest.raises(ConfigError, match="20,000 values"):
        parse("\n".join(lines), "bomb")
    assert parse("a: &x {b: 1}\nc: *x", "x").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_value_that_is_no_yaml() -> None:
    with pytest.raises(ConfigError, match=r"^--set a=\[: is not YAML: .*Close what is open"):
        parse_value("[", "--set a=[")


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert parse("# nothing\n", "x").data == {}


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parse(text, "x")
    except ConfigError as error:
        assert str(error).startswith("x")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("[1, 3]", [1, 3]),
        ("{name: hog}", {"name": "hog"}),
        ("l1", "l1"),
        ("", None),
        ("true", True),
    ],
)
def test_values_of_set(text: str, value: object) -> None:
    assert parse_value(text, "--set") == value
