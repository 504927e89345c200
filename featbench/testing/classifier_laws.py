"""The laws that every classifier keeps; `check_classifier` runs them all."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import StandardScaler

from featbench.base import Fold
from featbench.types import AnyArray

__all__ = ["LAWS", "Case"]

# What a matrix product may do to a score when other rows stand beside it: BLAS sums in another order.
_RELATIVE = 1e-6
_MOST_CANDIDATES = 12


@dataclass(frozen=True)
class Case:
    """An unfitted classifier, and rows of well separated classes to check it with."""

    classifier: Any
    X: AnyArray
    y: AnyArray

    def fitted(self, y: AnyArray | None = None) -> Any:
        """Return a fitted clone."""
        return quietly(clone(self.classifier).fit, self.X, self.y if y is None else y)

    def folds(self) -> list[Fold]:
        """Return two folds that take turns, each with every class on both sides."""
        turn = np.arange(len(self.y)) // len(np.unique(self.y)) % 2
        return [Fold(np.flatnonzero(turn != part), np.flatnonzero(turn == part)) for part in (0, 1)]

    def candidates(self) -> list[Mapping[str, Any]]:
        """Return hyperparameters to search, those of the default that the folds admit."""
        searched: Mapping[str, Sequence[Any]] = getattr(self.classifier, "default_search", {})
        smallest = min(len(fold.train) for fold in self.folds())
        admitted = [
            {name: value}
            for name, values in searched.items()
            for value in values
            if self.classifier.refuses({name: value}, smallest) is None
        ]
        return [{}, *admitted[:_MOST_CANDIDATES]]


def quietly(fit: Callable[..., Any], *arguments: Any) -> Any:
    """Call `fit` and let it warn that it did not converge: laws hold for such fits as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit(*arguments)


# A law looks at a case and returns how it is broken, or None.
LAWS: dict[str, Callable[[Case], str | None]] = {}


def _law(sentence: str) -> Callable[[Callable[[Case], str | None]], Callable[[Case], str | None]]:
    def register(check: Callable[[Case], str | None]) -> Callable[[Case], str | None]:
        LAWS[sentence] = check
        return check

    return register


@_law("The constructor only assigns: clone, get_params and set_params agree")
def _parameters(case: Case) -> str | None:
    given = case.classifier.get_params(deep=False)
    rebuilt = type(case.classifier)(**given)
    changed = [name for name, value in rebuilt.get_params(deep=False).items() if value is not given[name]]
    return f"{', '.join(changed)} changed in the constructor" if changed else None


@_law("Fit returns the classifier itself, sorts classes_ and leaves its parameters alone")
def _fitting(case: Case) -> str | None:
    classifier = clone(case.classifier)
    before = repr(classifier)
    if quietly(classifier.fit, case.X, case.y) is not classifier:
        return "fit returned something else"
    if not np.array_equal(classifier.classes_, np.unique(case.y)):
        return f"classes_ is {classifier.classes_!r}"
    return None if repr(classifier) == before else f"{before} became {classifier!r}"


@_law("Predict before fit raises NotFittedError")
def _unfitted(case: Case) -> str | None:
    try:
        clone(case.classifier).predict(case.X)
    except NotFittedError:
        return None
    return "it returned"


@_law("Predictions are one of the classes for each row")
def _predictions(case: Case) -> str | None:
    predicted = case.fitted().predict(case.X)
    if predicted.shape != case.y.shape:
        return f"shape {predicted.shape} for {len(case.y)} rows"
    return None if np.isin(predicted, case.y).all() else "a label that fit has not seen"


@_law("Fitting twice gives the same predictions")
def _repeatability(case: Case) -> str | None:
    classifier = case.fitted()
    first = classifier.predict(case.X)
    again = quietly(classifier.fit, case.X, case.y).predict(case.X)
    if not np.array_equal(first, again):
        return "the same object, fitted again, differs"
    return None if np.array_equal(first, case.fitted().predict(case.X)) else "a clone differs"


@_law("A row's prediction does not depend on the rows beside it")
def _independence(case: Case) -> str | None:
    classifier = case.fitted()
    for method in ("predict", "predict_proba", "decision_function"):
        if not hasattr(classifier, method):
            continue
        answer = getattr(classifier, method)
        together = answer(case.X)
        alone = np.concatenate([answer(row[None]) for row in case.X])
        for other, how in ((alone, "one at a time"), (answer(case.X[::-1])[::-1], "in reverse order")):
            if not _same(together, other):
                return f"{method} differs {how}"
    return None


def _same(a: AnyArray, b: AnyArray) -> bool:
    if a.dtype.kind != "f":
        return np.array_equal(a, b)
    return a.shape == b.shape and bool(np.abs(a - b).max(initial=0) <= _RELATIVE * np.abs(a).max(initial=0))


@_law("No rows give no predictions")
def _empty(case: Case) -> str | None:
    nothing = case.fitted().predict(case.X[:0])
    return None if nothing.shape == (0,) else f"shape {nothing.shape}"


@_law("Probabilities are those of each row's classes, and the likeliest is predicted")
def _probabilities(case: Case) -> str | None:
    classifier = case.fitted()
    if not hasattr(classifier, "predict_proba"):
        return None
    shares = classifier.predict_proba(case.X)
    if shares.shape != (len(case.X), len(classifier.classes_)):
        return f"shape {shares.shape}"
    if shares.min() < 0 or not np.allclose(shares.sum(axis=1), 1):
        return "a row does not sum to 1"
    predicted = np.searchsorted(classifier.classes_, classifier.predict(case.X))
    likeliest = shares.max(axis=1) - shares[np.arange(len(predicted)), predicted] <= _RELATIVE
    return None if likeliest.all() else "a less likely class is predicted"


@_law("Inputs are never written, and read-only ones are as good")
def _reading(case: Case) -> str | None:
    expected = case.fitted().predict(case.X)
    for freeze in (False, True):
        X, y = case.X.copy(), case.y.copy()
        X.flags.writeable = y.flags.writeable = not freeze
        predicted = quietly(clone(case.classifier).fit, X, y).predict(X)
        if not (np.array_equal(X, case.X) and np.array_equal(y, case.y)):
            return "they were changed"
        if not np.array_equal(predicted, expected):
            return "read-only rows give other predictions"
    return None


@_law("Labels may be strings, or numbers with gaps")
def _labels(case: Case) -> str | None:
    expected = case.fitted().predict(case.X)
    for names in (np.array(["ant", "bee", "cat", "dog"]), np.array([-3, 0, 7, 1000])):
        predicted = case.fitted(names[case.y]).predict(case.X)
        if not np.array_equal(predicted, names[expected]):
            return f"{names[:3]!r} give other predictions"
    return None


@_law("Saved without pickle and loaded, it answers the same; or it says why it cannot be saved")
def _saving(case: Case) -> str | None:
    classifier = case.fitted()
    if classifier.unsavable() is not None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        classifier.save(folder)
        loaded = type(classifier).load(folder)
    for method in ("predict", "predict_proba", "decision_function"):
        if not hasattr(classifier, method):
            continue
        if not np.array_equal(getattr(loaded, method)(case.X), getattr(classifier, method)(case.X)):
            return f"{method} differs"
    return None


@_law("fit_path predicts what separate fits predict, and fits no part of the classifier itself")
def _path(case: Case) -> str | None:
    template, candidates = clone(case.classifier), case.candidates()
    for preprocess in (None, StandardScaler()):
        arguments = case.X, case.y, candidates, case.folds(), preprocess
        predictions = quietly(template.fit_path, *arguments)
        for fold, predicted in zip(case.folds(), predictions, strict=True):
            train, validation = case.X[fold.train], case.X[fold.validation]
            if preprocess is not None:
                scaler = clone(preprocess).fit(train)
                train, validation = scaler.transform(train), scaler.transform(validation)
            for candidate, labels in zip(candidates, predicted, strict=True):
                alone = clone(case.classifier).set_params(**candidate)
                expected = quietly(alone.fit, train, case.y[fold.train]).predict(validation)
                if not np.array_equal(labels, expected):
                    return f"{candidate} differs"
    return "it was fitted" if hasattr(template, "classes_") else None


@_law("Rows and labels that cannot be right are refused with a ValueError")
def _inputs(case: Case) -> str | None:
    X, y = case.X, case.y
    nan, infinite = X.copy(), X.copy()
    nan[1, 2], infinite[0, 0] = np.nan, np.inf
    classifier = case.fitted()
    wrong: dict[str, Callable[[], object]] = {
        "fit to NaN": lambda: clone(classifier).fit(nan, y),
        "fit to infinity": lambda: clone(classifier).fit(infinite, y),
        "fit to fewer labels than rows": lambda: clone(classifier).fit(X, y[:-1]),
        "fit to a single row without its leading axis": lambda: clone(classifier).fit(X[0], y),
        "fit to no rows": lambda: clone(classifier).fit(X[:0], y[:0]),
        "fit to numbers that are no labels": lambda: clone(classifier).fit(X, X[:, 0]),
        "predict NaN": lambda: classifier.predict(nan),
        "predict rows with a column more": lambda: classifier.predict(np.hstack([X, X[:, :1]])),
    }
    for what, attempt in wrong.items():
        try:
            quietly(attempt)
        except ValueError:
            continue
        return f"{what}: accepted"
    return None
