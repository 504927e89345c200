"""What an extractor is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from featbench.base.checks import Checks, is_empty_list
from featbench.base.cost import Cost
from featbench.base.placement import Placement
from featbench.descriptors import LocalDescriptors
from featbench.errors import InputError, Shown, must_be
from featbench.images import ImageBatch, by_shape, check_images, check_sizes, chunks, image_shape
from featbench.parameters import check_parameters
from featbench.saved import load_plugin, save_plugin
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["Extractor", "images_at_once"]

# Images handed to `_extract` at once when they come out of an `ImageSource`: enough to keep every core
# busy, few enough that the decoded pixels stay small beside the features.
_CHUNK, _CHUNK_BYTES = 1024, 64 << 20

_SMALL = (32, 32, 3)  # stands for the images of an empty list: the length of descriptors depends on no shape


class Extractor(Checks, TransformerMixin, BaseEstimator, ABC):
    """Images in, one row of numbers an image out.

    A subclass implements `_extract` and `_n_features`, `_fit` where it learns something, and `_feature_names`,
    `_pictures` and `_describe` where it has more to offer than the base class. That keeps the laws: images and
    parameters are checked, the shape is fixed by `fit`, rows are finite.

    Attributes
    ----------
    uses_labels : bool
        Whether `fit` reads `y`. Such an extractor is selected on images that its fit has not seen.
    any_size : bool
        Whether d is the same for images of every size, so that a list of differing sizes can be taken.
    describes : bool
        Whether there are local descriptors as well, from `describe`.
    feature_dtype : dtype
        Of the rows: float32, or uint8 where an extractor keeps whole numbers as they are.
    image_shape_ : tuple of int or None
        Shape of the images that `fit` saw, ``(h, w, 3)`` or ``(h, w)``; `transform` accepts no other. With
        None for h and w, where `fit` saw a list of differing sizes, it accepts every size.
    n_features_out_ : int
        Length d of a feature row.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}
    uses_labels: ClassVar[bool] = False
    any_size: ClassVar[bool] = False
    describes: ClassVar[bool] = False

    @property
    def feature_dtype(self) -> np.dtype[Any]:
        """The dtype of feature rows."""
        return np.dtype(np.float32)

    def fit(self, images: ImageBatch | list[ImageArray], y: AnyArray | None = None) -> Self:
        """Learn from training images; most extractors only fix the image shape.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w), list of ndarray, or ImageSource
            Training images, 0 to 255. The images of a list may differ in size where `any_size` is true.
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
        images = self._check(images)
        if isinstance(images, list):
            self.image_shape_: tuple[Any, ...] = (None, None, *images[0].shape[2:])
            lengths = {self._n_features(image.shape) for image in images}
            assert len(lengths) == 1, f"{type(self).__name__} says any_size, and its d depends on the size"
            self.n_features_out_ = lengths.pop()
        else:
            self.image_shape_ = image_shape(images)
            self.n_features_out_ = self._n_features(image_shape(images))
        self._fit(images, y)
        return self

    def transform(self, images: ImageBatch | list[ImageArray]) -> FeatureMatrix:
        """Extract features.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w), list of ndarray, or ImageSource
            Images of the shape that `fit` saw, `image_shape_`; n may be 0, and a list empty.

        Returns
        -------
        ndarray of `feature_dtype`, (n, d)
            C-contiguous, finite; row i depends on image i alone.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            Images of another shape or kind, or parameters that were changed since `fit` so that d is another.
        """
        self._check_fitted("transform")
        check_parameters(self)
        if is_empty_list(images):
            return np.empty((0, self.n_features_out_), dtype=self.feature_dtype)
        images = self._check(images)
        self._check_shape(images)
        if isinstance(images, np.ndarray) and len(images):
            return self._extract(images)
        features = np.empty((len(images), self.n_features_out_), dtype=self.feature_dtype)
        if isinstance(images, list):
            for rows, equal in by_shape(images):
                features[rows] = self._extract(equal)
            return features
        start = 0
        for chunk in chunks(images, images_at_once(image_shape(images))):
            features[start : start + len(chunk)] = self._extract(chunk)
            start += len(chunk)
        return features

    def describe(self, images: ImageBatch | list[ImageArray]) -> LocalDescriptors:
        """Return local descriptors, any number an image; `fit` is not needed.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w), list of ndarray, or ImageSource
            Sizes may differ; an image too small for a descriptor has none.

        Returns
        -------
        LocalDescriptors
            Of all images, one after another: `values` (m, D), `positions` (m, 2) and `scales` (m,), float32, and
            `offsets` (n + 1,), which tell the images apart. ``found[i]`` are those of image i.

        Raises
        ------
        InputError
            Bad parameters or images; an extractor that has no local descriptors.
        """
        name = type(self).__name__
        if not self.describes:
            remedy = "Take one whose `describes` is true, such as SIFT."
            raise InputError(
                must_be(name, "the extractor", "one with local descriptors", Shown(name), remedy)
            )
        check_parameters(self)
        if is_empty_list(images):
            images = np.zeros((0, *_SMALL), dtype=np.uint8)
        images = check_sizes(images, name)
        if isinstance(images, list):
            return LocalDescriptors.join([self._describe(image[None]) for image in images])
        if not len(images):
            blank = np.zeros((1, *image_shape(images)), dtype=np.uint8)
            return self._describe(blank).images(0, 0)
        return LocalDescriptors.join(
            [self._describe(chunk) for chunk in chunks(images, images_at_once(image_shape(images)))]
        )

    def save(self, folder: str | Path) -> None:
        """Write the fitted extractor into a folder, as JSON and arrays.

        Parameters
        ----------
        folder : path
            Made where it is missing; an extractor that was saved there before is replaced.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            It holds an object of a class that is not registered.
        StoreError
            The folder cannot be written.
        """
        self._check_fitted("save")
        save_plugin(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read an extractor that `save` wrote; nothing in the folder is executed.

        Parameters
        ----------
        folder : path

        Returns
        -------
        Extractor
            Fitted, of this class; ``Extractor.load`` takes any registered one.

        Raises
        ------
        StoreError
            No saved extractor is there, it is damaged, or it is of another class.
        """
        return load_plugin(Path(folder), cls)

    def get_feature_names_out(self, input_features: Any = None) -> AnyArray:  # noqa: ARG002 - scikit-learn's signature
        """Return d names such as ``hog17``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        self._check_fitted("get_feature_names_out")
        return self._feature_names()

    def pictures(self, images: ImageBatch | list[ImageArray]) -> dict[str, AnyArray]:
        """Return named pictures of what the extractor sees; `fit` is not needed.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w), list of ndarray, or ImageSource
            Examples to draw, one or more, of one size.

        Returns
        -------
        dict of str to ndarray of uint8
            Each ``(n, H, W)`` or ``(n, H, W, 3)``; none where the extractor draws nothing.

        Raises
        ------
        InputError
            Bad parameters or images, or images too small for the parameters.
        """
        check_parameters(self)
        images = check_images(images, type(self).__name__)
        if not len(images):
            raise InputError(must_be(type(self).__name__, "images to draw", "one or more", Shown("none")))
        self._n_features(image_shape(images))
        return self._pictures(next(chunks(images, len(images))))

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that images are no rows of a table."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        return tags

    def supports(self, shape: tuple[int, ...]) -> str | None:
        """Return why images of `shape` cannot be used, or None where they can."""
        check_parameters(self)
        try:
            self._n_features(shape)
        except InputError as reason:
            return str(reason)
        return None

    def cost(self, n: int, shape: tuple[int, ...]) -> Cost | None:  # noqa: ARG002 - for overriding
        """Return what `transform` of n images of `shape` cannot do without; None where nobody has counted it."""
        return None

    def fit_images(self, n: int, shape: tuple[int, ...]) -> float:  # noqa: ARG002 - for overriding
        """Return with how many of n images the time of `fit` grows: fewer than all where it learns from a sample.

        A dry run reckons by it what a fit will take that was tried on few images.
        """
        return float(n)

    def placement(self) -> Placement | None:
        """Return where `transform` runs, and how, where that is a network or a GPU; otherwise None."""
        return None

    @abstractmethod
    def _n_features(self, shape: tuple[int, ...]) -> int:
        """Return d for images of `shape`; raise `InputError` where they are too small."""

    @abstractmethod
    def _extract(self, images: ImageArray) -> FeatureMatrix:
        """Extract features of at least one image of the right shape."""

    def _length_beside(self, fitted: Any, shape: tuple[int, ...]) -> int:  # noqa: ARG002 - for overriding
        """Return d for images of `shape`; `fitted` is this part as a whole has fitted it, or None."""
        return self._n_features(shape)

    def _fit(self, images: Any, y: AnyArray | None) -> None:
        """Learn from training images, as `fit` takes them."""

    def _feature_names(self) -> AnyArray:
        """Return d names, all different; called after `fit`."""
        prefix = type(self).__name__.lower()
        return np.asarray([f"{prefix}{i}" for i in range(self.n_features_out_)], dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:  # noqa: ARG002 - for overriding
        """Return pictures of at least one image that the extractor supports, each an array of n, by name."""
        return {}

    def _describe(self, images: ImageArray) -> LocalDescriptors:
        """Return the local descriptors of at least one image; none where an image is too small."""
        raise NotImplementedError


def images_at_once(shape: tuple[int, ...]) -> int:
    """Return how many images of `shape` are decoded and extracted at once; rows do not depend on what comes after."""
    return max(1, min(_CHUNK, _CHUNK_BYTES // math.prod(shape)))
