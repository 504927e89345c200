"""Visual words to look at: the codebook, where its words fire, an image written in them, and what classes like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from featbench.base import Extractor
from featbench.errors import InputError, Shown, must_be
from featbench.numerics.blas import serial_blas
from featbench.numerics.nearest_words import nearest_words
from featbench.types import AnyArray, Float64Array, ImageArray, Indices
from featbench.words.building import Parts
from featbench.words.coding import descriptors, normalized
from featbench.words.looks import mean_patches, undone
from featbench.words.places import Places

__all__ = ["codebook_sheet", "curve", "favourite_words", "pictures_of"]

_SHOWN = 12  # words a side of a sheet: 144, the most used
_COLOURED = 8  # words that are painted
_SHEET = 300  # pixels that a sheet is enlarged to, about
_CURVE = (120, 180)  # height and width of a curve, in pixels


def pictures_of(parts: Parts, images: ImageArray, random_state: int) -> dict[str, AnyArray]:
    """Draw what a fitted bag of visual words sees in images.

    Returns
    -------
    dict of str to ndarray of uint8, (n, H, W, 3)
        ``words``: the image written in words, each patch replaced by its word. ``where``: the patches of the
        8 words that the images have most of, each word in a colour. ``codebook``: the 144 words that an image has
        most of, the most frequent first. ``inertia``: mean squared distance to the nearest word after each
        iteration, where the codebook has kept it.
    """
    places = parts.sampling.places(images, random_state)
    nearest = _nearest(parts, images, places)
    n_words = len(parts.codebook.words_)
    channels = images.shape[3] if images.ndim == 4 else 1
    looks = undone(parts, channels)
    if looks is None:
        looks, _ = mean_patches(images, places, nearest, n_words)
    colours = np.zeros((n_words, 3))
    favourites = np.argsort(-np.bincount(nearest, minlength=n_words), kind="stable")[:_COLOURED]
    colours[favourites] = _palette(len(favourites))
    drawn: dict[str, list[ImageArray]] = {"words": [], "where": [], "codebook": []}
    for i, image in enumerate(images):
        own, words = places.of_images(i, i + 1), nearest[places.offsets[i] : places.offsets[i + 1]]
        coloured = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        drawn["words"].append(_written(coloured, own, words, looks))
        drawn["where"].append(_painted(coloured, own, colours[words]))
        drawn["codebook"].append(codebook_sheet(looks, np.bincount(words, minlength=n_words)))
    curves = getattr(parts.codebook, "inertia_", None)
    shown = {name: np.stack(each) for name, each in drawn.items()}
    if curves is not None and len(curves) > 1:
        shown["inertia"] = np.repeat(curve(curves)[None], len(images), axis=0)
    return shown


def codebook_sheet(looks: ImageArray, uses: Indices, most: int = _SHOWN**2) -> ImageArray:
    """Lay words side by side, the most used first.

    Parameters
    ----------
    looks : ndarray of uint8, (words, side, side, channels)
        What each word looks like.
    uses : ndarray of int64, (words,)
        How often each is used; one that never is stays white.
    most : int, optional
        Words that are shown.

    Returns
    -------
    ndarray of uint8, (H, W, 3)
        Square, enlarged by a whole factor.
    """
    order = np.argsort(-uses, kind="stable")[: min(most, len(looks))]
    across = int(np.ceil(np.sqrt(len(order))))
    side = looks.shape[1]
    sheet = np.full((across * (side + 1) + 1, across * (side + 1) + 1, 3), 255, dtype=np.uint8)
    for place, word in enumerate(order):
        if uses[word] > 0:
            top, left = (1 + (side + 1) * k for k in divmod(place, across))
            sheet[top : top + side, left : left + side] = looks[word]
    factor = max(1, _SHEET // len(sheet))
    enlarged: ImageArray = sheet.repeat(factor, axis=0).repeat(factor, axis=1)
    return enlarged


def favourite_words(
    bovw: Extractor, classifier: Any, classes: Sequence[str], images: ImageArray | None = None, most: int = 12
) -> dict[str, ImageArray]:
    """Draw the words that each class's weights like best.

    Parameters
    ----------
    bovw : BagOfVisualWords
        Fitted; a code has as many numbers as there are words, and the final maps keep columns.
    classifier : linear classifier
        Fitted to its features, each of which may have been shifted and scaled.
    classes : list of str
        Names, in the order of the classifier's.
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w), optional
        Patches to show words by, where their normalisation cannot be undone.
    most : int, optional
        Words a class.

    Returns
    -------
    dict of str to ndarray of uint8, (H, W, 3)
        By class: a row of words, the one with the largest weight, summed over the cells, first.

    Raises
    ------
    InputError
        A classifier without weights, or features whose columns are not words.
    """
    from featbench.words.bovw import BagOfVisualWords

    if not isinstance(bovw, BagOfVisualWords):
        raise InputError(must_be("favourite_words", "bovw", "a BagOfVisualWords", Shown(type(bovw).__name__)))
    parts = bovw._fitted()
    weights = _weights_by_word(parts, classifier, classes)
    channels = 3 if len(bovw.image_shape_) == 3 else 1
    looks = undone(parts, channels)
    if looks is None:
        if images is None:
            remedy = "Pass images=…, some training images."
            got = Shown("none")
            raise InputError(must_be("favourite_words", "images", "given for this descriptor", got, remedy))
        places = parts.sampling.places(images, int(bovw.random_state))
        looks, _ = mean_patches(images, places, _nearest(parts, images, places), len(parts.codebook.words_))
    sheets = {}
    for name, row in zip(classes, weights, strict=True):
        best = np.argsort(-row, kind="stable")[:most]
        sheets[name] = _strip(looks[best])
    return sheets


def curve(values: Sequence[float] | Float64Array) -> ImageArray:
    """Draw a falling curve, from its largest value at the top to its smallest at the bottom, ``uint8 (H, W, 3)``."""
    height, width = _CURVE
    canvas = np.full((height, width, 3), 255, dtype=np.uint8)
    canvas[8:-8, 8:10] = canvas[-10:-8, 8:-8] = 160
    y = np.asarray(values, dtype=np.float64)
    span = float(y.max() - y.min()) or 1.0
    at = np.linspace(0, len(y) - 1, width - 24)
    rows = np.rint(12 + (height - 28) * (y.max() - np.interp(at, np.arange(len(y)), y)) / span).astype(int)
    before = rows[0]
    for column, row in enumerate(rows, start=13):
        canvas[min(before, row) - 1 : max(before, row) + 1, column] = (200, 60, 40)
        before = row
    return canvas


def _nearest(parts: Parts, images: ImageArray, places: Places) -> Indices:
    """Return the nearest word of each patch."""
    found = [np.empty(0, dtype=np.int64)]
    with serial_blas():
        for i in range(len(images)):
            own = places.of_images(i, i + 1)
            if len(own.positions):
                X = normalized(descriptors(images[i : i + 1], own, parts.descriptor), parts.normalization)
                found.append(nearest_words(X, np.asarray(parts.codebook.words_))[:, 0])
    return np.concatenate(found)


def _written(image: ImageArray, places: Places, words: Indices, looks: ImageArray) -> ImageArray:
    """Replace patches by their words, with the brightness and contrast of the patch."""
    canvas = np.full(image.shape, 255, dtype=np.uint8)
    for k in _tiles(places):
        top, left, side = _corner(places, k)
        rows = np.arange(max(top, 0), min(top + side, len(image)))
        cols = np.arange(max(left, 0), min(left + side, image.shape[1]))
        patch = image[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].astype(np.float64)
        at_row, at_col = ((axis - low) * looks.shape[1] // side for axis, low in ((rows, top), (cols, left)))
        look = looks[words[k]][np.ix_(at_row, at_col)].astype(np.float64)
        look = (look - look.mean()) * (patch.std() / max(look.std(), 1.0)) + patch.mean()
        canvas[np.ix_(rows, cols)] = np.clip(np.rint(look), 0, 255)
    return canvas


def _painted(image: ImageArray, places: Places, colours: Float64Array) -> ImageArray:
    """Paint patches over a pale grey image, those of a word in its colour; black is no colour."""
    pale = 128 + 0.5 * image.mean(axis=2, keepdims=True).repeat(3, axis=2)
    step = _step(places)
    painted = np.flatnonzero(colours.any(axis=1))
    for k in painted[np.argsort(-places.sizes[painted], kind="stable")].tolist():
        top, left, side = _corner(places, k)
        inner = step if places.grids is not None else side // 2
        top, left = (max(edge + (side - inner) // 2, 0) for edge in (top, left))
        area = (slice(top, top + max(inner, 1)), slice(left, left + max(inner, 1)))
        pale[area] = 0.35 * pale[area] + 0.65 * colours[k]
    drawn: ImageArray = np.clip(np.rint(pale), 0, 255).astype(np.uint8)
    return drawn


def _corner(places: Places, k: int) -> tuple[int, int, int]:
    """Return the first row and column of a patch, and its side, in whole pixels."""
    side = max(1, round(float(places.sizes[k])))
    row, col = (float(c) - (side - 1) / 2 for c in places.positions[k])
    return int(np.floor(row + 0.5)), int(np.floor(col + 0.5)), side


def _step(places: Places) -> int:
    """Return how far patches of a grid lie apart."""
    if places.grids is None or len(places.grids[0].tops) < 2:
        return 1
    return int(places.grids[0].tops[1] - places.grids[0].tops[0])


def _tiles(places: Places) -> Indices:
    """Return patches that hardly overlap: of a grid every so many, otherwise all, small ones last."""
    if places.grids is None:
        return np.argsort(-places.sizes, kind="stable")
    grid = places.grids[0]
    every = max(1, grid.size // _step(places))
    # The last of a line is always among them, so that the image is covered as far as patches go.
    rows, cols = (np.append(np.arange(0, len(f) - 1, every), len(f) - 1) for f in (grid.tops, grid.lefts))
    tiles: Indices = (rows[:, None] * len(grid.lefts) + cols).ravel()
    return tiles


def _palette(n: int) -> Float64Array:
    """Return colours of equal strength, 0 to 255, whose hues go round the circle."""
    hues = np.arange(n) / max(n, 1)
    channels = [np.clip(np.abs((hues * 6 + shift) % 6 - 3) - 1, 0, 1) for shift in (0, 4, 2)]
    return 30 + 210 * np.stack(channels, axis=1)


def _strip(looks: ImageArray) -> ImageArray:
    side = looks.shape[1]
    strip = np.full((side + 2, len(looks) * (side + 1) + 1, 3), 255, dtype=np.uint8)
    for k, look in enumerate(looks):
        strip[1:-1, 1 + k * (side + 1) : (k + 1) * (side + 1)] = look
    factor = max(1, 48 // side)
    enlarged: ImageArray = strip.repeat(factor, axis=0).repeat(factor, axis=1)
    return enlarged


def _weights_by_word(parts: Parts, classifier: Any, classes: Sequence[str]) -> Float64Array:
    """Return each class's weight of each word, summed over cells, (classes, words)."""
    weights = np.asarray(getattr(classifier, "coef_", np.empty(0)), dtype=np.float64)
    if weights.ndim != 2:
        remedy = "Take softmax or svm."
        got = Shown(type(classifier).__name__)
        raise InputError(must_be("favourite_words", "classifier", "linear and fitted", got, remedy))
    if len(weights) == 1 and len(classes) == 2:
        weights = np.concatenate([-weights, weights])
    n_words = len(parts.codebook.words_) // (
        1 + parts.mirrored
    )  # a word and its mirror image have one weight
    columns = parts.pooling.n_cells * n_words
    if weights.shape != (len(classes), columns) or not all(step.keeps_columns for step in parts.final):
        constraint = f"one a class ({len(classes)}) for every word in every cell ({columns})"
        raise InputError(must_be("favourite_words", "weights", constraint, Shown(weights.shape)))
    summed: Float64Array = weights.reshape(len(classes), -1, n_words).sum(axis=1)
    return summed
