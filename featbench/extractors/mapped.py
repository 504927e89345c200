"""An extractor and the feature maps that follow it, as one extractor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone

from featbench.base import Extractor, FeatureMap
from featbench.base.placement import Placement
from featbench.descriptors import LocalDescriptors
from featbench.errors import InputError, must_be
from featbench.extractors import EXTRACTORS
from featbench.extractors.named_parts import NamedParts, default_name
from featbench.images import ImageBatch, chunks, take
from featbench.maps import MAPS
from featbench.maps.in_turn import fit_in_turn, lengths_after
from featbench.parameters import check_parameters
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["Mapped"]

# Images that go through all maps together, so that rows between two maps are never there for all images.
_CHUNK = 2048


@dataclass(kw_only=True, eq=False, repr=False)
class Mapped(NamedParts, Extractor):
    """An extractor's features, taken through one or more feature maps.

    Parameters
    ----------
    extractor : Extractor
        What makes the features.
    maps : list of FeatureMap, or of (str, FeatureMap)
        What they are taken through, in this order. The extractor, and a map without a name, get the
        registered one of their class (``pca``), and a number where that is taken (``pca2``). Names reach into
        them: ``set_params(hog__cell=4, pca__components=32)``.

    Attributes
    ----------
    extractor_ : Extractor
        The fitted clone.
    maps_ : list of (str, FeatureMap)
        Those of the maps.

    Notes
    -----
    Maps learn from the features of all training images, each from what the one before it makes of them; where a
    row is so long that the rows of all images would take more than 512 MB, from those of as many images, evenly
    spaced in their order, as take that, 1,000 at the least. Labels are read where the extractor reads them.
    Pictures and local descriptors are the extractor's.

    In an experiment file `maps` stands beside an extractor: ``{name: hog, maps: [power, l2]}``.

    Examples
    --------
    >>> from featbench.extractors import HOG, Mapped
    >>> from featbench.maps import L2, PCA
    >>> Mapped(HOG(), [PCA(), L2()]).set_params(hog__cell=4, pca__components=32)
    Mapped(extractor=HOG(cell=4), maps=[PCA(components=32), L2()])
    """

    extractor: Any = field(kw_only=False)
    maps: list[Any] = field(kw_only=False)

    @property
    def uses_labels(self) -> bool:  # type: ignore[override]
        """Whether the extractor's `fit` reads labels; maps never do."""
        return bool(self._part().uses_labels)

    @property
    def any_size(self) -> bool:  # type: ignore[override]
        """Whether images may differ in size: where the extractor takes such."""
        return bool(self._part().any_size)

    @property
    def describes(self) -> bool:  # type: ignore[override]
        """Whether the extractor has local descriptors."""
        return bool(self._part().describes)

    def _feature_names(self) -> AnyArray:
        """Return the last map's names: the extractor's, as long as maps keep the meaning of columns."""
        names = self.extractor_.get_feature_names_out()
        for _, fitted in self.maps_:
            names = fitted.get_feature_names_out(names)
        return np.asarray(names, dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return the extractor's pictures."""
        shown: dict[str, AnyArray] = getattr(self, "extractor_", self.extractor).pictures(images)
        return shown

    def _describe(self, images: ImageArray) -> LocalDescriptors:
        found: LocalDescriptors = self.extractor._describe(images)
        return found

    def placement(self) -> Placement | None:
        """Return where the extractor runs."""
        return self._part().placement()

    def _part(self) -> Extractor:
        """Return the extractor, or say that it is none."""
        if not isinstance(self.extractor, Extractor):
            remedy = "Write an instance, such as HOG()."
            raise InputError(must_be("Mapped", "extractor", "an Extractor", self.extractor, remedy))
        return self.extractor

    def _named(self) -> list[tuple[str, Any]]:
        """Return the extractor and the maps with their names, or say what is wrong with them."""
        extractor = self._part()
        if not isinstance(self.maps, (list, tuple)) or not self.maps:
            raise InputError(must_be("Mapped", "maps", "a list of one feature map or more", self.maps))
        named: list[tuple[str, Any]] = [(default_name(extractor, EXTRACTORS, ()), extractor)]
        for entry in self.maps:
            name, feature_map = entry if isinstance(entry, tuple) and len(entry) == 2 else (None, entry)
            if not isinstance(feature_map, FeatureMap):
                remedy = "Write an instance, such as PCA()."
                raise InputError(must_be("Mapped", "each map", "a FeatureMap", feature_map, remedy))
            taken = [other for other, _ in named]
            name = default_name(feature_map, MAPS, taken) if name is None else name
            if not isinstance(name, str) or name in taken or name in ("extractor", "maps") or "__" in name:
                constraint = f"text, unique, none of 'extractor', 'maps' and {taken[0]!r}, and without '__'"
                raise InputError(must_be("Mapped", "the name of a map", constraint, name))
            named.append((name, feature_map))
        return named

    def _replace(self, named: Sequence[tuple[str, Any]]) -> None:
        (_, self.extractor), *maps = named
        self.maps = maps

    def _n_features(self, shape: tuple[int, ...]) -> int:
        return self._length_beside(self, shape)

    def _length_beside(self, fitted: Any, shape: tuple[int, ...]) -> int:
        (_, extractor), *maps = self._named()
        for part in (extractor, *(feature_map for _, feature_map in maps)):
            check_parameters(part)
        length = extractor._length_beside(getattr(fitted, "extractor_", None), shape)
        return lengths_after([step for _, step in maps], length)[-1]

    def _fit(self, images: ImageBatch | list[ImageArray], y: AnyArray | None) -> None:
        (_, extractor), *maps = self._named()
        self.extractor_: Extractor = clone(extractor).fit(images, y)

        def rows(most: int) -> FeatureMatrix:
            return _features(self.extractor_, images, most)

        fitted = fit_in_turn([step for _, step in maps], self.extractor_.n_features_out_, rows)
        self.maps_: list[tuple[str, FeatureMap]] = [
            (name, step) for (name, _), step in zip(maps, fitted, strict=True)
        ]
        lengths = lengths_after([step for _, step in self.maps_], self.extractor_.n_features_out_)
        self.n_features_out_ = lengths[-1]  # files may hold others than before

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        features = np.empty((len(images), self.n_features_out_), dtype=np.float32)
        start = 0
        for chunk in chunks(images, _CHUNK):
            rows = np.asarray(self.extractor_.transform(chunk))
            for _, fitted in self.maps_:
                rows = np.asarray(fitted.transform(rows))
            features[start : start + len(chunk)] = rows
            start += len(chunk)
        return features


def _features(extractor: Extractor, images: ImageBatch | list[ImageArray], most: int) -> FeatureMatrix:
    """Return the features of all images, or of `most` of them, evenly spaced in their order."""
    if len(images) <= most:
        return np.asarray(extractor.transform(images))
    chosen = np.linspace(0, len(images) - 1, most).astype(np.int64)
    rows = np.empty((most, extractor.n_features_out_), dtype=extractor.feature_dtype)
    for start in range(0, most, _CHUNK):  # so that no copy of all the chosen images is made
        part = chosen[start : start + _CHUNK]
        some = [images[i] for i in part] if isinstance(images, list) else take(images, part)
        rows[start : start + len(part)] = extractor.transform(some)
    return rows
