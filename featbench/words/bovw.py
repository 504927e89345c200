"""A bag of visual words: sampling, descriptor, normalisation, codebook, encoding, pooling, normalisation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from sklearn.base import clone

from featbench.base import Cost, Extractor, FeatureMap
from featbench.base.placement import Placement
from featbench.errors import InputError, Shown, must_be
from featbench.images import ImageBatch
from featbench.maps.in_turn import fit_in_turn
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, ImageArray
from featbench.words import choices, labels
from featbench.words.building import PARTS, Parts, build_parts, joined, part_problems
from featbench.words.coding import code
from featbench.words.cost import products_cost
from featbench.words.learning import sampled_descriptors, some_images
from featbench.words.mirror import mirrored_words, with_mirror_images
from featbench.words.parts import Codebook, Descriptor, Encoding, Sampling
from featbench.words.pooling import Pooling
from featbench.words.saved_words import SavedWords

__all__ = ["BagOfVisualWords", "NoPatchesWarning"]


class NoPatchesWarning(UserWarning):
    """Some images have no patch, for want of keypoints, and become rows of zeros."""


# Images without a patch in the transform that is under way in this thread.
_EMPTY: ContextVar[list[int] | None] = ContextVar("images without a patch", default=None)


@dataclass(kw_only=True, eq=False, repr=False)
class BagOfVisualWords(Extractor):
    """Images written in words, small patches that training images have in common, and counted.

    Seven parts do it one after another, and each can be replaced: where patches lie, what is said of each, how that
    is normalised, the words, how a description is written in them, over which parts of an image that is summed up,
    and how the sums are normalised. A recipe names all seven.

    Parameters
    ----------
    recipe : str or None, default="coates_ng"
        Whose parts to take where none are given here; ``featbench info bovw`` and docs/words.md list the recipes.
        None takes only what is given.
    sampling : str, mapping, Sampling or None, default=None
        Where patches lie. A name, ``"dense"``; a name and parameters, ``{"name": "dense", "sizes": 8}``; parameters
        alone, ``{"sizes": 8}``, which change the recipe's part; or an instance, ``Dense(sizes=8)``. None takes the
        recipe's. The same holds for all parts.
    descriptor : str, mapping, Descriptor or None, default=None
        What is said of a patch.
    normalization : list or None, default=None
        Feature maps that descriptors go through, each a name, a mapping or an instance; ``[]`` is none.
    codebook : str, mapping, Codebook or None, default=None
        The words. ``{"name": "saved", "folder": …}`` takes those of another bag of visual words.
    encoding : str, mapping, Encoding or None, default=None
        How a descriptor is written in words.
    pooling : str, mapping, Pooling or None, default=None
        Over which parts of an image codes are summed up, and how.
    final : list or None, default=None
        Feature maps that an image's row goes through, as `normalization`.
    mirrored : bool, default=False
        Learn half of the words, take their mirror images as the other half, and average the codes of an image with
        those of its mirror image, which are the same numbers in another order: rows are half as long, and a
        classifier learns what mirror images would have told it. For patches of pixels, and codes with a number of
        its own for each word.
    samples : int, default=400000
        Descriptors that normalisation and words are learned from, at least 1: drawn at random places of random
        training images, about as many of each.
    random_state : int, default=0
        Seed of the draws.
    device : {"cpu", "cuda"}, default="cpu"
        Where `transform` describes and encodes; ``"cuda"`` needs torch, a grid of patches of one size and encodings
        that know tensors. Words are learned on the processor.

    Attributes
    ----------
    sampling_, descriptor_, codebook_, encoding_, pooling_ : the parts
        As they were built and fitted.
    normalization_, final_ : list of FeatureMap
        Fitted.
    n_samples_ : int
        Descriptors that were learned from; 0 for saved words.

    Notes
    -----
    Images are worked on a few at a time, 8,192 pixels or one image in each thread: beside images and features
    there are never more descriptors than theirs. Fitting holds `samples` descriptors, and once more what
    normalisation makes of them, beside what the codebook needs; an `ImageSource` is read in blocks of 64 MB.

    An image in which a sampling finds no keypoint becomes a row of zeros; a `NoPatchesWarning` counts them.
    `final` maps that learn, such as `pca`, learn from as many images, evenly spaced, as take 512 MB, 1,000 at the
    least.

    Pictures, once it is fitted: ``words``, the image with each patch replaced by its word; ``where``, the patches of
    the eight most frequent words, each word in a colour; ``codebook``, the 144 words that the image has most of,
    as patches of pixels with the whitening undone, or, where normalisation cannot be undone, the mean of the
    patches that they stand for; and ``inertia``, how the words' mean squared distance fell, where they tell.

    References
    ----------
    G. Csurka, C. Dance, L. Fan, J. Willamowski and C. Bray, "Visual categorization with bags of keypoints", ECCV
    workshop on statistical learning in computer vision, 2004

    A. Coates, H. Lee and A. Y. Ng, "An analysis of single-layer networks in unsupervised feature learning", AISTATS
    2011, https://proceedings.mlr.press/v15/coates11a.html

    Examples
    --------
    >>> import numpy as np
    >>> from featbench.extractors import BagOfVisualWords
    >>> images = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 3)).astype(np.uint8)
    >>> bag = BagOfVisualWords(codebook={"words": 10}, encoding="hard")
    >>> bag.fit_transform(images).reshape(4, 4, 10).sum(axis=(1, 2))  # patches of 6 × 6 in 12 × 12 pixels
    array([49., 49., 49., 49.], dtype=float32)
    """

    recipe: str | None = "coates_ng"
    sampling: Any = None
    descriptor: Any = None
    normalization: Any = None
    codebook: Any = None
    encoding: Any = None
    pooling: Any = None
    final: Any = None
    mirrored: bool = False
    samples: Annotated[int, Bounds(ge=1)] = 400_000
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0
    device: Literal["cpu", "cuda"] = "cpu"

    any_size = True  # cells are shares of an image, so that its size changes no length

    @classmethod
    def written_problems(cls, parameters: Mapping[str, Any], where: Callable[..., str]) -> list[str]:
        """Say which parts are none, have parameters that they cannot have, or do not go together."""
        return part_problems({"recipe": cls.recipe, **parameters}, where)

    @classmethod
    def written_label(cls, parameters: Mapping[str, Any]) -> str:
        """Return what tables call it: the recipe, and what differs from it."""
        return labels.label({"recipe": cls.recipe, **parameters})

    @classmethod
    def written_files(cls, parameters: Mapping[str, Any]) -> str | None:
        """Return a hash of the saved words that parameters name: results are made of those, too."""
        codebook = parameters.get("codebook")
        if isinstance(codebook, Mapping) and codebook.get("name") == "saved":
            return SavedWords(folder=codebook["folder"]).fingerprint("codebook")
        return None

    @classmethod
    def written_schema(cls) -> dict[str, dict[str, Any]]:
        """Return what the JSON Schema of experiments says of recipe and parts: which names there are."""
        return choices.schema()

    @classmethod
    def choices(cls) -> dict[str, list[tuple[str, ...]]]:
        """Return tables for ``featbench info``, headings first: the parts that there are, and the recipes."""
        return choices.tables()

    def transform(self, images: ImageBatch | list[ImageArray]) -> FeatureMatrix:
        """Extract features, as all extractors do; warn of images in which there is no patch.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            Images of another shape or kind, or smaller than a patch.
        """
        empty: list[int] = []
        token = _EMPTY.set(empty)
        try:
            features: FeatureMatrix = super().transform(images)
        finally:
            _EMPTY.reset(token)
        if sum(empty):
            warnings.warn(
                f"BagOfVisualWords: {sum(empty):,} of {len(images):,} images have no patch, since no keypoint was "
                "found in them; they become rows of zeros. The sampling dense finds patches everywhere.",
                NoPatchesWarning,
                stacklevel=2,
            )
        return features

    def placement(self) -> Placement | None:
        """Return where patches are described and encoded, where that is a GPU."""
        return Placement(self.device, "float32", None) if self.device != "cpu" else None

    def _n_features(self, shape: tuple[int, ...]) -> int:
        parts = self._built()
        parts.sampling.check_shape(shape)
        parts.descriptor.check_shape(shape)
        return joined(parts, _channels(shape))[1].out

    def _fit(self, images: Any, y: AnyArray | None) -> None:  # noqa: ARG002 - labels are not read
        shape = images[0].shape if isinstance(images, list) else self.image_shape_
        parts, lengths = joined(build_parts(self._written(), _place), _channels(shape))
        if self.device != "cpu":  # before minutes are spent on learning
            from featbench.words.device import check_device

            check_device(parts, self.device, "BagOfVisualWords")
        self.sampling_: Sampling = clone(parts.sampling)
        self.descriptor_: Descriptor = clone(parts.descriptor)
        self.normalization_: list[FeatureMap] = parts.normalization
        self.codebook_: Codebook = parts.codebook
        self.encoding_: Encoding = clone(parts.encoding)
        self.pooling_: Pooling = clone(parts.pooling)
        self.final_: list[FeatureMap] = []
        self.n_samples_ = 0
        if not parts.learned:
            self._learn(images, parts, _channels(shape))
        core = self._fitted()

        def rows(most: int) -> FeatureMatrix:
            blocks = some_images(images, most)
            return np.concatenate([code(block, core, lengths.row, self.random_state)[0] for block in blocks])

        self.final_ = fit_in_turn(parts.final, lengths.row, rows)
        self.n_features_out_ = lengths.out  # a folder of saved words may hold others than it did

    def _learn(self, images: Any, parts: Parts, channels: int) -> None:
        """Learn normalisation and words from a sample of descriptors."""
        seed = int(self.random_state)
        # Half of them may be mirror images of the others.
        samples = -(-int(self.samples) // (1 + self.mirrored))
        X = sampled_descriptors(images, self.sampling_, self.descriptor_, samples, seed)
        if self.mirrored:
            X = with_mirror_images(X, channels)
        self.n_samples_ = len(X)
        self.normalization_ = []
        for step in parts.normalization:
            self.normalization_.append(clone(step).fit(X))
            X = np.asarray(self.normalization_[-1].transform(X))
        if self.mirrored:
            self.codebook_ = mirrored_words(parts.codebook, X, channels, seed)
        else:
            self.codebook_ = parts.codebook.fit(X, seed)

    def cost(self, n: int, shape: tuple[int, ...]) -> Cost | None:
        """Return the matrix products alone, of patches on a grid, once it is fitted."""
        return (
            products_cost(n, shape, self._fitted(), self.n_features_out_) if hasattr(self, "final_") else None
        )

    def fit_images(self, n: int, shape: tuple[int, ...]) -> float:
        """Return how many of n images have as many patches as are learned from, where they lie on a grid."""
        parts = self._built()
        if parts.learned or any(step.learns for step in parts.final):  # those learn from rows of all images
            return float(n)
        patches = len(parts.sampling.places(np.zeros((1, *shape), dtype=np.uint8), 0).positions)
        samples = -(-int(self.samples) // (1 + self.mirrored))
        return min(float(n), samples / patches) if patches else float(n)

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        if self.device != "cpu":
            from featbench.words.device import features

            return features(images, self._fitted(), self.n_features_out_, self.device)
        rows, n_empty = code(images, self._fitted(), self.n_features_out_, int(self.random_state))
        counted = _EMPTY.get()
        if counted is not None:
            counted.append(n_empty)
        return rows

    def _feature_names(self) -> AnyArray:
        """Return names such as ``bovw[2, 17]``, number of the cell and in the code, as the final maps make them."""
        cells = self.pooling_.n_cells
        length = joined(self._fitted(), _channels(self.image_shape_))[1].code // (1 + self.mirrored)
        names = np.asarray([f"bovw[{i}, {j}]" for i in range(cells) for j in range(length)], dtype=object)
        for step in self.final_:
            names = np.asarray(step.get_feature_names_out(names), dtype=object)
        return names

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return words and where they fire; nothing before `fit`."""
        if not hasattr(self, "final_"):
            return {}
        from featbench.words.pictures import pictures_of

        return pictures_of(self._fitted(), images, int(self.random_state))

    def _check_loaded(self) -> None:
        """Refuse parts that do not go together; the folder of saved words need not be there any more."""
        if hasattr(self, "image_shape_"):
            length = joined(self._fitted(), _channels(self.image_shape_))[1].out
            if length != self.n_features_out_:
                constraint = f"as long as its parts make them, {length} numbers"
                raise InputError(must_be("BagOfVisualWords", "rows", constraint, Shown(self.n_features_out_)))

    def _written(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("recipe", *PARTS, "mirrored")}

    def _built(self) -> Parts:
        """Return the parts that the parameters name; of saved words that have been read, those."""
        folder = self.codebook.get("folder") if isinstance(self.codebook, Mapping) else None
        if isinstance(self.codebook, SavedWords):
            folder = self.codebook.folder
        if folder is not None and hasattr(self, "final_"):
            return self._fitted()
        return build_parts(self._written(), _place)

    def _fitted(self) -> Parts:
        return Parts(**{name: getattr(self, f"{name}_") for name in PARTS}, mirrored=bool(self.mirrored))


def _channels(shape: tuple[Any, ...]) -> int:
    return 3 if len(shape) == 3 else 1


def _place(*keys: Any) -> str:
    """Say which parameter is meant where there is no experiment file to name a line of."""
    return "BagOfVisualWords: " + ".".join(map(str, keys))
