"""Several extractors side by side, as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from featbench.base import Cost, Extractor
from featbench.base.placement import Placement
from featbench.errors import InputError, must_be
from featbench.extractors import EXTRACTORS
from featbench.extractors.named_parts import NamedParts, default_name
from featbench.images import take
from featbench.parameters import check_parameters
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["Concat"]

_SAMPLE = 1000  # training images that the scales are learned from: a total variance within a few percent


@dataclass(kw_only=True, eq=False, repr=False)
class Concat(NamedParts, Extractor):
    """Several extractors' features, one after another in a longer row.

    Parameters
    ----------
    parts : list of Extractor, or of (str, Extractor)
        What to join, in this order. A part without a name gets the registered one of its class (``hog``),
        and a number where that is taken (``hog2``). Names reach into the parts:
        ``set_params(hog__cell=4)``.
    scale : {"variance", "none"}, default="variance"
        ``variance`` divides each part by the square root of its total variance, the sum of its features'
        variances over training images, so that every part contributes alike to squared distances between
        images and none drowns the others, however long it is and whatever its unit. ``none`` leaves
        features as they are. A later ``standardize`` sets every single feature to the same variance and
        undoes this.

    Attributes
    ----------
    parts_ : list of (str, Extractor)
        The fitted clones.
    scales_ : ndarray of float32, (n_parts,)
        The factor that each part is multiplied by; 1 for a part that does not vary.

    Notes
    -----
    The scales are learned from at most 1,000 training images, evenly spaced in their order. Labels are
    read where a part reads them. Pictures: those of all parts.

    It has the surface of scikit-learn's ``FeatureUnion`` (named parts, nested parameters, prefixed feature
    names) without being one, so that the laws of extractors hold and the import stays light.

    Examples
    --------
    >>> from featbench.extractors import HOG, Concat, HueHistogram
    >>> Concat([HOG(), HueHistogram()]).set_params(hue__bins=8)
    Concat(parts=[HOG(), HueHistogram(bins=8)])
    """

    parts: list[Any] = field(kw_only=False)
    scale: Literal["variance", "none"] = "variance"

    @property
    def uses_labels(self) -> bool:  # type: ignore[override]
        """Whether any part's `fit` reads labels."""
        return any(part.uses_labels for _, part in self._named())

    @property
    def any_size(self) -> bool:  # type: ignore[override]
        """Whether images may differ in size: where every part takes such."""
        return all(part.any_size for _, part in self._named())

    def _feature_names(self) -> AnyArray:
        """Return the parts' names, ``fine__hog[…]`` where a part is not called what its features are."""
        names: list[str] = []
        for part, extractor in self.parts_:
            features = extractor.get_feature_names_out()
            names += [f if f.startswith(f"{part}[") else f"{part}__{f}" for f in features]
        return np.asarray(names, dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return the pictures of every part, under names such as ``hog strokes``."""
        parts = self.parts_ if hasattr(self, "parts_") else self._named()
        return {
            f"{name} {what}": picture
            for name, part in parts
            for what, picture in part.pictures(images).items()
        }

    def _named(self) -> list[tuple[str, Extractor]]:
        """Return the parts with their names, or say what is wrong with them."""
        if not isinstance(self.parts, (list, tuple)) or not self.parts:
            raise InputError(must_be("Concat", "parts", "a list of one extractor or more", self.parts))
        named: list[tuple[str, Extractor]] = []
        for entry in self.parts:
            name, part = entry if isinstance(entry, tuple) and len(entry) == 2 else (None, entry)
            if not isinstance(part, Extractor):
                remedy = "Write an instance, such as HOG()."
                raise InputError(must_be("Concat", "each part", "an Extractor", part, remedy))
            taken = [other for other, _ in named]
            name = default_name(part, EXTRACTORS, taken) if name is None else name
            if not isinstance(name, str) or name in taken or name in ("parts", "scale") or "__" in name:
                constraint = "text, unique, none of 'parts' and 'scale', and without '__'"
                raise InputError(must_be("Concat", "the name of a part", constraint, name))
            named.append((name, part))
        return named

    def _replace(self, named: Sequence[tuple[str, Extractor]]) -> None:
        self.parts = list(named)

    def _n_features(self, shape: tuple[int, ...]) -> int:
        return self._length_beside(self, shape)

    def _length_beside(self, fitted: Any, shape: tuple[int, ...]) -> int:
        theirs = dict(getattr(fitted, "parts_", []))
        total = 0
        for name, part in self._named():
            check_parameters(part)
            total += part._length_beside(theirs.get(name), shape)
        return total

    def _fit(self, images: Any, y: AnyArray | None) -> None:
        self.parts_ = [(name, clone(part).fit(images, y)) for name, part in self._named()]
        self.n_features_out_ = sum(
            part.n_features_out_ for _, part in self.parts_
        )  # files may hold others than before
        self.scales_ = np.ones(len(self.parts_), dtype=np.float32)
        if self.scale == "variance" and len(images):
            chosen = np.unique(np.linspace(0, len(images) - 1, _SAMPLE).astype(np.int64))
            sample = [images[i] for i in chosen] if isinstance(images, list) else take(images, chosen)
            self.scales_[:] = [_unit_variance(np.asarray(part.transform(sample))) for _, part in self.parts_]

    def cost(self, n: int, shape: tuple[int, ...]) -> Cost | None:
        """Return the sum over parts, each of which reads the images, where all are counted; and the scales."""
        parts = self.parts_ if hasattr(self, "parts_") else self._named()
        total = Cost(0.0, 0.0)
        for _, part in parts:
            own = part.cost(n, shape)
            if own is None:
                return None
            total = total.plus(own)
        scaled = n * self._n_features(shape) if self.scale == "variance" else 0
        return Cost(total.operations + scaled, total.bytes)

    def placement(self) -> Placement | None:
        """Return where its part runs that is a network; of several, the first."""
        parts = self.parts_ if hasattr(self, "parts_") else self._named()
        return next((told for _, part in parts if (told := part.placement()) is not None), None)

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        features = np.empty((len(images), self.n_features_out_), dtype=np.float32)
        start = 0
        for (_, part), scale in zip(self.parts_, self.scales_, strict=True):
            stop = start + part.n_features_out_
            np.multiply(np.asarray(part.transform(images)), scale, out=features[:, start:stop])
            start = stop
        return features


def _unit_variance(features: NDArray[np.float32]) -> float:
    """Return the factor that brings the sum of the columns' variances to 1."""
    total = float(features.var(axis=0, dtype=np.float64).sum())
    return 1 / total**0.5 if total > 0 else 1.0
