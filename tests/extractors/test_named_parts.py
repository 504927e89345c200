import pytest
from sklearn.base import BaseEstimator

from featbench.extractors import EXTRACTORS, HOG, RawPixels
from featbench.extractors.named_parts import NamedParts, default_name


class Pair(NamedParts):
    def __init__(self, left, right, gap=1):
        self.left, self.right, self.gap = left, right, gap

    def _named(self):
        return [("a", self.left), ("b", self.right)]

    def _replace(self, named):
        self.left, self.right = (part for _, part in named)


class Leaf(BaseEstimator):
    def __init__(self, size=1):
        self.size = size


def test_names_reach_into_parts():
    pair = Pair(Leaf(), Pair(Leaf(2), Leaf(3)))
    assert {k: v for k, v in pair.get_params().items() if isinstance(v, int)} == {
        "gap": 1,
        "a__size": 1,
        "b__gap": 1,
        "b__a__size": 2,
        "b__b__size": 3,
    }
    pair.set_params(b__a__size=5, gap=4)
    assert (pair.right.left.size, pair.gap) == (5, 4)
    assert set(pair.get_params(deep=False)) == {"left", "right", "gap"}


def test_a_part_is_replaced_before_its_parameters_are_set():
    pair = Pair(Leaf(), Leaf())
    new = Leaf(7)
    pair.set_params(a__size=9, a=new)
    assert pair.left is new
    assert new.size == 9
    pair.set_params(left=Leaf(1), a__size=2)
    assert pair.left.size == 2


def test_what_nobody_has_is_refused():
    with pytest.raises(ValueError, match="Invalid parameter 'c'"):
        Pair(Leaf(), Leaf()).set_params(c=1)


def test_default_names_are_the_tables_with_numbers():
    assert default_name(HOG(), EXTRACTORS, ()) == "hog"
    assert default_name(RawPixels(), EXTRACTORS, ["raw", "raw2"]) == "raw3"
    assert default_name(Leaf(), EXTRACTORS, ["raw"]) == "leaf"
