"""Networks whose blocks add to what goes through them."""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from torch import Tensor, nn

from featbench.networks.recipe import Recipe

__all__ = ["ResNet9", "ResNet18", "Scale"]


class Scale(nn.Module):
    """Multiply by a number that is not learned.

    Parameters
    ----------
    factor : float
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return the product."""
        return x * self.factor


class ResNet9(nn.Sequential):
    """Eight convolutions, four of them in two residual blocks, and a linear classifier; after D. Page.

    6,573,120 weights for three channels and ten classes.

    Parameters
    ----------
    channels, classes : int

    References
    ----------
    D. Page, How to train your ResNet, 2018 to 2019, https://myrtle.ai/learn/how-to-train-your-resnet/
    """

    recipe: ClassVar[Recipe] = Recipe(
        epochs=24, batch_size=512, learning_rate=0.2, weight_decay=5e-4, crop=4, cutout=8, flip="random"
    )

    def __init__(self, channels: int, classes: int) -> None:
        layers: list[tuple[str, nn.Module]] = [
            ("prepare", _convolved(channels, 64)),
            ("block1", nn.Sequential(_convolved(64, 128), nn.MaxPool2d(2), _Added(128))),
            ("block2", nn.Sequential(_convolved(128, 256), nn.MaxPool2d(2))),
            ("block3", nn.Sequential(_convolved(256, 512), nn.MaxPool2d(2), _Added(512))),
            ("pool", nn.AdaptiveMaxPool2d(1)),
            ("flatten", nn.Flatten()),
            ("head", nn.Linear(512, classes, bias=False)),
            ("scale", Scale(0.125)),
        ]
        super().__init__(OrderedDict(layers))


def _convolved(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
    )


class _Added(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(_convolved(width, width), _convolved(width, width))

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.inner(x)
        return added


class ResNet18(nn.Sequential):
    """The residual network of 18 layers in its form for small images: a first layer of 3 × 3 without pooling.

    11,173,962 weights for three channels and ten classes.

    Parameters
    ----------
    channels, classes : int

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, CVPR 2016.
    doi:10.1109/CVPR.2016.90
    """

    recipe: ClassVar[Recipe] = Recipe(epochs=30, batch_size=128, learning_rate=0.2, crop=4)

    def __init__(self, channels: int, classes: int) -> None:
        layers: list[tuple[str, nn.Module]] = [("prepare", _convolved(channels, 64))]
        before = 64
        for i, width in enumerate((64, 128, 256, 512)):
            blocks = _Basic(before, width, 1 if i == 0 else 2), _Basic(width, width, 1)
            layers.append((f"block{i + 1}", nn.Sequential(*blocks)))
            before = width
        layers += [
            ("pool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("head", nn.Linear(before, classes)),
        ]  # fmt: skip
        super().__init__(OrderedDict(layers))


class _Basic(nn.Module):
    """Two convolutions, the input added before the last ReLU; 1 × 1 where it has another shape."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            _convolved(before, after, stride),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = nn.Sequential()
        if stride > 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.inner(x) + self.shortcut(x))
