"""The lazy attributes of a package of plug-ins, and the names of classes."""

from __future__ import annotations

import pytest

import featbench.datasets
import featbench.extractors
from featbench.extractors import EXTRACTORS, HOG


@pytest.mark.parametrize(
    ("name", "meant"), [("Hog", "HOG"), ("RawPixel", "RawPixels"), ("hue_histogram", "HueHistogram")]
)
def test_a_class_that_is_not_there_is_answered_with_the_nearest(name, meant):
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}'\. Did you mean '{meant}'\?"):
        getattr(featbench.extractors, name)


@pytest.mark.parametrize("name", ["Xyzzy", "__hog__"])
def test_or_with_none(name):
    with pytest.raises(AttributeError, match=f"module 'featbench.extractors' has no attribute '{name}'$"):
        getattr(featbench.extractors, name)


def test_a_registered_class_has_a_name_and_another_has_none():
    assert EXTRACTORS.name_of(HOG) == "hog"
    assert EXTRACTORS.name_of(type("HOG", (HOG,), {})) is None
