"""The contracts of data sets: labelled images, their split, and whoever loads them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from featbench.images import ImageBatch, take
from featbench.types import Groups, Indices, Labels

__all__ = ["Dataset", "DatasetLoader", "ImageSet"]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with their labels.

    Attributes
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w), or ImageSource
    labels : ndarray of int64, (n,)
        Class numbers, 0 to n_classes − 1.
    groups : ndarray of int64, (n,), or None
        Equal where images belong together (the same photograph, person, scene): folds keep them together
        and intervals resample them as one.
    names : sequence of str or None
        File names, where there are any.
    """

    images: ImageBatch
    labels: Labels
    groups: Groups | None = None
    names: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Indices) -> ImageSet:
        """Return the rows at `indices`."""
        return ImageSet(
            images=take(self.images, indices),
            labels=self.labels[indices],
            groups=None if self.groups is None else self.groups[indices],
            names=None if self.names is None else [self.names[i] for i in indices],
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """A loaded image set with its training and test part.

    Attributes
    ----------
    name : str
        The registered name, with what distinguishes it (``"folder pics"``).
    classes : tuple of str
        Class names; a label indexes them. They may be hostile text: escape before showing.
    train, test : ImageSet
    official_split : bool
        Whether the split is the data set's own rather than drawn from a seed.
    shareable : bool
        Whether its images may be passed on in a report.
    source : str
        Where the images come from, and the work to cite.
    notes : tuple of str
        What the reader of a result should know, such as files that were skipped.
    """

    name: str
    classes: tuple[str, ...]
    train: ImageSet
    test: ImageSet
    official_split: bool
    shareable: bool
    source: str
    notes: tuple[str, ...] = ()


class DatasetLoader(ABC):
    """Where a data set comes from; a keyword-only dataclass of parameters with one verb."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}

    @abstractmethod
    def load(self, seed: int = 0) -> Dataset:
        """Read, decode and check the images.

        Parameters
        ----------
        seed : int, optional
            Draws the split where the data set has none of its own.

        Returns
        -------
        Dataset

        Raises
        ------
        DataError
            Naming the file or folder, what was expected, what came, and the remedy.
        """
