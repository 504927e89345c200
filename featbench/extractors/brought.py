"""Extractors around something that runs and cannot be saved, made of what can be."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import numpy as np

from featbench.base import Extractor
from featbench.images import ImageBatch
from featbench.types import AnyArray, ImageArray

__all__ = ["Brought", "coloured"]


@dataclass(frozen=True)
class _Kept:
    """What runs, what it is made of, and the parameters that it was made for."""

    asked: str
    runs: Any
    learned: dict[str, Any]


# Made from what is fitted or from a file: neither saved nor copied nor pickled.
_KEPT: WeakKeyDictionary[Brought, _Kept] = WeakKeyDictionary()


class Brought(Extractor):
    """An extractor whose network was trained elsewhere: `fit` reads it and learns nothing.

    A subclass says what is kept and which parameters decide it, reads a file in `_open` and makes of what is kept
    again what runs in `_reopen`.
    """

    _learned: ClassVar[tuple[str, ...]]
    _deciding: ClassVar[tuple[str, ...]]

    @abstractmethod
    def _open(self) -> tuple[Any, dict[str, Any]]:
        """Return what runs, and plain values by name that it can be made of again."""

    @abstractmethod
    def _reopen(self) -> Any:
        """Return what runs, out of the fitted attributes; refuse parameters that do not go with them."""

    def fit(self, images: ImageBatch | list[ImageArray], y: AnyArray | None = None) -> Self:
        """Read the network and check that it takes the images; nothing is learned from them.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, 3) or (n, h, w), list of ndarray, or ImageSource
            The images of a list may differ in size where `any_size` is true.
        y : ignored

        Returns
        -------
        Extractor
            Itself.

        Raises
        ------
        InputError
            Bad parameters or images, a file that is not there or is refused, images that do not fit the network.
        MissingExtraError
            A package is missing.
        """
        _KEPT.pop(self, None)  # so that the file is read again
        for name in self._learned:
            if hasattr(self, name):
                delattr(self, name)
        return super().fit(images, y)

    def _fit(self, images: Any, y: AnyArray | None) -> None:  # noqa: ARG002 - it is trained already
        for name, value in self._running()[1].items():
            setattr(self, name, value)

    def _length_beside(self, fitted: Any, shape: tuple[int, ...]) -> int:
        """Ask the fitted part where it was read for the same parameters: the file need not be there any more."""
        same = fitted is not None and all(
            np.array_equal(getattr(self, name), getattr(fitted, name)) for name in self._deciding
        )
        return (fitted if same else self)._n_features(shape)

    def _running(self) -> tuple[Any, dict[str, Any]]:
        """Return what runs and what it is made of: of the fitted attributes where there are such."""
        asked = repr([getattr(self, name) for name in self._deciding])
        kept = _KEPT.get(self)
        if kept is None or kept.asked != asked:
            if all(hasattr(self, name) for name in self._learned):
                runs, learned = self._reopen(), {name: getattr(self, name) for name in self._learned}
            else:
                runs, learned = self._open()
            kept = _KEPT[self] = _Kept(asked, runs, learned)
        return kept.runs, kept.learned


def coloured(images: ImageArray) -> ImageArray:
    """Return grey images with three equal channels, and others as they are."""
    return images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)
