"""Any classifier of scikit-learn, by name, so that it stands in the same table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import all_estimators
from sklearn.utils.metaestimators import available_if

from featbench.base import Classifier
from featbench.classifiers.inputs import new_rows, training_rows
from featbench.errors import FeatbenchError, InputError, Shown, UnknownNameError, must_be, nearest
from featbench.parameters import Bounds
from featbench.types import AnyArray, Float64Array

__all__ = ["ScikitClassifier"]


def _has(method: str) -> Any:
    """Tell whether the estimator, fitted or to be built, has a method."""

    def check(classifier: ScikitClassifier) -> bool:
        return hasattr(getattr(classifier, "estimator_", None) or classifier.build(), method)

    return available_if(check)


@dataclass(kw_only=True, eq=False, repr=False)
class ScikitClassifier(Classifier):
    """A classifier of scikit-learn with plain parameters.

    Whatever ``sklearn.utils.all_estimators("classifier")`` names and whose parameters are numbers, text,
    true, false or lists of those: SVC, RandomForestClassifier, GaussianNB. Those made of other estimators
    (voting, stacking, calibration) are refused. Its own parameters are searched by their own names:
    ``{name: sklearn, estimator: SVC, search: {C: [1, 10]}}``.

    Parameters
    ----------
    estimator : str, default="SVC"
        Class name, such as ``SVC``.
    params : dict or None, default=None
        The estimator's parameters that differ from scikit-learn's defaults, such as ``{C: 10}``.
    random_state : int, default=0
        Seed, for an estimator that has one and whose `params` do not name it.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    estimator_ : estimator
        As fitted, to the numbers of the sorted labels.

    References
    ----------
    F. Pedregosa et al., Scikit-learn: Machine Learning in Python, Journal of Machine Learning Research 12
    (2011), 2825-2830.
    """

    estimator: str = "SVC"
    params: dict[str, Any] | None = None
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    def inner_parameters(self) -> dict[str, Any]:
        """Return the estimator's own parameters with scikit-learn's defaults.

        Raises
        ------
        InputError, UnknownNameError
            No classifier of that name, or one that is made of others.
        """
        signature = inspect.signature(_class(self.estimator))
        return {name: parameter.default for name, parameter in signature.parameters.items()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters; those that are not its own become the estimator's."""
        own = self.get_params(deep=False)
        inner = {name: value for name, value in params.items() if name not in own}
        super().set_params(**{name: value for name, value in params.items() if name in own})
        if inner:
            self.params = {**(self.params or {}), **inner}
        return self

    @classmethod
    def written_problems(cls, parameters: Mapping[str, Any], where: Callable[..., str]) -> list[str]:
        """Say what is wrong with the estimator's name or parameters as an experiment file has them."""
        try:
            cls(**parameters).build()
        except FeatbenchError as error:
            place = where("estimator" if isinstance(error, UnknownNameError) else "params")
            return [f"{place}: {error}"]
        return []

    def unsavable(self) -> str | None:
        """Say, fitted or not, that scikit-learn's own fitted objects could only be pickled."""
        return (
            f"{self.estimator} of scikit-learn could only be pickled, which a stranger could not safely load. Export a "
            "row whose classifier is featbench's own, such as softmax, svm, knn or mlp"
        )

    def build(self) -> BaseEstimator:
        """Construct the estimator, unfitted.

        Raises
        ------
        InputError, UnknownNameError
            An unknown estimator or parameter, or a value that is not plain.
        """
        known, params = self.inner_parameters(), dict(self.params or {})
        for name, value in params.items():
            if name not in known:
                suggestion = nearest(name, known)
                hint = f"Did you mean {suggestion!r}?" if suggestion else f"It has {', '.join(known)}."
                raise InputError(f"ScikitClassifier: {self.estimator} has no parameter {name!r}. {hint}")
            if not _plain(value):
                constraint = "a number, text, true, false, null or a list of those"
                raise InputError(must_be("ScikitClassifier", name, constraint, value))
        if "random_state" in known:
            params.setdefault("random_state", self.random_state)
        estimator: BaseEstimator = _class(self.estimator)(**params)
        return estimator

    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Fit the estimator.

        Parameters
        ----------
        X : array-like, (n, d)
            Finite numbers.
        y : array-like, (n,)
            Labels.

        Returns
        -------
        ScikitClassifier
            Itself.

        Raises
        ------
        InputError, UnknownNameError
            Bad parameters, rows or labels; what scikit-learn refuses, in its words.
        """
        X, self.classes_, codes = training_rows(self, X, y)
        estimator = self.build()
        try:
            self.estimator_ = estimator.fit(X, codes)
        except ValueError as error:  # of its own parameters, which scikit-learn names well
            raise InputError(f"ScikitClassifier: {self.estimator}: {error}") from error
        return self

    def predict(self, X: AnyArray) -> AnyArray:
        """Return the label of each row, ``(m,)``."""
        X = new_rows(self, X)
        codes = self.estimator_.predict(X) if len(X) else np.empty(0, np.int64)
        labels: AnyArray = self.classes_[codes]
        return labels

    @_has("predict_proba")
    def predict_proba(self, X: AnyArray) -> Float64Array:
        """Return each class's probability, ``(m, n_classes)``, columns as in `classes_`."""
        return self._answer("predict_proba", X)

    @_has("decision_function")
    def decision_function(self, X: AnyArray) -> Float64Array:
        """Return the estimator's scores, ``(m, n_classes)``, or ``(m,)`` for two classes."""
        return self._answer("decision_function", X)

    def _answer(self, method: str, X: AnyArray) -> Float64Array:
        X = new_rows(self, X)
        if not len(X):  # which scikit-learn does not take
            n_classes = len(self.classes_)
            return np.empty((0,) if method == "decision_function" and n_classes == 2 else (0, n_classes))
        scores: Float64Array = np.asarray(getattr(self.estimator_, method)(X), dtype=np.float64)
        if not np.isfinite(scores).all():
            remedy = (
                "Drop constant columns and classes of a single row, on which some estimators divide by 0."
            )
            found = Shown(f"{int((~np.isfinite(scores)).any(axis=-1).sum())} rows with NaN or infinity")
            raise InputError(must_be(f"ScikitClassifier: {self.estimator}", method, "finite", found, remedy))
        return scores


def _class(name: str) -> type[Any]:
    """Return the class of a name, if it can be built from plain values."""
    classes = dict(all_estimators("classifier"))
    if name not in classes:
        raise UnknownNameError("ScikitClassifier", "estimator", name, classes)
    made_of = [p for p in inspect.signature(classes[name]).parameters if p in ("estimator", "estimators")]
    if made_of:
        raise InputError(
            must_be(
                "ScikitClassifier", "estimator", "made of plain values, not of other estimators", Shown(name)
            )
        )
    cls: type[Any] = classes[name]
    return cls


def _plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_plain(item) for item in value)
    if isinstance(value, Mapping):  # class weights
        return all(_plain(item) for pair in value.items() for item in pair)
    return value is None or isinstance(value, (bool, int, float, str, np.generic))
