"""Images on a device as bytes, and what training makes of them there: shifted, mirrored, partly covered, normalised."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from featbench.networks.recipe import Recipe
from featbench.types import AnyArray, ImageArray, Indices

__all__ = ["DeviceImages", "normalized"]


def normalized(pixels: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return bytes ``(n, h, w, c)`` as float32 ``(n, c, h, w)``, channels last, minus the mean and by the deviation."""
    return ((pixels.float() - mean) / std).permute(0, 3, 1, 2)


class DeviceImages:
    """Training images on a device.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, c)
    mean, std : ndarray of float32, (c,)
    recipe : Recipe
        Of which `flip`, `crop` and `cutout` are read.
    place : str
        The device.
    generator : Generator
        On that device.
    """

    def __init__(
        self,
        images: ImageArray,
        mean: AnyArray,
        std: AnyArray,
        recipe: Recipe,
        place: str,
        generator: torch.Generator,
    ) -> None:
        self.pixels = torch.tensor(images, device=place)
        self.mean, self.std = (torch.tensor(values, device=place) for values in (mean, std))
        self.recipe, self.place, self.generator = recipe, place, generator
        n, *self.extents = images.shape[:3]
        self.n = n
        self.coins = self._coins(n)
        self.reflected = [
            torch.tensor(_reflected(extent, recipe.crop), device=place) for extent in self.extents
        ]

    def _coins(self, n: int) -> Tensor:
        return torch.randint(0, 2, (n,), generator=self.generator, device=self.place).bool()

    def batch(self, rows: Tensor, epoch: int) -> Tensor:
        """Return images as training sees them in an epoch, float32 ``(len(rows), c, h, w)``."""
        height, width = self.extents
        crop = self.recipe.crop
        ys, xs = (torch.arange(extent, device=self.place).expand(len(rows), -1) for extent in (height, width))
        if self.recipe.flip != "none":
            xs = torch.where(self._mirrored(rows, epoch)[:, None], width - 1 - xs, xs)
        if crop:
            ys, xs = (
                self.reflected[0][ys + self._offsets(rows, crop)],
                self.reflected[1][xs + self._offsets(rows, crop)],
            )
        made = normalized(
            self.pixels[rows[:, None, None], ys[:, :, None], xs[:, None, :]], self.mean, self.std
        )
        return self._covered(made) if self.recipe.cutout else made

    def plain(self, n: int) -> Tensor:
        """Return the first n images as they are, normalised, float32 ``(n, c, h, w)``."""
        return normalized(self.pixels[:n], self.mean, self.std)

    def _mirrored(self, rows: Tensor, epoch: int) -> Tensor:
        """Tell which images are mirrored: in turn half of all and the other half, or half at random."""
        if self.recipe.flip == "alternating":
            return self.coins[rows] ^ bool(epoch % 2)
        return self._coins(len(rows))

    def _offsets(self, rows: Tensor, crop: int) -> Tensor:
        return torch.randint(0, 2 * crop + 1, (len(rows), 1), generator=self.generator, device=self.place)

    def _covered(self, images: Tensor) -> Tensor:
        """Cover a square of each image, which lies whole inside, by 0, the mean colour."""
        inside = []
        for axis, extent in enumerate(self.extents):
            side = min(self.recipe.cutout, extent)
            first = torch.randint(
                0, extent - side + 1, (len(images), 1), generator=self.generator, device=self.place
            )
            line = torch.arange(extent, device=self.place)
            within = (line >= first) & (line < first + side)
            inside.append(within[:, None, :, None] if axis == 0 else within[:, None, None, :])
        return images.masked_fill(inside[0] & inside[1], 0)


def _reflected(extent: int, crop: int) -> Indices:
    """Return which pixel of a line stands where once it is padded by `crop` on both sides."""
    line = np.arange(extent, dtype=np.int64)
    return np.pad(line, crop, mode="reflect") if crop else line
