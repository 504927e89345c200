"""Rows of numbers from the layers of a trained network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from featbench.errors import FeatbenchError
from featbench.networks.augmenting import normalized
from featbench.networks.building import Captured
from featbench.numerics.torch_device import full_precision
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["REDUCTIONS", "LayerReader", "gram", "images_at_once"]

# Pixels of the images that go through a network at once.
_PIXELS = {"cpu": 2**18, "cuda": 2**22}


def images_at_once(place: str, extent: Sequence[int]) -> int:
    """Return how many images of a height and width go through a network at once."""
    return max(1, _PIXELS[place] // (extent[0] * extent[1]))


def gram(maps: Tensor) -> Tensor:
    """Return the Gram matrices of feature maps, their upper triangles as rows.

    Parameters
    ----------
    maps : Tensor, (n, c, h, w)

    Returns
    -------
    Tensor, (n, c · (c + 1) / 2)
        Row by row: the mean over places of the product of channels i and j, i ≤ j.
    """
    flat = maps.flatten(2)
    products = flat @ flat.transpose(1, 2) / flat.shape[2]
    i, j = torch.triu_indices(*products.shape[1:], device=maps.device)
    return products[:, i, j]


def _mean(maps: Tensor) -> Tensor:
    return maps.flatten(2).mean(dim=2) if maps.ndim == 4 else maps.clone()


def _max(maps: Tensor) -> Tensor:
    return maps.flatten(2).amax(dim=2) if maps.ndim == 4 else maps.clone()


def _spatial(maps: Tensor) -> Tensor:
    # Copied: a layer that works in place would change what it is handed.
    return maps.clone(memory_format=torch.contiguous_format).flatten(1)


# What a layer's output (n, c, h, w) becomes; one of (n, c) stays as it is.
REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": _mean, "max": _max, "spatial": _spatial, "gram": gram,
}  # fmt: skip


class LayerReader:
    """A network in the state of being used, on a device.

    Parameters
    ----------
    network : Module
        Moved to the device.
    layers : sequence of str
    reduction : str
        One of `REDUCTIONS`.
    moments : tuple of ndarray of float32, (c,)
        Mean and deviation that pixels are normalised by.
    place : {"cpu", "cuda"}
    average_flips : bool
        Whether a row is the mean of an image's and its mirror image's.
    precision : {"float32", "bfloat16"}
        Of products on a GPU; float32 is without TF32.
    lock : Lock
        Of the network, whose layers tell what comes out of them to one caller at a time.
    where : str
        Who reads, for messages.
    """

    def __init__(
        self, network: nn.Module, layers: Sequence[str], reduction: str, moments: tuple[AnyArray, AnyArray],
        place: str, average_flips: bool, precision: str, lock: threading.Lock, where: str,
    ) -> None:  # fmt: skip
        self.network = network.to(device=place, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.capture = Captured(self.network, layers, REDUCTIONS[reduction])
        self.mean, self.std = (torch.tensor(values, device=place) for values in moments)
        self.place, self.average_flips, self.precision, self.where = place, average_flips, precision, where
        self.lock = lock

    def rows(self, images: ImageArray, n_columns: int) -> FeatureMatrix:
        """Return a row of float32 an image, of images ``uint8 (n, h, w, c)``.

        Raises
        ------
        FeatbenchError
            One image does not fit into the device's memory.
        """
        rows = np.empty((len(images), n_columns), dtype=np.float32)
        size = images_at_once(self.place, images.shape[1:3])
        start = 0
        with self.lock, torch.inference_mode(), _products(self.place, self.precision):
            while start < len(images):
                part = images[start : start + size]
                try:
                    rows[start : start + len(part)] = self._part(part)
                except torch.OutOfMemoryError as error:
                    if len(part) == 1:
                        raise FeatbenchError(
                            f"{self.where}: one image does not fit into the memory of {self.place}."
                        ) from error
                    size = max(1, len(part) // 2)
                    continue
                start += len(part)
        return rows

    def _part(self, images: ImageArray) -> FeatureMatrix:
        inputs = normalized(torch.tensor(images, device=self.place), self.mean, self.std)
        found = torch.cat(self.capture(inputs), dim=1).float()
        if self.average_flips:
            found = (found + torch.cat(self.capture(inputs.flip(-1)), dim=1).float()) / 2
        host: FeatureMatrix = found.cpu().numpy()
        return host


@contextmanager
def _products(place: str, precision: str) -> Iterator[None]:
    """Multiply in full precision; or, on a GPU and where it is asked for, in bfloat16."""
    if place == "cpu":
        yield
        return
    settings: Any = torch.backends.cudnn.flags
    if precision == "bfloat16":
        with settings(enabled=True, deterministic=True), torch.autocast(place, dtype=torch.bfloat16):
            yield
        return
    with full_precision(torch, place), settings(enabled=True, deterministic=True, allow_tf32=False):
        yield
