"""Every registered feature map keeps the laws and is complete; the checker notices who does not."""

import dataclasses
import doctest
import importlib
import itertools
import os
import runpy
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest

import featbench.maps
from featbench.base import FeatureMap
from featbench.docstrings import read_docstring
from featbench.maps import MAPS
from featbench.testing import check_map
from featbench.testing.map_laws import LAWS

OWN = sorted(name for name, row in MAPS.rows().items() if row.distribution == "featbench")

# Twelve short rows are fewer than some maps take by default.
FEW = {"pca": {"components": 4}, "nystroem": {"components": 5}}


@pytest.mark.parametrize("name", OWN)
def test_every_table_entry_keeps_the_laws(name):
    check_map(MAPS.load(name)(**FEW.get(name, {})))


@pytest.mark.parametrize("name", OWN)
def test_every_table_entry_is_complete(name, repository):
    module_name, class_name = MAPS.rows()[name].target.split(":")
    module = importlib.import_module(module_name)
    cls = getattr(module, class_name)
    assert class_name in module.__all__
    assert class_name in featbench.maps.__all__
    assert getattr(featbench.maps, class_name) is cls
    assert (repository / "tests" / "maps" / f"test_{module_name.split('.')[-1]}.py").is_file()
    documentation = read_docstring(cls)
    assert documentation.summary
    assert set(documentation.parameters) == {field.name for field in dataclasses.fields(cls)}
    assert all(documentation.parameters.values())
    assert doctest.testmod(module).failed == 0


def test_the_page_says_what_the_docstrings_say(repository):
    made = runpy.run_path(str(repository / "docs" / "make_pages.py"))
    page = (repository / "docs" / "maps.md").read_text(encoding="utf-8")
    assert page == made["make_maps"](page), "run: python docs/make_pages.py"
    for name in OWN:
        assert page.count(f"## `{name}` – ") == 1


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class Halves(FeatureMap):
    """Sound, for others to break."""

    factor: float = 0.5
    keeps_columns: ClassVar[bool] = True

    def _n_out(self, d):
        return d

    def _map(self, X):
        return X * np.float32(self.factor)


class ConvertsInConstructor(Halves):
    def __init__(self, *, factor=1.5):
        self.factor = float(f"{factor}")


class ForgetsItself(Halves):
    def fit(self, X, y=None):
        super().fit(X)


class NeedsNoFit(Halves):
    def transform(self, X):
        return self._map(np.ascontiguousarray(X))


class Doubles(Halves):
    def transform(self, X):
        return super().transform(X).astype(np.float64)


class CentresTheBatch(Halves):
    def _map(self, X):
        return X - X.mean(axis=0)


class NeverTheSame(Halves):
    fits = itertools.count(1)

    def _fit(self, X):
        self.factor_ = next(self.fits)

    def _map(self, X):
        return X * np.float32(self.factor_)


class NothingIsNarrow(Halves):
    def transform(self, X):
        mapped = super().transform(X)
        return mapped if len(mapped) else np.empty((0, 1), np.float32)


class Scribbles(Halves):
    def _map(self, X):
        mapped = super()._map(X)
        X[:, 0] = 0
        return mapped


class ReadsMemory(Halves):
    def transform(self, X):
        mapped = super().transform(X)
        return mapped if X.flags.c_contiguous else mapped[:, ::-1].copy()


class AnyLength(Halves):
    def transform(self, X):
        return Halves().fit(X).transform(X) if hasattr(self, "n_features_in_") else super().transform(X)


class AnyInput(Halves):
    def fit(self, X, y=None):
        return super().fit(np.nan_to_num(X) if X.dtype == np.float32 else X)


class CountsThreads(Halves):
    def _map(self, X):
        return super()._map(X) + np.float32(os.environ.get("FEATBENCH_NUM_THREADS"))


class NamesAllAlike(Halves):
    def get_feature_names_out(self, input_features=None):
        return np.asarray(["half"] * self.n_features_out_, dtype=object)


class ForgetsInPickle(Halves):
    gain = 2

    def _fit(self, X):
        self.gain = 3

    def _map(self, X):
        return X * np.float32(self.gain)

    def __getstate__(self):
        return {key: value for key, value in super().__getstate__().items() if key != "gain"}


class KeepsWhatCannotBeSaved(Halves):
    def _fit(self, X):
        self.half_ = Fraction(1, 2)


BROKEN = [
    ConvertsInConstructor,
    ForgetsItself,
    NeedsNoFit,
    Doubles,
    CentresTheBatch,
    NeverTheSame,
    NothingIsNarrow,
    Scribbles,
    ReadsMemory,
    AnyLength,
    AnyInput,
    CountsThreads,
    NamesAllAlike,
    ForgetsInPickle,
    KeepsWhatCannotBeSaved,
]


def test_a_sound_map_passes():
    check_map(Halves(factor=0.25))


@pytest.mark.parametrize(
    ("cls", "law"), list(zip(BROKEN, LAWS, strict=True)), ids=lambda x: getattr(x, "__name__", "")
)
def test_who_breaks_a_law_is_named_with_it(cls, law):
    with pytest.raises(AssertionError) as caught:
        check_map(cls())
    assert str(caught.value).startswith(f"{cls.__name__} on rows (12, 10): broken law: {law} (")


def test_own_rows_may_be_given(rng):
    check_map(Halves(), X=rng.normal(size=(5, 3)).astype(np.float32))
