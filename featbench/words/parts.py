"""What the parts of a bag of visual words are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator

from featbench.errors import InputError, must_be
from featbench.types import AnyArray, FeatureMatrix, ImageArray, Indices
from featbench.words.places import Places

__all__ = ["Codebook", "Descriptor", "Encoding", "Part", "Reduction", "Sampling"]

Reduction: TypeAlias = Literal["sum", "max"]

# Numbers in the codes of a chunk of descriptors, where an encoding has no way of its own to sum them up.
_CHUNK = 2**21


class Part(BaseEstimator, ABC):
    """A part: a keyword-only dataclass of parameters, as all plug-ins are."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}


class Sampling(Part):
    """Where the patches of an image lie."""

    @abstractmethod
    def places(self, images: ImageArray, random_state: int) -> Places:
        """Choose the patches of images of one size.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
            One or more.
        random_state : int
            Seed; what is drawn depends on it and on an image's own pixels, never on the images beside it.

        Returns
        -------
        Places
            Of n images; an image may have none.

        Raises
        ------
        InputError
            Images smaller than a patch.
        """

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise `InputError` where images of `shape` are too small for a single patch."""


class Descriptor(Part):
    """What is said of a patch: a row of numbers.

    Attributes
    ----------
    needs_size : bool
        Whether its parameter `size`, to which patches are resized, must be a number; where it is None, a bag of visual
        words takes the least of the sampling's `sizes`.
    """

    needs_size: ClassVar[bool] = False

    @abstractmethod
    def length(self, channels: int) -> int:
        """Return D, the length of a row, for patches at hand in 1 or 3 channels; parameters alone decide it.

        Where D depends on the size of patches, that size is a parameter of the descriptor, to which patches are
        resized.
        """

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise `InputError` where images of `shape` are too small to be described."""

    @abstractmethod
    def describe(self, images: ImageArray, places: Places) -> FeatureMatrix:
        """Describe patches; it runs in one thread among several.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
        places : Places
            Of these images.

        Returns
        -------
        ndarray of float32, (m, D)
            One row a patch, in the order of `places`, C-contiguous and finite.
        """


class Codebook(Part):
    """The words: rows of the same length as descriptors.

    Attributes
    ----------
    words_ : ndarray of float32, (words, D)
        Fitted.
    """

    words: int
    words_: FeatureMatrix

    @abstractmethod
    def fit(self, X: FeatureMatrix, random_state: int = 0) -> Self:
        """Learn the words.

        Parameters
        ----------
        X : ndarray of float32, (m, D)
            Descriptors, finite.
        random_state : int, optional
            Seed.

        Returns
        -------
        Codebook
            Itself.

        Raises
        ------
        InputError
            Bad parameters, or fewer different descriptors than words.
        """


class Encoding(Part):
    """How a descriptor is written in words: its code, a row of L numbers.

    A subclass writes `length` and `codes`; the base class sums codes up over cells in chunks. One that can do
    both at once, so that codes are never there, overrides `pooled`.

    Attributes
    ----------
    reductions : tuple of {"sum", "max"}
        What may be done to its codes.
    """

    reductions: ClassVar[tuple[Reduction, ...]] = ("sum", "max")

    def check_reduction(self, how: Reduction) -> None:
        """Raise `InputError` where a pooling would do to its codes what says nothing."""
        if how not in self.reductions:
            name = type(self).__name__
            remedy = f"{name} adds up what descriptors have in common; their largest number says nothing."
            raise InputError(must_be(name, "the pooling's how", '"sum" or "mean"', how, remedy))

    @abstractmethod
    def length(self, codebook: Codebook) -> int:
        """Return L for a fitted codebook; raise `InputError` where it is of a kind that does not do."""

    @abstractmethod
    def codes(self, X: AnyArray, codebook: Codebook) -> AnyArray:
        """Return the codes of descriptors: the definition that fused versions are tested against.

        Parameters
        ----------
        X : array of float32, (m, D)
            Numpy's, or another array-API namespace's; the same lines run on both.
        codebook : Codebook
            Fitted.

        Returns
        -------
        array of float32, (m, L)
        """

    def pooled(
        self, X: FeatureMatrix, cells: Indices, n_cells: int, codebook: Codebook, how: Reduction
    ) -> FeatureMatrix:
        """Return the sum or the maximum of the codes in each cell; it runs in one thread among several.

        Parameters
        ----------
        X : ndarray of float32, (m, D)
        cells : ndarray of int64, (m,)
            In which cell each descriptor lies, 0 to ``n_cells - 1``, in any order.
        n_cells : int
        codebook : Codebook
            Fitted.
        how : {"sum", "max"}

        Returns
        -------
        ndarray of float32, (n_cells, L)
            Zeros for a cell without descriptors.
        """
        total = np.zeros((n_cells, self.length(codebook)), dtype=np.float32)
        seen = np.zeros(n_cells, dtype=bool)
        for rows in _chunks(len(X), total.shape[1]):
            codes = np.asarray(self.codes(X[rows], codebook))
            for cell in np.unique(cells[rows]):
                members = codes[cells[rows] == cell]
                if how == "sum":
                    total[cell] += members.sum(axis=0)
                else:
                    largest = members.max(axis=0)
                    total[cell] = np.maximum(total[cell], largest) if seen[cell] else largest
                seen[cell] = True
        return total


def _chunks(m: int, length: int) -> Iterator[slice]:
    size = max(1, _CHUNK // max(length, 1))
    return (slice(start, start + size) for start in range(0, m, size))
