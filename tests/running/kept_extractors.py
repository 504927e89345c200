"""Extractors whose features are kept, or cannot be; apart from the tests, so that no edit of these is one of theirs."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from featbench.base import Extractor
from featbench.parameters import Bounds

N_CLASSES = 4


@dataclass(kw_only=True, eq=False, repr=False)
class Remembers(Extractor):
    """Says the labels of images that it has seen, in arrays that can be saved: the worst that may learn from labels."""

    uses_labels = True

    def _n_features(self, shape: tuple[int, ...]) -> int:
        return N_CLASSES

    def _fit(self, images: Any, y: Any) -> None:
        self.seen_, self.labels_ = _codes(images), np.array(y)

    def _extract(self, images: Any) -> Any:
        same = _codes(images)[:, None] == self.seen_[None, :]
        known = np.where(same.any(axis=1), self.labels_[same.argmax(axis=1)], -1)
        return np.eye(N_CLASSES + 1, dtype=np.float32)[known][:, :N_CLASSES]


def _codes(images: Any) -> Any:
    return np.array([zlib.crc32(image.tobytes()) for image in images], dtype=np.int64)


@dataclass(kw_only=True, eq=False, repr=False)
class Draws(Extractor):
    """Random directions, of a file where one is named."""

    d: Annotated[int, Bounds(ge=1)] = 3
    random_state: int = 0
    file: str = ""

    @classmethod
    def written_files(cls, parameters: Any) -> str | None:
        return Path(parameters["file"]).read_text() if parameters.get("file") else None

    def _n_features(self, shape: tuple[int, ...]) -> int:
        return self.d

    def _extract(self, images: Any) -> Any:
        flat = images.reshape(len(images), -1).astype(np.float64)
        draws = np.random.default_rng(self.random_state).normal(size=(flat.shape[1], self.d))
        return np.ascontiguousarray(flat @ draws, dtype=np.float32)


@dataclass(kw_only=True, eq=False, repr=False)
class Unsavable(Draws):
    """Learns what only pickle could keep."""

    def _fit(self, images: Any, y: Any) -> None:
        self.found_ = {1: "a key that is no text"}
