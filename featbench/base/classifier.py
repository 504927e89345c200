"""What a classifier is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError

from featbench.base.cost import Cost
from featbench.saved import load_plugin, save_plugin, why_not
from featbench.types import AnyArray, Indices

__all__ = ["Classifier", "Fold"]


@dataclass(frozen=True)
class Fold:
    """One part of the training rows to learn from and one to be judged on.

    Attributes
    ----------
    train, validation : ndarray of int64
        Row numbers, disjoint.
    """

    train: Indices
    validation: Indices


class Classifier(ClassifierMixin, BaseEstimator, ABC):
    """Feature rows in, labels out; a scikit-learn classifier.

    Attributes
    ----------
    default_search : mapping of str to sequence
        The hyperparameters that selection tries where an experiment names none.
    classes_ : ndarray, (n_classes,)
        Sorted labels, after `fit`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    default_search: ClassVar[Mapping[str, Sequence[Any]]] = {}

    @abstractmethod
    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Learn from rows ``X (n, d)`` and labels ``y (n,)``."""

    @abstractmethod
    def predict(self, X: AnyArray) -> AnyArray:
        """Return the label of each row."""

    def refuses(self, candidate: Mapping[str, Any], n_rows: int) -> str | None:  # noqa: ARG002 - for overriding
        """Say which hyperparameter cannot be used on so few training rows, or None where all can.

        Parameters
        ----------
        candidate : mapping
            Hyperparameters that selection means to set.
        n_rows : int
            Training rows of the smallest fold.

        Returns
        -------
        str or None
            Such as ``"n_neighbors = 100, more than the 80 training rows of a fold"``.
        """
        return None

    @classmethod
    def written_problems(
        cls,
        parameters: Mapping[str, Any],  # noqa: ARG003 - for overriding
        where: Callable[..., str],  # noqa: ARG003
    ) -> list[str]:
        """Say what is wrong with parameters of an experiment file that annotations cannot tell.

        Parameters
        ----------
        parameters : mapping
            As written down; those that are missing have their defaults.
        where : callable
            ``where("members", 2)`` is the place of ``members[2]``, for the message.

        Returns
        -------
        list of str
            A sentence each, beginning with the place.
        """
        return []

    def cost(self, n: int, shape: tuple[int, ...]) -> Cost | None:  # noqa: ARG002 - for overriding
        """Return what `predict` cannot do without once it is fitted, or None where nobody has counted it.

        Parameters
        ----------
        n : int
            Number of rows.
        shape : tuple of int
            Of one row, ``(d,)``.

        Returns
        -------
        Cost or None
        """
        return None

    def fit_cost(self, n: int, shape: tuple[int, ...]) -> Cost | None:  # noqa: ARG002 - for overriding
        """Return what the `fit` that was could not do without, as `cost` does of `predict`.

        Parameters
        ----------
        n : int
            Number of training rows.
        shape : tuple of int
            Of one row, ``(d,)``.

        Returns
        -------
        Cost or None
            Of a search, as many steps as it took.
        """
        return None

    def unsavable(self) -> str | None:
        """Say why `save` would refuse this classifier, or None where it would not.

        One that knows before it is fitted overrides this, so that nobody fits it in vain.
        """
        return why_not(self) if hasattr(self, "classes_") else None

    def save(self, folder: str | Path) -> None:
        """Write the fitted classifier into a folder, as JSON and arrays.

        Parameters
        ----------
        folder : path
            Made where it is missing; a plug-in that was saved there before is replaced.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            It holds what is neither plain nor an array nor a registered plug-in, such as an estimator of
            scikit-learn, which could only be pickled.
        StoreError
            The folder cannot be written.
        """
        if not hasattr(self, "classes_"):
            raise NotFittedError(f"{type(self).__name__}: save was called before fit. Call fit(X, y) first.")
        save_plugin(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a classifier that `save` wrote; nothing in the folder is executed.

        Parameters
        ----------
        folder : path

        Returns
        -------
        Classifier
            Fitted, of this class; ``Classifier.load`` takes any registered one.

        Raises
        ------
        StoreError
            No saved classifier is there, it is damaged, or it is of another class.
        """
        return load_plugin(Path(folder), cls)

    def fit_path(
        self,
        X: AnyArray,
        y: AnyArray,
        candidates: Sequence[Mapping[str, Any]],
        folds: Sequence[Fold],
        preprocess: BaseEstimator | None = None,
    ) -> list[list[AnyArray]]:
        """Predict every fold's validation rows with every candidate's parameters.

        A classifier overrides this, or `_path` for one fold, where many candidates together cost little
        more than one. Preprocessing learns on each fold's training rows alone.

        Parameters
        ----------
        X : ndarray, (n, d)
            Features, before preprocessing.
        y : ndarray, (n,)
            Labels.
        candidates : sequence of mapping
            Parameters to set, one mapping a candidate.
        folds : sequence of Fold
            Rows to learn from and to predict.
        preprocess : unfitted transformer, optional
            Cloned and fitted for each fold.

        Returns
        -------
        list of list of ndarray
            ``[fold][candidate]``, the predicted labels of that fold's validation rows, equal to those of
            separate fits.
        """
        predictions = []
        for fold in folds:
            train, validation = X[fold.train], X[fold.validation]
            if preprocess is not None:
                fitted = clone(preprocess).fit(train)
                if "copy" in fitted.get_params():
                    fitted.set_params(copy=False)  # these rows are this loop's own
                train, validation = fitted.transform(train), fitted.transform(validation)
            predictions.append(self._path(train, y[fold.train], validation, candidates))
        return predictions

    def _path(
        self, X: AnyArray, y: AnyArray, X_new: AnyArray, candidates: Sequence[Mapping[str, Any]]
    ) -> list[AnyArray]:
        """Predict `X_new` after fitting each candidate's parameters on prepared rows ``X, y``."""
        return [clone(self).set_params(**c).fit(X, y).predict(X_new) for c in candidates]
