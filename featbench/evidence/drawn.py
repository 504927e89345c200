"""Pictures of what a fitted pipeline has learned, and of how its extractor sees images."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featbench.base import Extractor
from featbench.base.own_head import ScoresOf
from featbench.errors import FeatbenchError
from featbench.extractors.mapped import Mapped
from featbench.extractors.raw import RawPixels
from featbench.types import AnyArray, Float64Array, ImageArray
from featbench.words.pictures import codebook_sheet, favourite_words

__all__ = ["CLASSES", "Picture", "examples", "filters", "learned", "templates"]

CLASSES = 20
"""Whose templates or favourite words are drawn, the first of them."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture.

    Attributes
    ----------
    name : str
        Such as ``template`` or what `pictures` of an extractor calls it.
    of : str
        A class's name, a training row's number, or nothing.
    pixels : ndarray of uint8, (H, W, 3) or (H, W)
    shows_images : bool
        Whether images of the data set, or parts of them, may be seen in it.
    """

    name: str
    of: str
    pixels: ImageArray
    shows_images: bool


def examples(extractor: Extractor, images: ImageArray, rows: Sequence[int]) -> Iterator[Picture]:
    """Yield what an extractor draws of training images, `rows` of the training part."""
    source = extractor.extractor if isinstance(extractor, ScoresOf) else extractor
    for name, drawn in source.pictures(images).items():
        for row, pixels in zip(rows, drawn, strict=True):
            yield Picture(name, str(row), pixels, shows_images=True)


def learned(
    extractor: Extractor, preprocess: Any, classifier: Any, classes: Sequence[str], images: ImageArray
) -> Iterator[Picture]:
    """Yield templates of a linear head on pixels, favourite words of classes, filters of a network's first layer.

    Parameters
    ----------
    extractor, preprocess, classifier
        Fitted.
    classes : sequence of str
        Names, in the order of ``classifier.classes_``.
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        Training images to show words by, where these cannot be drawn by themselves.
    """
    source = extractor.extractor if isinstance(extractor, ScoresOf) else extractor
    inner = getattr(source, "extractor_", source) if isinstance(source, Mapped) else source
    if isinstance(source, RawPixels):
        drawn = templates(source._shape(source.image_shape_), preprocess, classifier)
        for name, pixels in zip(classes[:CLASSES], [] if drawn is None else drawn, strict=False):
            yield Picture("template", name, pixels, shows_images=False)
    if isinstance(source, Extractor):
        # Of what is no bag of words, or whose columns are no words, there are none.
        with contextlib.suppress(FeatbenchError):
            for name, pixels in list(favourite_words(source, classifier, classes, images).items())[:CLASSES]:
                yield Picture("favourite words", name, pixels, shows_images=True)
    sheet = filters(getattr(inner, "weights_", None))
    if sheet is not None:
        yield Picture("filters of the first layer", "", sheet, shows_images=False)


def templates(shape: tuple[int, ...], preprocess: Any, classifier: Any) -> ImageArray | None:
    """Draw the weights of a linear classifier of pixels as images.

    Parameters
    ----------
    shape : tuple of int
        ``(h, w, 3)`` or ``(h, w)`` of what the classifier sees.
    preprocess : transformer
        Fitted. Where it divides columns by a scale, so are weights, which then are those of pixels.
    classifier : Classifier
        Fitted.

    Returns
    -------
    ndarray of uint8, (n_classes, *shape), or None
        Mid-grey, 128, is no weight, the largest of a class is 127 away from it; for two classes the first's weights
        are the negative ones of the second's. None of a classifier without one weight a pixel and class.
    """
    weights = np.asarray(getattr(classifier, "coef_", np.empty(0)), dtype=np.float64)
    if weights.ndim != 2 or weights.shape[1] != np.prod(shape):
        return None
    if len(weights) == 1:
        weights = np.concatenate([-weights, weights])
    scale = getattr(preprocess, "scale_", None)
    return _grey_is_none(weights if scale is None else weights / scale).reshape(-1, *shape)


def filters(weights: Any) -> ImageArray | None:
    """Draw the filters of a network's first layer, ``uint8 (H, W, 3)``.

    Parameters
    ----------
    weights : mapping of str to ndarray, or None
        By name; the first with shape ``(filters, 1 or 3, k, k)`` and k of 2 or more is drawn, mid-grey no weight.

    Returns
    -------
    ndarray or None
        None where there is none.
    """
    for kernel in weights.values() if isinstance(weights, dict) else ():
        found: AnyArray = np.asarray(kernel)
        if found.ndim == 4 and found.shape[1] in (1, 3) and min(found.shape[2:]) >= 2:
            flat = _grey_is_none(found.reshape(len(found), -1).astype(np.float64))
            looks = flat.reshape(found.shape).transpose(0, 2, 3, 1)
            return codebook_sheet(np.ascontiguousarray(looks), np.ones(len(looks), dtype=np.int64))
    return None


def _grey_is_none(rows: Float64Array) -> ImageArray:
    largest = np.abs(rows).max(axis=1, keepdims=True)
    drawn: ImageArray = np.rint(128 + 127 * rows / np.where(largest > 0, largest, 1)).astype(np.uint8)
    return drawn
