"""Patches at random places of an image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.parameters import Bounds
from featbench.types import ImageArray
from featbench.words.parts import Sampling
from featbench.words.places import Places
from featbench.words.sampling import Side, check_room, sides_of

__all__ = ["RandomCrops"]


@dataclass(kw_only=True, eq=False, repr=False)
class RandomCrops(Sampling):
    """So many patches at random places of each image.

    Parameters
    ----------
    count : int, default=100
        Patches of each image.
    sizes : int or list of int, default=16
        Sides of the patches, in pixels; each patch has one of a list's at random, all equally likely.

    Notes
    -----
    Patches are upright, lie at whole pixels inside the image, anywhere equally likely, and may overlap or be equal.
    What is drawn depends on the seed and on a hash of the image's pixels and shape: the same image has the same
    patches wherever it stands, and equal images have equal ones.
    """

    count: Annotated[int, Bounds(ge=1)] = 100
    sizes: Side | list[Side] = 16

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse images smaller than the largest patch."""
        check_room("RandomCrops", shape, max(sides_of("RandomCrops", self.sizes)))

    def places(self, images: ImageArray, random_state: int) -> Places:
        """Draw patches image by image."""
        self.check_shape(images.shape[1:])
        sides, room = np.array(sides_of("RandomCrops", self.sizes)), np.array(images.shape[1:3])
        n = len(images)
        corners = np.empty((n, self.count, 2), dtype=np.int64)
        sizes = np.empty((n, self.count), dtype=np.int64)
        for i, image in enumerate(images):
            rng = _generator(image, random_state)
            sizes[i] = sides[rng.integers(0, len(sides), self.count)]
            corners[i] = rng.integers(0, room - sizes[i][:, None] + 1)
        return Places(
            positions=(corners + (sizes[:, :, None] - 1) / 2).astype(np.float32).reshape(-1, 2),
            sizes=sizes.astype(np.float32).ravel(),
            angles=np.zeros(n * self.count, dtype=np.float32),
            offsets=np.arange(n + 1, dtype=np.int64) * self.count,
        )


def _generator(image: ImageArray, random_state: int) -> np.random.Generator:
    """Return a generator of an image's own."""
    pixels = np.ascontiguousarray(image)
    hashed = hashlib.blake2b(repr((int(random_state), pixels.shape)).encode(), digest_size=16)
    hashed.update(pixels.data)
    return np.random.default_rng(int.from_bytes(hashed.digest(), "little"))
