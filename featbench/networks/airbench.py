"""The network of the speed runs, after K. Jordan's airbench94 and airbench96."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from featbench.networks.recipe import Recipe
from featbench.networks.residual import Scale
from featbench.networks.whitening import whitening_filters
from featbench.types import AnyArray, ImageArray

__all__ = ["Airbench", "Airbench96"]

_PATCH = 2  # side of the patches that the first layer whitens
_EPSILON = 5e-4  # added to the variances, of pixels with variance 1
_WHITENED = 5000  # images whose patches are looked at


class Airbench(nn.Sequential):
    """Whitened patches, then three blocks of two convolutions without biases, max pooling, GELU.

    The first layer is learned without labels, from the covariance of patches of training images; its filters stay as
    they are. Filters begin as the identity where they can, the scales of batch norms stay 1.

    Parameters
    ----------
    channels, classes : int

    References
    ----------
    K. Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024. arXiv:2404.00498; its program,
    https://github.com/KellerJordan/cifar10-airbench

    Deviations
    ----------
    float32 with bf16 products in the place of float16; batch norm's epsilon is PyTorch's 1e-5, not 1e-12; the last
    pooling takes the maximum of the whole map, which is the same for 32 × 32. Test images are averaged over mirror
    images, not over shifts.
    """

    recipe: ClassVar[Recipe] = Recipe(
        epochs=9.9, batch_size=1024, learning_rate=0.375, momentum=0.85, weight_decay=0.0013304,
        bias_scale=64, label_smoothing=0.2, end=0.07, lookahead=True, flip="alternating", crop=2,
    )  # fmt: skip
    widths: ClassVar[tuple[int, ...]] = (64, 256, 256)
    deep: ClassVar[bool] = False
    norm_momentum: ClassVar[float] = 0.4

    def __init__(self, channels: int, classes: int) -> None:
        n_filters = 2 * channels * _PATCH**2
        self_made: list[tuple[str, nn.Module]] = [
            ("whiten", nn.Conv2d(channels, n_filters, _PATCH)),
            ("activation", nn.GELU()),
        ]
        before = n_filters
        for i, width in enumerate(self.widths):
            self_made.append((f"block{i + 1}", _Block(before, width, self.deep, self.norm_momentum)))
            before = width
        self_made += [
            ("pool", nn.AdaptiveMaxPool2d(1)),
            ("flatten", nn.Flatten()),
            ("head", nn.Linear(before, classes, bias=False)),
            ("scale", Scale(1 / 9)),
        ]
        super().__init__(OrderedDict(self_made))
        self.whiten: Any
        self.whiten.weight.requires_grad = False
        nn.init.zeros_(self.whiten.bias)

    def prepare(self, images: ImageArray, mean: AnyArray, std: AnyArray) -> None:
        """Set the first layer from training images; called once, before training.

        Parameters
        ----------
        images : ndarray of uint8, (n, h, w, c)
        mean, std : ndarray of float32, (c,)
            That pixels are normalised by.
        """
        few = images[:: max(1, len(images) // _WHITENED)][:_WHITENED]
        filters = whitening_filters(few, mean, std, _PATCH, _EPSILON)
        with torch.no_grad():
            self.whiten.weight.copy_(torch.from_numpy(filters))


class Airbench96(Airbench):
    """`Airbench` with wider blocks of three convolutions, the last two added to what goes through.

    Parameters
    ----------
    channels, classes : int
    """

    recipe: ClassVar[Recipe] = dataclasses.replace(
        Airbench.recipe, epochs=37, learning_rate=0.29348, weight_decay=0.0013333, end=0.0, peak_at=0.1,
        crop=4, cutout=12,
    )  # fmt: skip
    widths: ClassVar[tuple[int, ...]] = (128, 384, 512)
    deep: ClassVar[bool] = True
    norm_momentum: ClassVar[float] = 0.1


class _Block(nn.Module):
    def __init__(self, before: int, after: int, deep: bool, norm_momentum: float) -> None:
        super().__init__()
        self.conv1 = _identity(before, after)
        self.pool = nn.MaxPool2d(2)
        self.norm1 = _norm(after, norm_momentum)
        self.conv2 = _identity(after, after)
        self.norm2 = _norm(after, norm_momentum)
        self.deep = deep
        if deep:
            self.conv3 = _identity(after, after)
            self.norm3 = _norm(after, norm_momentum)

    def forward(self, x: Tensor) -> Tensor:
        gelu = nn.functional.gelu
        x = gelu(self.norm1(self.pool(self.conv1(x))))
        inner = self.norm2(self.conv2(x))
        if self.deep:
            inner = x + self.norm3(self.conv3(gelu(inner)))
        return gelu(inner)


def _identity(before: int, after: int) -> nn.Conv2d:
    """Return a convolution whose first filters hand each channel on as it is."""
    layer = nn.Conv2d(before, after, 3, padding=1, bias=False)
    if not layer.weight.is_meta:
        nn.init.dirac_(layer.weight.data[:before])
    return layer


def _norm(width: int, momentum: float) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(width, momentum=momentum)
    layer.weight.requires_grad = False
    return layer
