"""The contracts: what an extractor and a classifier are, and what each may offer beyond the minimum.

All plug-ins are scikit-learn estimators and keyword-only dataclasses::

    @dataclass(kw_only=True, eq=False, repr=False)
    class Brightness(Extractor):
        levels: Annotated[int, Bounds(ge=2)] = 8

        def _n_features(self, image_shape): ...
        def _extract(self, images): ...

The laws that every one of them keeps are run by `featbench.testing.check_extractor` and
`featbench.testing.check_classifier`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.exceptions import NotFittedError

from featbench.errors import InputError, Shown, must_be
from featbench.images import ImageBatch, check_images, chunks, image_shape
from featbench.parameters import check_parameters
from featbench.types import AnyArray, FeatureMatrix, ImageArray, Indices

__all__ = ["Classifier", "Extractor", "Fold"]

# Images handed to `_extract` at once when they come out of an `ImageSource`: enough to keep every core
# busy, few enough that the decoded pixels (12 MB at 64 × 64 × 3) stay small beside the features.
_CHUNK = 1024


class Extractor(TransformerMixin, BaseEstimator, ABC):
    """Images in, one row of numbers an image out.

    A subclass implements `_extract` and `_n_features`, and `_fit` where it learns something. The base
    class keeps the laws: images are checked, the shape is fixed by `fit`, rows are float32 and finite.

    Attributes
    ----------
    uses_labels : bool
        Whether `fit` reads `y`. Such an extractor is selected on images that its fit has not seen.
    image_shape_ : tuple of int
        Shape of the images that `fit` saw; `transform` accepts no other.
    n_features_out_ : int
        Length d of a feature row.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    uses_labels: ClassVar[bool] = False

    def fit(self, images: ImageBatch, y: AnyArray | None = None) -> Self:
        """Learn from training images; most extractors only fix the image shape.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w), or ImageSource
            Training images, 0 to 255.
        y : ndarray of int, (n,), optional
            Labels; read only where `uses_labels` is true.

        Returns
        -------
        Extractor
            Itself.

        Raises
        ------
        InputError
            Bad parameters, bad images, or images too small for the parameters.
        """
        check_parameters(self)
        images = check_images(images, type(self).__name__)
        self.image_shape_ = image_shape(images)
        self.n_features_out_ = self._n_features(self.image_shape_)
        self._fit(images, y)
        return self

    def transform(self, images: ImageBatch) -> FeatureMatrix:
        """Extract features.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w), or ImageSource
            Images of the shape that `fit` saw; n may be 0.

        Returns
        -------
        ndarray of float32, (n, d)
            C-contiguous, finite; row i depends on image i alone.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            Images of another shape or kind.
        """
        name = type(self).__name__
        if not hasattr(self, "image_shape_"):
            raise NotFittedError(f"{name}: transform was called before fit. Call fit(images) first.")
        images = check_images(images, name)
        if image_shape(images) != self.image_shape_:
            constraint = f"of the shape seen by fit, {self.image_shape_}"
            remedy = "Resize the images, or fit again."
            raise InputError(must_be(name, "images", constraint, Shown(image_shape(images)), remedy))
        if isinstance(images, np.ndarray):
            return self._extract(images) if len(images) else np.empty((0, self.n_features_out_), np.float32)
        features = np.empty((len(images), self.n_features_out_), dtype=np.float32)
        start = 0
        for chunk in chunks(images, _CHUNK):
            features[start : start + len(chunk)] = self._extract(chunk)
            start += len(chunk)
        return features

    def get_feature_names_out(self, input_features: Any = None) -> AnyArray:  # noqa: ARG002 - scikit-learn's signature
        """Return d names such as ``hog17``."""
        prefix = type(self).__name__.lower()
        return np.asarray([f"{prefix}{i}" for i in range(self.n_features_out_)], dtype=object)

    def pictures(self, images: ImageArray) -> dict[str, AnyArray]:  # noqa: ARG002 - for overriding
        """Return named pictures of what the extractor sees; none by default.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3)
            Examples to draw.

        Returns
        -------
        dict of str to ndarray of uint8
            Each ``(n, H, W)`` or ``(n, H, W, 3)``.
        """
        return {}

    def supports(self, shape: tuple[int, ...]) -> str | None:
        """Return why images of `shape` cannot be used, or None where they can."""
        check_parameters(self)
        try:
            self._n_features(shape)
        except InputError as reason:
            return str(reason)
        return None

    @abstractmethod
    def _n_features(self, shape: tuple[int, ...]) -> int:
        """Return d for images of `shape`; raise `InputError` where they are too small."""

    @abstractmethod
    def _extract(self, images: ImageArray) -> FeatureMatrix:
        """Extract features of at least one image of the right shape."""

    def _fit(self, images: ImageBatch, y: AnyArray | None) -> None:
        """Learn from training images."""


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
                train, validation = fitted.transform(train), fitted.transform(validation)
            predictions.append(self._path(train, y[fold.train], validation, candidates))
        return predictions

    def _path(
        self, X: AnyArray, y: AnyArray, X_new: AnyArray, candidates: Sequence[Mapping[str, Any]]
    ) -> list[AnyArray]:
        """Predict `X_new` after fitting each candidate's parameters on prepared rows ``X, y``."""
        return [clone(self).set_params(**c).fit(X, y).predict(X_new) for c in candidates]
