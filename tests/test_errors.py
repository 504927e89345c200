from __future__ import annotations

import inspect

import pytest

from featbench import errors
from featbench.errors import FeatbenchError, MissingExtraError, Shown, UnknownNameError, must_be, nearest


def test_the_sentence() -> None:
    sentence = must_be("HOG", "cell", "an integer ≥ 1", 0, "Use 8.")
    assert sentence == "HOG: cell must be an integer ≥ 1; got 0. Use 8."
    assert must_be("x", "y", "z", Shown("as it is")) == "x: y must be z; got as it is."
    assert len(must_be("x", "y", "z", "a" * 1000)) < 150


def test_unknown_name_suggests_the_nearest() -> None:
    message = str(UnknownNameError("a.yaml:3", "extractor", "hgo", ["hog", "hue", "raw"]))
    assert message == "a.yaml:3: unknown extractor 'hgo'. Did you mean 'hog'? Known: hog, hue, raw."
    assert "Did you mean" not in str(UnknownNameError("a", "extractor", "zzz", ["hog"]))
    assert nearest("standardise", ["standardize", "none"]) == "standardize"


def test_a_missing_extra_says_how_to_install_it() -> None:
    error = MissingExtraError("cnn", "torch", "cnn")
    assert "pip install 'featbench[cnn]'" in str(error)
    assert isinstance(error, ImportError)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    classes = {n: c for n, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, FeatbenchError)}
    assert errors.__doc__ is not None
    for name, cls in classes.items():
        drawn = [line for line in errors.__doc__.splitlines() if line.lstrip(" │├└─").startswith(name + " ")]
        assert len(drawn) == 1, name
        assert f" {cls.exit_code}" in drawn[0], name


@pytest.mark.parametrize("name", errors.__all__)
def test_all_is_there(name: str) -> None:
    assert hasattr(errors, name)
