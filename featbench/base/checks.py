"""What an extractor refuses: images that it cannot take, and a state that no `fit` has left behind."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.exceptions import NotFittedError

from featbench.errors import InputError, Shown, must_be
from featbench.images import ImageBatch, check_images, check_sizes, image_shape
from featbench.types import ImageArray

__all__ = ["Checks", "is_empty_list"]


class Checks:
    """The checks of an extractor; `Extractor` says what the attributes are."""

    any_size: ClassVar[bool]
    image_shape_: tuple[Any, ...]
    n_features_out_: int
    _n_features: Any

    def _check(self, images: Any) -> ImageBatch | list[ImageArray]:
        return (check_sizes if self.any_size else check_images)(images, type(self).__name__)

    def _check_fitted(self, method: str) -> None:
        if not hasattr(self, "image_shape_"):
            raise NotFittedError(
                f"{type(self).__name__}: {method} was called before fit. Call fit(images) first."
            )

    def _check_shape(self, images: ImageBatch | list[ImageArray]) -> None:
        """Refuse images of another shape than `fit` saw, and rows of another length than it promised."""
        where, expected = type(self).__name__, self.image_shape_
        if None not in expected:
            if isinstance(images, list) or image_shape(images) != expected:
                got = Shown("differing sizes" if isinstance(images, list) else image_shape(images))
                constraint = f"of the shape seen by fit, {expected}"
                remedy = "Resize the images, or fit again."
                raise InputError(must_be(where, "images", constraint, got, remedy))
            self._check_length(expected)
            return
        shapes = [i.shape for i in images] if isinstance(images, list) else [image_shape(images)]
        for shape in dict.fromkeys(shapes):
            if len(shape) != len(expected):
                kinds = ("in colour", "grey") if len(expected) == 3 else ("grey", "in colour")
                raise InputError(must_be(where, "images", f"{kinds[0]}, as fit saw them", Shown(kinds[1])))
            self._check_length(shape)

    def _check_length(self, shape: tuple[int, ...]) -> None:
        """Refuse parameters under which images of `shape` get other rows than `fit` promised."""
        d = self._n_features(shape)
        if d != self.n_features_out_:
            where, constraint = (
                type(self).__name__,
                f"those of fit, which give {self.n_features_out_} features",
            )
            got = Shown(f"others, which give {d}")
            raise InputError(
                must_be(where, "parameters", constraint, got, "They changed since fit; fit again.")
            )

    def _check_loaded(self) -> None:
        """Refuse what no `fit` leaves behind; called when a saved extractor is read, fitted or a part of one."""
        shape: tuple[Any, ...] = getattr(self, "image_shape_", (None,))
        if None not in shape:
            self._check_length(shape)


def is_empty_list(images: Any) -> bool:
    """Tell whether images are none at all, so that nothing can be known of their shape."""
    return isinstance(images, (list, tuple)) and not images
