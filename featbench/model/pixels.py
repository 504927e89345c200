"""From an image file to the pixels that a model was trained on: their size, and colour or grey."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from featbench.datasets.decode import MAX_PIXELS, Resize, decode
from featbench.errors import DataError
from featbench.numerics.threads import spread
from featbench.types import ImageArray

__all__ = ["Pixels"]


@dataclass(frozen=True)
class Pixels:
    """What becomes of an image file.

    Attributes
    ----------
    shape : tuple of int
        ``(h, w, 3)`` or ``(h, w)``: an image is brought to this size, and to grey where there are no channels.
    resize : {"squash", "crop", "pad"}
        As of the ``folder`` data set; images that are not square are always squashed.
    max_pixels : int
        A larger image is not decoded.
    """

    shape: tuple[int, ...]
    resize: Resize = "squash"
    max_pixels: int = MAX_PIXELS

    def to_json(self) -> dict[str, Any]:
        """Return the attributes in JSON's types."""
        return {"shape": list(self.shape), "resize": self.resize, "max_pixels": self.max_pixels}

    def read(self, paths: Sequence[Path]) -> tuple[ImageArray, dict[int, str]]:
        """Decode files on all cores.

        Parameters
        ----------
        paths : sequence of Path

        Returns
        -------
        images : ndarray of uint8, (n, *shape)
            Those that can be decoded, in order.
        problems : dict of int to str
            Why the others cannot, by their position in `paths`.
        """
        images = np.empty((len(paths), *self.shape), dtype=np.uint8)
        problems: dict[int, str] = {}

        def work(start: int, stop: int) -> None:
            for position in range(start, stop):
                try:
                    images[position] = self._decode(paths[position])
                except DataError as error:
                    problems[position] = str(error)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of odd metadata
            spread(work, len(paths))
        kept = np.delete(images, list(problems), axis=0) if problems else images
        return kept, dict(sorted(problems.items()))

    def _decode(self, path: Path) -> ImageArray:
        height, width = self.shape[:2]
        if height == width:
            pixels = decode(path, height, self.resize, self.max_pixels)
        else:
            whole = Image.fromarray(decode(path, None, self.resize, self.max_pixels))
            pixels = np.asarray(whole.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0))
        return pixels if len(self.shape) == 3 else np.asarray(Image.fromarray(pixels).convert("L"))
