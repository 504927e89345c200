"""Words that another bag of visual words has learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from featbench.base import Extractor, FeatureMap
from featbench.errors import InputError, Shown, StoreError, must_be
from featbench.saved import fingerprint_plugin
from featbench.types import FeatureMatrix
from featbench.words.parts import Codebook, Descriptor

__all__ = ["SavedWords", "check_lengths"]


@dataclass(kw_only=True, eq=False, repr=False)
class SavedWords(Codebook):
    """The words of a bag of visual words that was saved, with the normalisation that they were learned after.

    Parameters
    ----------
    folder : str
        What `BagOfVisualWords.save` wrote, or a model that `featbench model export` did, in which there is one bag of
        visual words.

    Notes
    -----
    Nothing is learned from training images, so that features are those of the saved bag wherever the other parts
    are the same. Its descriptor must be this one, with the same parameters.
    """

    folder: str

    def fit(self, X: FeatureMatrix, random_state: int = 0) -> Self:  # noqa: ARG002 - the signature of all
        """Refuse: a bag of visual words opens the folder in the place of fitting."""
        raise InputError(
            "SavedWords: has nothing to fit. Name it as the codebook of a bag of visual words: "
            f"codebook: {{name: saved, folder: {self.folder}}}."
        )

    def fingerprint(self, where: str) -> str:
        """Return a hash of what the folder holds.

        Raises
        ------
        StoreError, InputError
            As `opened`.
        """
        return fingerprint_plugin(_opened(self.folder, where))

    def opened(self, descriptor: Descriptor, where: str) -> tuple[list[FeatureMap], Codebook]:
        """Return the fitted normalisation and codebook.

        Parameters
        ----------
        descriptor : Descriptor
            What is to be normalised and encoded.
        where : str
            Who asks, for messages.

        Raises
        ------
        StoreError
            Nothing that was saved is there.
        InputError
            It is no bag of visual words, or describes patches in another way.
        """
        bag = _opened(self.folder, where)
        if fingerprint_plugin(bag.descriptor_) != fingerprint_plugin(descriptor):
            constraint = f"that of the saved words in {self.folder}, {bag.descriptor_!r}"
            remedy = "Take that descriptor, or learn words of this one."
            raise InputError(must_be(where, "the descriptor", constraint, Shown(repr(descriptor)), remedy))
        return list(bag.normalization_), bag.codebook_


def check_lengths(normalization: Sequence[FeatureMap], codebook: Codebook, lengths: Sequence[int]) -> None:
    """Refuse descriptors that fitted words do not fit, such as grey patches where words are of colour.

    Parameters
    ----------
    normalization, codebook
        Fitted.
    lengths : list of int
        Of a descriptor before the first map and after each.

    Raises
    ------
    InputError
        One of them is not what was learned from.
    """
    learned = [*(step.n_features_in_ for step in normalization), codebook.words_.shape[1]]
    for expected, length in zip(learned, lengths, strict=True):
        if length != expected:
            constraint = f"as long as those that the words were learned from, {expected} numbers"
            remedy = "Grey and colour images need words of their own."
            got = Shown(f"{length} numbers")
            raise InputError(must_be(type(codebook).__name__, "descriptors", constraint, got, remedy))


def _opened(folder: str, where: str) -> Any:
    root = Path(folder)
    if (root / "model.json").is_file():
        root = root / "extractor"
    try:
        written = (root / "plugin.json").stat().st_mtime_ns
    except OSError as error:
        constraint = "one that BagOfVisualWords.save or `featbench model export` wrote"
        raise StoreError(must_be(where, "the folder of saved words", constraint, folder)) from error
    found = _bags(_loaded(str(root), written))
    if len(found) != 1:
        got = Shown("none" if not found else f"{len(found)} of them")
        raise InputError(must_be(where, f"what is saved in {folder}", "one bag of visual words", got))
    return found[0]


@lru_cache(maxsize=2)
def _loaded(root: str, written: int) -> Extractor:  # noqa: ARG001 - read again where it was written again
    return Extractor.load(root)


def _bags(extractor: Any) -> list[Any]:
    """Return the bags of visual words that an extractor is, or is made of."""
    if hasattr(extractor, "codebook_"):
        return [extractor]
    inner = [extractor.extractor_] if hasattr(extractor, "extractor_") else []
    inner += [part for _, part in getattr(extractor, "parts_", [])]
    return [bag for part in inner for bag in _bags(part)]
