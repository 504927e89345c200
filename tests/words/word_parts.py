"""Parts that are as simple as can be, as a user writes them, and images for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featbench.extractors import BagOfVisualWords
from featbench.images import ImageSource
from featbench.words.parts import Codebook, Descriptor, Encoding


@dataclass(kw_only=True, eq=False, repr=False)
class EveryNth(Codebook):
    """Descriptors evenly spaced among those that were drawn."""

    words: int = 6

    def fit(self, X, random_state=0):
        self.words_ = X[np.linspace(0, len(X) - 1, self.words).astype(int)].copy()
        return self


@dataclass(kw_only=True, eq=False, repr=False)
class Near(Encoding):
    """1 for the nearest word."""

    def length(self, codebook):
        return len(codebook.words_)

    def codes(self, X, codebook):
        distances = ((X[:, None].astype(float) - codebook.words_) ** 2).sum(axis=2)
        return (np.arange(distances.shape[1]) == distances.argmin(axis=1)[:, None]).astype(np.float32)


@dataclass(kw_only=True, eq=False, repr=False)
class MeanColour(Descriptor):
    """The mean of the pixels around a place; `wrong` says how it breaks its promise."""

    wrong: str = ""

    def length(self, channels):
        return channels

    def describe(self, images, places):
        rows = []
        for i, image in enumerate(images.reshape(*images.shape[:3], -1)):
            for j in range(places.offsets[i], places.offsets[i + 1]):
                row, col = np.floor(places.positions[j]).astype(int)
                rows.append(image[row : row + 2, col : col + 2].mean(axis=(0, 1)))
        values = np.array(rows, dtype=np.float32).reshape(
            -1, self.length(images.reshape(*images.shape[:3], -1).shape[3])
        )
        if self.wrong == "nan":
            values[0] = np.nan
        return values.astype(float) if self.wrong == "float64" else values


def photographs_like(n=12, shape=(14, 15, 3), seed=0):
    """Smooth noise in colour: patches that differ."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 4, 4, 3))
    factor = -(-max(shape[:2]) // 4)
    fine = coarse.repeat(factor, axis=1).repeat(factor, axis=2)[:, : shape[0], : shape[1]]
    images = np.clip(fine + rng.integers(-20, 21, fine.shape), 0, 255).astype(np.uint8)
    return images if len(shape) == 3 else images[..., 0]


def small(**parameters):
    return BagOfVisualWords(**{"codebook": {"words": 7}, "samples": 500, **parameters})


def patches_of(image, size=6):
    """Every patch with its centre, by slices."""
    for row in range(image.shape[0] - size + 1):
        for col in range(image.shape[1] - size + 1):
            yield image[row : row + size, col : col + size].ravel(), row + size / 2, col + size / 2


class Watched(ImageSource):
    """A source that remembers how many images it was asked for, in all and at once."""

    def __init__(self, n, shape):
        self.image_shape, self.n, self.reads = shape, n, []

    def __len__(self):
        return self.n

    def read(self, indices):
        self.reads.append(len(indices))
        rng = np.random.default_rng(int(indices[0]))
        return rng.integers(0, 256, (len(indices), *self.image_shape)).astype(np.uint8)
