"""The laws that every feature map keeps; `check_map` runs them all."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from featbench.types import AnyArray, FeatureMatrix

__all__ = ["LAWS", "Case"]

# What a matrix product may do to a row when other rows stand beside it: BLAS sums in another order.
_RELATIVE = 1e-5

# Enough for more blocks of rows than one, in every map whose rows grow.
_ROWS_FOR_THREADS = 9000


@dataclass(frozen=True)
class Case:
    """An unfitted map, and rows to check it with."""

    map: Any
    X: FeatureMatrix

    def fitted(self) -> Any:
        """Return a fitted clone."""
        return clone(self.map).fit(self.X)

    def mapped(self) -> AnyArray:
        """Return the mapped rows, from a fresh clone."""
        mapped: AnyArray = self.fitted().transform(self.X)
        return mapped

    def equal(self, a: AnyArray, b: AnyArray) -> bool:
        """Tell whether two sets of rows are the same, as far as they must be."""
        return a.shape == b.shape and bool(
            np.abs(a - b).max(initial=0) <= _RELATIVE * np.abs(a).max(initial=0)
        )


# A law looks at a case and returns how it is broken, or None.
LAWS: dict[str, Callable[[Case], str | None]] = {}


def _law(sentence: str) -> Callable[[Callable[[Case], str | None]], Callable[[Case], str | None]]:
    def register(check: Callable[[Case], str | None]) -> Callable[[Case], str | None]:
        LAWS[sentence] = check
        return check

    return register


@_law("The constructor only assigns: clone, get_params and set_params agree")
def _parameters(case: Case) -> str | None:
    given = case.map.get_params(deep=False)
    rebuilt = type(case.map)(**given)
    changed = [name for name, value in rebuilt.get_params(deep=False).items() if value is not given[name]]
    if changed:
        return f"{', '.join(changed)} changed in the constructor"
    copy = clone(case.map)
    if repr(copy.set_params(**copy.get_params())) != repr(case.map):
        return f"set_params(**get_params()) made {copy!r} of {case.map!r}"
    return None


@_law("Fit returns the map itself and leaves its parameters alone")
def _fitting(case: Case) -> str | None:
    unfitted = clone(case.map)
    before = repr(unfitted)
    if unfitted.fit(case.X) is not unfitted:
        return "fit returned something else"
    return None if repr(unfitted) == before else f"{before} became {unfitted!r}"


@_law("Transform before fit raises NotFittedError")
def _unfitted(case: Case) -> str | None:
    try:
        clone(case.map).transform(case.X)
    except NotFittedError:
        return None
    return "it returned"


@_law("Mapped rows are a C-contiguous float32 array of finite rows as long as n_features_out_ says")
def _output(case: Case) -> str | None:
    fitted = case.fitted()
    mapped = fitted.transform(case.X)
    if not isinstance(mapped, np.ndarray) or mapped.shape != (len(case.X), fitted.n_features_out_):
        return f"{type(mapped).__name__} of shape {np.shape(mapped)}, promised {fitted.n_features_out_}"
    if mapped.dtype != np.float32 or not mapped.flags.c_contiguous:
        return f"{mapped.dtype}, C-contiguous: {mapped.flags.c_contiguous}"
    return None if np.isfinite(mapped).all() else "a value is not finite"


@_law("A mapped row does not depend on the rows beside it")
def _independence(case: Case) -> str | None:
    fitted = case.fitted()
    together = fitted.transform(case.X)
    alone = np.concatenate([fitted.transform(row[None]) for row in case.X])
    backwards = fitted.transform(case.X[::-1].copy())[::-1]
    for other, how in ((alone, "one at a time"), (backwards, "in reverse order")):
        if not case.equal(together, other):
            return f"they differ {how}"
    return None


@_law("Fitting twice gives the same rows")
def _repeatability(case: Case) -> str | None:
    fitted = case.fitted()
    first = fitted.transform(case.X)
    if not case.equal(first, fitted.fit(case.X).transform(case.X)):
        return "the same object, fitted again, differs"
    return None if case.equal(first, case.mapped()) else "a clone differs"


@_law("No rows give (0, k)")
def _empty(case: Case) -> str | None:
    fitted = case.fitted()
    nothing, width = fitted.transform(case.X[:0]), fitted.transform(case.X[:1]).shape[1]
    return None if nothing.shape == (0, width) else f"{nothing.shape}, k = {width}"


@_law("Inputs are never written, and read-only ones are as good")
def _reading(case: Case) -> str | None:
    expected = case.mapped()
    for freeze in (False, True):
        X = case.X.copy()
        X.flags.writeable = not freeze
        mapped = clone(case.map).fit(X).transform(X)
        if not np.array_equal(X, case.X):
            return "rows were changed"
        if np.shares_memory(mapped, X):
            return "the mapped rows are the rows' own memory"
        if not case.equal(mapped, expected):
            return "read-only rows are mapped elsewhere"
    return None


@_law("Only values count, not how they lie in memory, nor their dtype")
def _layouts(case: Case) -> str | None:
    expected, fitted = case.mapped(), case.fitted()
    views = {
        "every other column": np.repeat(case.X, 2, axis=1)[:, ::2],
        "Fortran order": np.asfortranarray(case.X),
        "float64": case.X.astype(np.float64),
    }
    for how, X in views.items():
        if not case.equal(expected, fitted.transform(X)):
            return f"rows in {how} are mapped elsewhere"
    return None


@_law("Rows of another length than fit saw are refused with a ValueError")
def _lengths(case: Case) -> str | None:
    wrong = {"one number less": case.X[:, :-1], "one more": np.concatenate([case.X, case.X[:, :1]], axis=1)}
    return _accepted(case.fitted().transform, wrong)


@_law("What is no batch of finite rows is refused with a ValueError")
def _inputs(case: Case) -> str | None:
    broken = case.X.copy()
    broken[1, 2] = np.nan
    endless = case.X.copy()
    endless[0, 0] = np.inf
    wrong = {
        "NaN": broken,
        "infinity": endless,
        "objects": case.X.astype(object),
        "a single row": case.X[0],
        "no columns": case.X[:, :0],
    }
    return _accepted(case.fitted().transform, wrong) or _accepted(lambda X: clone(case.map).fit(X), wrong)


def _accepted(function: Callable[[AnyArray], object], wrong: dict[str, AnyArray]) -> str | None:
    for what, X in wrong.items():
        try:
            function(X)
        except ValueError:
            continue
        return f"{what}: accepted"
    return None


@_law("Mapped rows do not depend on the number of threads")
def _threads(case: Case) -> str | None:
    many = np.concatenate([case.X] * -(-_ROWS_FOR_THREADS // len(case.X)))
    results = []
    for threads in ("1", "3"):
        with mock.patch.dict(os.environ, FEATBENCH_NUM_THREADS=threads):
            results.append(case.fitted().transform(many))
    return None if np.array_equal(*results) else "one thread and three differ"


@_law("Every column has a name of its own, which set_output shows")
def _names(case: Case) -> str | None:
    fitted = case.fitted()
    inputs = np.asarray([f"hog[{i}]" for i in range(case.X.shape[1])], dtype=object)
    for names in (fitted.get_feature_names_out(), fitted.get_feature_names_out(inputs)):
        if len(names) != fitted.n_features_out_ or len(set(names)) != len(names):
            return f"{len(names)} names, {len(set(names))} different, for {fitted.n_features_out_} columns"
    if fitted.keeps_columns and list(fitted.get_feature_names_out(inputs)) != list(inputs):
        return "columns are kept, and their names are not"
    try:
        import pandas  # noqa: F401 - a stranger's project may have none
    except ImportError:
        return None
    frame = fitted.set_output(transform="pandas").transform(case.X)
    return None if list(frame.columns) == list(fitted.get_feature_names_out()) else "the frame has others"


@_law("A fitted map comes out of pickle the same")
def _pickling(case: Case) -> str | None:
    copy = pickle.loads(pickle.dumps(case.fitted()))  # noqa: S301 - our own bytes
    return None if case.equal(case.mapped(), copy.transform(case.X)) else "it differs"


@_law("A saved map comes back the same, without pickle")
def _saving(case: Case) -> str | None:
    fitted = case.fitted()
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(folder)
        copy = type(fitted).load(folder)
    if repr(copy) != repr(fitted):
        return f"{fitted!r} came back as {copy!r}"
    return None if np.array_equal(fitted.transform(case.X), copy.transform(case.X)) else "it differs"
