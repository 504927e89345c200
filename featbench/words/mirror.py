"""Rows that an image and its mirror image share: words beside their mirror images, codes of both taken together.

A patch lies as near to a word as its mirror image does to the word's. Where the second half of the words are the
mirror images of the first, the codes of a mirrored image are those of the image in another order, so that the mean of
the two rows costs no second encoding, and half of its numbers say all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import clone

from featbench.errors import InputError, Shown, must_be
from featbench.maps import MAPS
from featbench.plugins import PluginTable
from featbench.types import FeatureMatrix, Indices
from featbench.words import DESCRIPTORS, ENCODINGS
from featbench.words.parts import Codebook, Descriptor
from featbench.words.pooling import Pooling

__all__ = ["check_mirrored", "folded", "mirror_cells", "mirrored_words", "with_mirror_images"]

# Maps that take a row in another order of columns to its map in that order, once they have learned from rows and their
# mirror images; encodings whose numbers belong to one word each, whatever the order of words.
_MAPS = ("contrast", "l2", "power", "whiten")
_ENCODINGS = ("hard", "soft", "triangle", "soft_threshold", "nearest", "llc")


def check_mirrored(
    descriptor: Descriptor,
    normalization: Sequence[object],
    codebook: Codebook,
    encoding: object,
    channels: int,
) -> None:
    """Refuse parts whose codes of a mirrored image are others than those of the image in another order.

    Raises
    ------
    InputError
        A descriptor other than patches of pixels, a map or an encoding that is not known for that, an odd number of
        words, or fitted words whose second half is not the mirror image of the first.
    """
    _check_known("the descriptor", descriptor, DESCRIPTORS, ("patch",))
    for step in normalization:
        _check_known("each map of descriptors", step, MAPS, _MAPS)
    _check_known("the encoding", encoding, ENCODINGS, _ENCODINGS)
    words = getattr(codebook, "words_", None)
    n_words = int(codebook.words) if words is None else len(words)
    if n_words % 2:
        remedy = "Half of the words are the mirror images of the other half."
        raise InputError(must_be("mirrored", "the number of words", "even", n_words, remedy))
    if words is not None and not np.array_equal(words, with_mirror_images(words[: n_words // 2], channels)):
        constraint = "those of a bag of visual words that was fitted with mirrored=True"
        raise InputError(must_be("mirrored", "saved words", constraint, Shown("others"), "Learn words anew."))


def with_mirror_images(rows: FeatureMatrix, channels: int) -> FeatureMatrix:
    """Return patches of pixels, or what maps made of them, and behind them their mirror images.

    Parameters
    ----------
    rows : ndarray of float32, (m, side · side · channels)
        In the order row, column, channel.
    channels : int
        1 or 3.

    Returns
    -------
    ndarray of float32, (2 m, side · side · channels)
    """
    side = round((rows.shape[1] // channels) ** 0.5)
    mirrored = rows.reshape(len(rows), side, side, channels)[:, :, ::-1].reshape(rows.shape)
    return np.concatenate([rows, mirrored])


def mirrored_words(codebook: Codebook, X: FeatureMatrix, channels: int, random_state: int) -> Codebook:
    """Learn half of a codebook's words, and put their mirror images behind them.

    Parameters
    ----------
    codebook : Codebook
        Unfitted, of an even number of words.
    X : ndarray of float32, (m, D)
        Normalised descriptors and those of the patches' mirror images.
    channels : int
        1 or 3.
    random_state : int
        Seed.

    Returns
    -------
    Codebook
        Fitted. What it tells beside the words, such as an inertia, is that of the half which was learned.
    """
    n_words = int(codebook.words)
    learned: Codebook = clone(codebook).set_params(words=n_words // 2).fit(X, random_state)
    learned.words_ = with_mirror_images(learned.words_, channels)
    learned.set_params(words=n_words)
    return learned


def mirror_cells(pooling: Pooling) -> Indices:
    """Return for each cell of a pooling the one that lies in its place in the mirrored image."""
    mirrored: list[int] = []
    for rows, cols in pooling.grids():
        cells = len(mirrored) + np.arange(rows * cols).reshape(rows, cols)
        mirrored += cells[:, ::-1].ravel().tolist()
    return np.array(mirrored, dtype=np.int64)


def folded(cells: FeatureMatrix, pooling: Pooling, n_words: int) -> FeatureMatrix:
    """Take the codes of an image and those of its mirror image together.

    Parameters
    ----------
    cells : ndarray of float32, (n, n_cells, L)
        Of codes that have one number or several for each word, all words' first ones first.
    pooling : Pooling
        Whose cells they are.
    n_words : int
        The second half of which are the mirror images of the first.

    Returns
    -------
    ndarray of float32, (n, n_cells, L // 2)
        Their mean; where the pooling takes the largest number, the larger.
    """
    n, n_cells, length = cells.shape
    halves = cells.reshape(n, n_cells, length // n_words, 2, n_words // 2)
    own, other = halves[:, :, :, 0], halves[:, :, :, 1][:, mirror_cells(pooling)]
    both = np.maximum(own, other) if pooling.how == "max" else (own + other) * np.float32(0.5)
    return np.ascontiguousarray(both.reshape(n, n_cells, length // 2))


def _check_known(what: str, part: object, table: PluginTable, known: tuple[str, ...]) -> None:
    if table.name_of(type(part)) not in known:
        constraint = f"among {', '.join(known)} where words are mirrored"
        raise InputError(must_be("mirrored", what, constraint, part, "Leave 'mirrored' out."))
