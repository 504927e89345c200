"""A fitted extractor, preprocessing and classifier as one: pixels in, class names out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from featbench.base import Classifier, Extractor
from featbench.images import ImageBatch
from featbench.model.pixels import Pixels
from featbench.types import AnyArray, Float64Array, ImageArray, Labels

__all__ = ["Pipeline"]


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A model.

    Attributes
    ----------
    extractor : Extractor
    preprocess : transformer
        Of `featbench.preprocessing`.
    classifier : Classifier
        Its classes number those of `classes`.
    classes : tuple of str
        Class names; they may be hostile text: escape before showing.
    pixels : Pixels
        How image files are read.
    manifest : dict
        Where the model comes from and how good it is, in JSON's types.
    """

    extractor: Extractor
    preprocess: Any
    classifier: Classifier
    classes: tuple[str, ...]
    pixels: Pixels
    manifest: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def predict(self, images: ImageBatch | list[ImageArray]) -> AnyArray:
        """Label images.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w), list of ndarray, or ImageSource
            Of the shape ``pixels.shape``.

        Returns
        -------
        ndarray of str, (n,)
            Class names.

        Raises
        ------
        InputError
            Images of another shape or kind.
        """
        return np.asarray(self.classes)[self.codes(self.features(images))]

    def features(self, images: ImageBatch | list[ImageArray]) -> AnyArray:
        """Return rows as the classifier takes them."""
        found: AnyArray = self.extractor.transform(images)
        if len(found):  # scikit-learn's preprocessing takes no empty batch
            found = self.preprocess.transform(found)
        return found

    def codes(self, rows: AnyArray) -> Labels:
        """Return the class numbers of rows that `features` made."""
        return np.asarray(self.classifier.predict(rows), dtype=np.int64)

    @property
    def measure(self) -> str | None:
        """What `confidence` is: ``"probability"``, ``"margin"``, or None where there is neither."""
        if hasattr(self.classifier, "predict_proba"):
            return "probability"
        return "margin" if hasattr(self.classifier, "decision_function") else None

    def confidence(self, rows: AnyArray) -> Float64Array:
        """Return how sure the classifier is of the labels of rows that `features` made.

        Parameters
        ----------
        rows : ndarray, (n, d)

        Returns
        -------
        ndarray of float64, (n,)
            The probability of the label; or the margin, its score minus the second highest; or NaN.
        """
        if self.measure == "probability":
            shares = np.asarray(self.classifier.predict_proba(rows), dtype=np.float64)
            highest: Float64Array = shares.max(axis=1)
            return highest
        if self.measure is None:
            return np.full(len(rows), np.nan)
        scores: Float64Array = np.asarray(self.classifier.decision_function(rows), dtype=np.float64)
        if scores.ndim == 1:
            return np.asarray(np.abs(scores))
        ordered = np.partition(scores, -2, axis=1)
        return np.asarray(ordered[:, -1] - ordered[:, -2])
