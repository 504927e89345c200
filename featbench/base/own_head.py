"""What an extractor with a classifier of its own is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np

from featbench.base.extractor import Extractor
from featbench.base.placement import Placement
from featbench.errors import InputError, Shown, must_be
from featbench.images import ImageBatch, chunks
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["OwnHead", "ScoresOf"]

_CHUNK = 1024  # images that are scored at once


class OwnHead(Extractor):
    """An extractor whose `fit` learns a classifier as well, such as a network's last layer.

    Its scores stand in the place of features in a row of their own, before the classifier `own_head`, which takes the
    class with the highest: "features and SVM" and "end to end" stand side by side. Scores are selected, refitted and
    judged as features are: such an extractor has `uses_labels`, so that it is validated on images that it has not seen.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels, after `fit`.
    """

    uses_labels = True
    classes_: AnyArray

    def scores(self, images: ImageBatch) -> FeatureMatrix:
        """Return the scores of the extractor's own classifier.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w), list of ndarray, or ImageSource
            Of the shape that `fit` saw.

        Returns
        -------
        ndarray of float32, (n, n_classes)
            Columns in the order of `classes_`; the highest is the label.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            Images of another shape or kind.
        """
        self._check_fitted("scores")
        images = self._check(images)  # type: ignore[assignment]
        self._check_shape(images)
        parts = [self._scores(chunk) for chunk in chunks(images, _CHUNK)]
        return np.concatenate([np.empty((0, len(self.classes_)), np.float32), *parts])

    @abstractmethod
    def _scores(self, images: ImageArray) -> FeatureMatrix:
        """Return the scores of at least one image of the right shape."""

    def _codes(self, y: AnyArray | None, n: int) -> AnyArray:
        """Set `classes_` and return each label's number among them.

        Raises
        ------
        InputError
            No labels, another number than images, labels that are no classes, or one class alone.
        """
        from sklearn.utils.multiclass import check_classification_targets

        name = type(self).__name__
        if y is None:
            raise InputError(must_be(name, "labels", "given, one an image", None, "Call fit(images, y)."))
        y = np.asarray(y)
        if y.shape != (n,):
            raise InputError(must_be(name, "labels", f"one an image, {n}", Shown(f"shape {y.shape}")))
        try:
            with np.errstate(invalid="ignore"):  # of NaN, which is then refused
                check_classification_targets(y)
            self.classes_, codes = np.unique(y, return_inverse=True)
        except (TypeError, ValueError) as error:
            got = Shown(f"others ({error})")
            raise InputError(
                must_be(name, "labels", "whole numbers or names, all of one kind", got)
            ) from error
        if len(self.classes_) < 2:
            remedy = "There is nothing to tell apart; add images of another class."
            raise InputError(must_be(name, "labels", "of two classes or more", Shown("one class"), remedy))
        return codes.astype(np.int64)


@dataclass(eq=False, repr=False)
class ScoresOf(Extractor):
    """The scores of an extractor's own classifier in the place of its features.

    Parameters
    ----------
    extractor : OwnHead
    """

    extractor: OwnHead

    uses_labels = True

    @classmethod
    def fitted(cls, extractor: OwnHead) -> Self:
        """Return what reads the scores of an extractor that is fitted."""
        scores = cls(extractor)
        scores.image_shape_, scores.n_features_out_ = extractor.image_shape_, len(extractor.classes_)
        return scores

    def _fit(self, images: ImageBatch, y: AnyArray | None) -> None:
        self.extractor.fit(images, y)
        self.n_features_out_ = len(self.extractor.classes_)

    def _n_features(self, shape: tuple[int, ...]) -> int:
        self.extractor._n_features(shape)
        return len(getattr(self.extractor, "classes_", ()))

    def placement(self) -> Placement | None:
        """Return where the extractor runs."""
        return self.extractor.placement()

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        return self.extractor._scores(images)
